//! The files that a security review put into a project (S11), and their kind.

use super::{ALNUM, BASE32, BASE64, HEX, UPPER, first_in, pem, random, random_from, utf16};
use crate::secret::of_name;

/// Joins a prefix that only a token has to the rest of one.
fn token(prefix: &[&str], alphabet: &str, length: usize) -> String {
    format!("{}{}", prefix.concat(), random(alphabet, length))
}

/// Path, content, and whether the name is enough.
fn files() -> Vec<(&'static str, String, bool)> {
    let plain = |path, text: &str| (path, text.to_owned(), true);
    let user_password = "dXNlcjpodW50ZXIyLTEyMw=="; // user:hunter2-123
    let aws_secret = random(BASE64, 40);
    let mut files = vec![
        // By name.
        plain(".env", "A=1"),
        plain(".env.local", "A=1"),
        plain("web/.ENV.production", "A=1"),
        plain(".envrc", "export A=1"),
        plain("prod.env", "A=1"),
        plain("deploy/staging.env", "A=1"),
        plain(".netrc", "machine h login u password p"),
        plain("_netrc", ""),
        plain(".pypirc", ""),
        plain(".git-credentials", ""),
        plain(".pgpass", ""),
        plain(".my.cnf", ""),
        plain(".htpasswd", ""),
        plain(".s3cfg", ""),
        plain(".boto", ""),
        plain("conf/rclone.conf", ""),
        plain("home/.aws/credentials", ""),
        plain(".kube/config", ""),
        plain("cluster.kubeconfig", ""),
        plain(".docker/config.json", "{\"auths\": {}}"),
        plain(".huggingface/token", ""),
        plain(".cache/huggingface/token", ""),
        plain("kaggle.json", "{\"username\":\"a\",\"key\":\"b\"}"),
        plain(".kaggle/kaggle.json", ""),
        plain(".databrickscfg", ""),
        plain("application_default_credentials.json", ""),
        plain(".config/gcloud/application_default_credentials.json", ""),
        plain(".config/gcloud/credentials.db", ""),
        plain(".azure/msal_token_cache.json", ""),
        plain(".azure/accessTokens.json", ""),
        plain("terraform.tfstate", "{}"),
        plain("prod.tfstate.backup", "{}"),
        plain("terraform.tfvars", ""),
        plain(".streamlit/secrets.toml", ""),
        plain("secrets.yaml", ""),
        plain("id_rsa", "x"),
        plain("keys/id_ed25519", "x"),
        plain("id_rsa_work", "x"),
        plain("id_rsa.bak", "x"),
        plain("id_ed25519-old", "x"),
        plain("key.ppk", ""),
        plain("cert.p12", ""),
        plain("release.jks", ""),
        plain("pass.kdbx", ""),
        plain(".cargo/credentials.toml", ""),
        plain(".config/gh/hosts.yml", ""),
        plain(".config/azml/tokens.json", ""),
        plain(".vault-token", ""),
    ];
    let mut content = |path: &'static str, text: String| files.push((path, text, false));
    content(".npmrc", format!("//registry.npmjs.org/:_authToken={}\n", random(ALNUM, 24)));
    content(".npmrc", format!("//registry.npmjs.org/:_authToken={}\n", token(&["npm", "_"], ALNUM, 36)));
    content("docker-config.json", format!("{{\"auths\": {{\"h\": {{\"auth\": \"{user_password}\"}}}}}}"));
    content("cluster.yaml", format!("users:\n- user:\n    client-key-data: {}\n", random(BASE64, 400)));
    content("train.py", format!("login(token=\"{}\")\n", token(&["hf", "_"], ALNUM, 34)));
    content("settings.py", format!("WANDB_API_KEY={}\n", random(HEX, 40)));
    content("a.py", format!("wandb.login(key=\"{}\")\n", random(HEX, 40)));
    content("n", format!("machine api.wandb.ai\n  login user\n  password {}\n", random(HEX, 40)));
    content("b.py", format!("os.environ[\"WANDB_API_KEY\"] = '{}'\n", random(HEX, 40)));
    content("k.py", format!("KAGGLE_KEY: {}\n", random(HEX, 32)));
    content("openai.txt", token(&["sk", "-proj-"], ALNUM, 48));
    content("openai.py", format!("api_key='{}'", token(&["sk", "-"], ALNUM, 48)));
    content("claude.txt", token(&["sk", "-ant-", "api03-"], ALNUM, 90));
    content("maps.js", format!("key={}\"", token(&["AI", "za"], ALNUM, 35)));
    content("groq", token(&["gs", "k_"], ALNUM, 52));
    content("replicate", token(&["r8", "_"], ALNUM, 37));
    content("nv", token(&["nv", "api-"], ALNUM, 64));
    content("aws.ini", format!("aws_secret_access_key = {aws_secret}\n"));
    content("aws.sh", format!("export AWS_SECRET_ACCESS_KEY='{aws_secret}'\n"));
    content("aws.json", format!("{{\"SecretAccessKey\": \"{aws_secret}\"}}"));
    content("aws.py", format!("os.environ[\"AWS_SECRET_ACCESS_KEY\"] = \"{aws_secret}\""));
    content("aws.xml", format!("<SecretAccessKey>{aws_secret}</SecretAccessKey>"));
    content("aws2", token(&["AK", "IA"], UPPER, 16));
    content("aws3", format!("id={}\n", token(&["AS", "IA"], UPPER, 16)));
    content("aws4", format!("aws_session_token={}\n", random(BASE64, 300)));
    content("slack1", format!("xox{}{}-{}", "b-12345678901-", random(HEX, 11), random(ALNUM, 24)));
    content("slack2", format!("xox{}{}", "p-123456789012-123456789012-", random(HEX, 32)));
    content(
        "slack3",
        format!(
            "https://hooks.slack.com/{}/T{}/B{}/{}",
            "services",
            random(UPPER, 8),
            random(UPPER, 8),
            random(ALNUM, 24)
        ),
    );
    content("stripe", token(&["sk", "_live_"], ALNUM, 24));
    content("stripe2", token(&["rk", "_live_"], ALNUM, 24));
    content("pypi", token(&["py", "pi-Ag", "EIcHlwaS5vcmc"], ALNUM, 140));
    content("vault", token(&["hv", "s."], ALNUM, 90));
    content("google", token(&["GOC", "SPX-"], ALNUM, 28));
    content("adc.json", format!("\"refresh_token\": \"{}\"", token(&["1/", "/0"], ALNUM, 100)));
    content("gh1", token(&["gh", "p_"], ALNUM, 36));
    content("gh2", token(&["gh", "s_"], ALNUM, 36));
    content(
        "gh4",
        format!(
            "{}_eyJ{}.eyJ{}.{}",
            token(&["gh", "s_"], "0123456789", 7),
            random(ALNUM, 33),
            random(ALNUM, 200),
            random(ALNUM, 86)
        ),
    );
    content("gh3", token(&["github", "_pat_"], ALNUM, 82));
    content("gl", token(&["gl", "pat-"], ALNUM, 20));
    content("gl2", format!("{}.01.{}", token(&["gl", "pat-"], ALNUM, 27), random("0123456789abcdefghij", 9)));
    content("gl3", token(&["glp", "tt-"], HEX, 40));
    content("bedrock", token(&["ABSKQmVkcm", "9ja0FQSUtleS"], BASE64, 110));
    content("pplx", token(&["pp", "lx-"], ALNUM, 48));
    content("pinecone", token(&["pc", "sk_"], ALNUM, 6) + "_" + &random(ALNUM, 63));
    content("whsec", token(&["wh", "sec_"], ALNUM, 32));
    content("oat", token(&["dckr", "_oat_"], ALNUM, 32));
    content("wandb", token(&["wandb", "_v1_"], ALNUM, 27) + "_" + &random(ALNUM, 49));
    content("dbx", format!("token={}", token(&["da", "pi"], HEX, 32)));
    content("dckr", token(&["dckr", "_pat_"], ALNUM, 27));
    content("azure", format!("DefaultEndpointsProtocol=https;Account{}={}==;", "Key", random(BASE64, 86)));
    content("bus", format!("Endpoint=sb://x/;SharedAccess{}={}=", "Key", random(BASE64, 43)));
    content(
        "sas",
        format!(
            "https://a.blob.core.windows.net/c?sv=2022-11-02&se=2030-01-01&{}={}%3D",
            "sig",
            random(ALNUM, 43)
        ),
    );
    content("azdo", format!("{}AZ{}{}", random(ALNUM, 76), "DO", random(ALNUM, 4)));
    content("pat.txt", format!("{}\n", random(BASE32, 52)));
    content("ci.yml", format!("  token: {}\n", random(BASE32, 52)));
    content("url", format!("https://me:{}@dev.azure.com/x\n", random(BASE32, 52)));
    content("url2", format!("git clone https://{}@dev.azure.com/x\n", random(BASE32, 52)));
    content("pip.conf", format!("index-url = https://u:{}@pypi.corp/simple\n", random(ALNUM, 12)));
    content("db.py", format!("create_engine('postgresql+psycopg2://app:{}@db:5432/x')", "hunter2!"));
    content("curl.sh", format!("curl -H 'Authorization: Bearer {}' h\n", random(ALNUM, 40)));
    for kind in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        content("key", pem(kind));
        content("key.json", format!("{{\"private_key\": {:?}}}", pem(kind)));
        content("key.py", format!("KEY = \"\"\"{}\"\"\"\n", pem(kind)));
    }
    content("putty", format!("PuTTY-User-Key-{}: ssh-ed25519\nEncryption: none\n", "File-3"));
    content("age", format!("# created\nAGE-SECRET-{}{}", "KEY-1", random(UPPER, 58)));
    content("n.ipynb", format!("\"source\": [\"tok = \\\"{}\\\"\\n\"]", token(&["hf", "_"], ALNUM, 34)));
    content("o.ipynb", format!("\"text\": [\"x\\n{}\\n\"]", token(&["gh", "p_"], ALNUM, 36)));
    files
}

#[test]
fn every_kind_of_file_of_the_review_is_found() {
    let files = files();
    assert!(files.len() > 100, "{}", files.len());
    for (path, text, by_name) in files {
        assert_eq!(of_name(path.as_bytes()).is_some(), by_name, "{path}");
        let found = first_in(text.as_bytes());
        assert!(by_name || found.is_some(), "{path}: {text}");
        if by_name {
            continue;
        }
        for (has_mark, is_big) in [(true, false), (true, true), (false, false), (false, true)] {
            let wide = format!("A text of more than a few letters\n{text}\n");
            let again = first_in(&utf16(&wide, has_mark, is_big))
                .unwrap_or_else(|| panic!("{path} in UTF-16: {text}"));
            assert_eq!(again.rule, found.as_ref().unwrap().rule, "{path}");
            assert!(again.line >= 2, "{path}");
        }
    }
}

#[test]
fn a_secret_is_found_in_a_large_file_and_in_a_binary_one() {
    let secret = token(&["hf", "_"], ALNUM, 34);
    let mut text = "a line of a notebook's output\n".repeat(40_000);
    text.push_str(&secret);
    assert_eq!(first_in(text.as_bytes()).unwrap().line, 40_001);
    let mut binary = vec![0_u8; 10_000];
    binary.extend_from_slice(pem("RSA PRIVATE KEY").as_bytes());
    assert!(first_in(&binary).is_some());
}

#[test]
fn old_tokens_are_found_wherever_they_begin() {
    for seed in 1..200 {
        let token = random_from(BASE32, 52, seed * 7919);
        let text =
            format!("{} = '{token}'\n{}", "x".repeat(usize::try_from(seed).unwrap() % 120), "y ".repeat(60));
        let found = first_in(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found.span.end - found.span.start, 52);
    }
}

#[test]
fn the_whole_of_a_token_with_dots_is_found() {
    for secret in [
        format!(
            "{}_eyJ{}.eyJ{}.{}",
            token(&["gh", "s_"], "0123456789", 7),
            random(ALNUM, 33),
            random(ALNUM, 99),
            random(ALNUM, 86)
        ),
        format!("{}.01.{}", token(&["gl", "pat-"], ALNUM, 27), random("0123456789abcdefghij", 9)),
    ] {
        let found =
            first_in(format!("token = '{secret}'\n").as_bytes()).unwrap_or_else(|| panic!("{secret}"));
        assert_eq!(found.span.end - found.span.start, secret.len() as u64, "{secret}");
    }
}
