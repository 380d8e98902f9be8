//! Harmless names and contents that look like secrets: a false alarm keeps a file out of a snapshot.

use super::{ALNUM, BASE64, HEX, all_in, random, random_from};
use crate::secret::of_name;

#[test]
fn harmless_names() {
    for name in [
        ".env.example",
        "env.example",
        "example.env",
        ".env.sample",
        "prod.env.template",
        ".environment",
        "env",
        "environment.yml",
        "id_rsa.pub",
        "id_rsa.md",
        "id_rsa_utils.py",
        "id_rsa2",
        "ids.txt",
        "train.py",
        ".pfx",
        "credentials",
        "tokens.json",
        "config.json",
        "docker/config",
        "token",
        "secrets.py",
        "test_secrets.toml.py",
        "main.tf",
        "kube/config",
        "tokenizer.json",
        "special_tokens_map.json",
        "netrc.md",
        "password.py",
    ] {
        assert_eq!(of_name(name.as_bytes()), None, "{name}");
    }
}

fn lines(numbers: std::ops::Range<u64>, line: &dyn Fn(u64) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().concat()
}

fn contents() -> Vec<(&'static str, String)> {
    let hex = |length| random(HEX, length);
    vec![
        ("a certificate", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0\n-----END CERTIFICATE-----".to_owned()),
        ("a public key", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQ\n".to_owned()),
        ("code that knows keys", "if '-----BEGIN PRIVATE KEY-----' in text:\n    raise ValueError\n".to_owned()),
        ("code that makes keys", "pem = \"-----BEGIN RSA PRIVATE KEY-----\\n\" + body + \"\\n-----END\"".to_owned()),
        ("a document about keys", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n".to_owned()),
        ("AWS's example", format!("AKIA{}", "IOSFODNN7EXAMPLE")),
        ("AWS's other example", format!("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY{}", "EXAMPLEKEY")),
        ("a short one", "ghp_short and hf_hub_download and sk-estimator AKIA1234".to_owned()),
        ("names in code", "hf_requiredCharacteristicTypesForDisplayMetadata hf_generatedByHomeAppForDebuggingPurposesKey api_org_controller whsec_ ops_eyJ pplx-sonar-reasoning glft-2 rubygems_version".to_owned()),
        ("placeholders", format!("ghp_{0} hf_{0} sk-proj-{0} npm_{0}", "x".repeat(36))),
        ("an example's URL", "https://user:pass@example.com/ https://user:password@host postgres://postgres:postgres@localhost/db".to_owned()),
        ("URLs to fill in", "https://$USER:$TOKEN@h https://u:${PAT}@h https://{user}:{pw}@h https://<u>:<p>@h http://u:%s@h".to_owned()),
        ("URLs with @ elsewhere", "https://h/@scope/name https://h:8080/a@b https://cdn/css2?family=Inter:wght@400 ssh://git@h:22/x git+ssh://git@github.com/x".to_owned()),
        ("an image by digest", format!("docker://busybox:1.36@sha256:{}", hex(64))),
        ("minified code", "fetch(\"https://\"+a.user+\":\"+a.pass+\"@\"+h);var e=\"sk-\"+n;t.token=t.token||x.hf_a;".to_owned()),
        ("an expression for URLs", r"re.match(r'https?://([^:]+):([^@]+)@(.*)', url)".to_owned()),
        ("a lock file", lines(1..200, &|n| format!("    \"sha512-{}==\",\n --hash=sha256:{}\n", random_from(BASE64, 86, n), random_from(HEX, 64, n)))),
        ("a lock file of a fork", format!("wandb @ git+https://github.com/wandb/wandb@{}\nwandb==0.16\n", hex(40))),
        ("git's ids", lines(1..300, &|n| random_from(HEX, 40, n) + "\n")),
        ("UUIDs", lines(1..300, &|n| format!("{}-{}-4{}-a{}-{}\n", random_from(HEX, 8, n), random_from(HEX, 4, n), random_from(HEX, 3, n), random_from(HEX, 3, n), random_from(HEX, 12, n)))),
        ("a CSV of hex", lines(1..300, &|n| format!("{},{},{}\n", random_from(HEX, 32, n), random_from(HEX, 16, n), n))),
        ("an image in a notebook", format!("\"image/png\": \"{}\"", random(BASE64, 300_000))),
        ("a data URL", format!("url(data:image/png;base64,{})", random(BASE64, 50_000))),
        ("a nix hash", "sha256 = \"0sdxg3fcbq4ba4swknkmbp2xyzabcdfghijklmnpqrsvwxyz2345\";".to_owned()),
        ("a hash in base32", format!("base32 {}", random("abcdefghijklmnopqrstuvwxyz234567", 52))),
        ("words in a row", "thequickbrownfoxjumpsoverthelazydogandrunsawayquickly".repeat(3)),
        ("DNA", "acgtacgtgacctgacgtacgtagctagctagctagcatcgatcgactagc\n".repeat(100)),
        ("a chain of names", "tokenizer_special_tokens_map, hf_hub_download_everything_from_here_and_there_now, npm_config_registry".to_owned()),
        ("npm's own settings", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\nthis._authToken = options.token;\nalways-auth=true\n".to_owned()),
        ("docker without logins", "{\"auths\": {\"h\": {}}, \"auth\": \"none\", \"credsStore\": \"desktop\"}".to_owned()),
        ("kubernetes with files", "client-key: /etc/k/client.key\nclient-key-data: ${KEY}\n".to_owned()),
        ("authorization in code", "headers = {'Authorization': f'Bearer {token}'}\nrequest.headers['Authorization'] = 'Bearer ' + token\n".to_owned()),
        ("pypi in a path", "pypi-attestations-and-other-things-with-a-very-long-name-indeed-0.1".to_owned()),
        ("settings without values", "WANDB_API_KEY=\nAWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}\nKAGGLE_KEY = os.environ['KAGGLE_KEY']\n".to_owned()),
        ("classes of sklearn", "<div class=\"sk-top-container\"><div class=\"sk-container-id-1\"><input class=\"sk-toggleable__control sk-hidden--visually\">".to_owned()),
        ("a vocabulary", lines(0..2_000, &|n| format!("\"{}\": {n}, ", random_from(ALNUM, usize::try_from(3 + n % 12).unwrap(), n + 1)))),
        ("sig= elsewhere", "&sig=abc DESIG=12 signature=none rsig=0123456789012345678901234567890123456789abc".to_owned()),
    ]
}

#[test]
fn harmless_contents() {
    for (what, text) in contents() {
        let found = all_in(text.as_bytes());
        let seen: Vec<_> = found
            .iter()
            .map(|found| {
                let span =
                    usize::try_from(found.span.start).unwrap()..usize::try_from(found.span.end).unwrap();
                (found.rule, &text[span])
            })
            .collect();
        assert!(seen.is_empty(), "{what}: {seen:?}");
    }
}

#[test]
fn the_sources_of_this_crate_are_harmless() {
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read(&path).unwrap();
            files += 1;
            // Their own tests have such texts.
            let is_test = path.to_string_lossy().contains("tests");
            assert!(is_test || all_in(&text).is_empty(), "{}: {:?}", path.display(), all_in(&text));
        }
    }
    assert!(files > 100);
}
