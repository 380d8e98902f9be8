//! The words of a command: what is masked, and what a run's record has to keep.

use super::{ALNUM, random};
use crate::secret::{arguments, first_in_file_of, is_secret_value};

fn masked(words: &[&str]) -> Vec<String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    arguments(&words, &|_| false).words
}

#[test]
fn secrets_are_masked() {
    let token = format!("hf{}{}", "_", random(ALNUM, 34));
    for (given, expected) in [
        (vec!["--password", "hunter2"], "--password ***"),
        (vec!["--password", "1234"], "--password ***"),
        (vec!["--password=hunter2", "--lr", "0.1"], "--password=*** --lr 0.1"),
        (vec!["--token", "X9a"], "--token ***"),
        (vec!["-token", "X9a"], "-token ***"),
        (vec!["--api-key=X"], "--api-key=***"),
        (vec!["--apiKey", "X"], "--apiKey ***"),
        (vec!["--db_passwd", "x", "--pwd=y"], "--db_passwd *** --pwd=***"),
        (vec!["--client-secret", "s"], "--client-secret ***"),
        (vec!["--aws-secret-access-key", "s/x"], "--aws-secret-access-key ***"),
        (vec!["--hub_token", "s", "--vststoken", "s2"], "--hub_token *** --vststoken ***"),
        (vec!["--credential", "c"], "--credential ***"),
        (vec!["--connection-string", "Server=x;Password=y"], "--connection-string ***"),
        (vec!["db.password=x", "++model.hf_token=y"], "db.password=*** ++model.hf_token=***"),
        (vec!["DB_PASSWORD=x"], "DB_PASSWORD=***"),
        (vec!["https://u:TOKEN@h/x"], "https://u:***@h/x"),
        (vec!["--url", "https://u:TOKEN@h/x"], "--url https://u:***@h/x"),
        (vec!["--url=https://u:TOKEN@h/x?a=b"], "--url=https://u:***@h/x?a=b"),
        (vec!["https://h/x?lr=1&access_token=abc&z=2"], "https://h/x?lr=1&access_token=***&z=2"),
        (vec!["postgres://a:b@h/x,postgres://c:d@i/y"], "postgres://a:***@h/x,postgres://c:***@i/y"),
        (vec!["{\"lr\": 1, \"api_key\": \"x\"}"], "{\"lr\":1,\"api_key\":\"***\"}"),
        (vec![token.as_str()], "***"),
        (vec!["--data", &format!("x={token}")], "--data x=***"),
    ] {
        assert_eq!(masked(&given).join(" "), expected, "{given:?}");
    }
}

#[test]
fn settings_of_a_model_are_recorded() {
    for given in [
        vec!["--max_tokens", "512", "--num-tokens=3"],
        vec![
            "--pad-token",
            "<pad>",
            "--eos_token_id",
            "2",
            "--mask_token=[MASK]",
            "--placeholder_token",
            "sks",
        ],
        vec!["--token", "3", "--use_auth_token", "true", "--token=false"],
        vec!["--tokenizer", "bert-base-uncased", "--tokenizer_name=x"],
        vec![
            "--password-file",
            "p.txt",
            "--token-file=t",
            "--credentials",
            "creds.json",
            "--private-key",
            "~/.ssh/k",
        ],
        vec!["--key", "label", "--keys", "a,b", "--sort-key", "x", "--key-dim", "64"],
        vec!["--secret", "--verbose", "--password"],
        vec!["--password", ""],
        vec![
            "--passes",
            "3",
            "--pass",
            "2",
            "--pattern",
            "a*",
            "--path",
            "/x",
            "--author",
            "me",
            "--compass=n",
        ],
        vec!["--token", "$TOKEN", "--password", "$PW"],
        vec!["--alpha", "0.1", "a=b", "https://h/x?y=z", "--lr=1e-3", "-1", "-", "--", "{\"a\": 1}"],
    ] {
        assert_eq!(masked(&given), given, "{given:?}");
    }
}

#[test]
fn names_that_the_user_lets_through_are_recorded() {
    let words: Vec<String> = ["--token", "abc", "--password=x", "https://u:p1@h"].map(str::to_owned).into();
    let found = arguments(&words, &|name| name == "token" || name == "argument 4");
    assert_eq!(found.words, ["--token", "abc", "--password=***", "https://u:p1@h"]);
    assert_eq!(found.masked.len(), 1);
    assert_eq!((found.masked[0].name.as_str(), found.masked[0].value.as_str()), ("--password", "x"));
}

#[test]
fn names_of_variables() {
    for name in ["DB_PASSWORD", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "azureClientSecret"] {
        assert!(is_secret_value(name, "hunter2"), "{name}");
    }
    for name in [
        "PATH",
        "HOME",
        "KEYBOARD",
        "TOKENIZERS_PARALLELISM",
        "AWS_ACCESS_KEY_ID",
        "SSH_AUTH_SOCK",
        "PASSWORD_STORE_DIR",
    ] {
        assert!(!is_secret_value(name, "hunter2"), "{name}");
    }
    for directory in ["/work", "/home/me/my project", "/tmp/a+b"] {
        assert!(!is_secret_value("PWD", directory) && !is_secret_value("OLDPWD", directory), "{directory}");
    }
}

#[test]
fn a_password_in_a_run_configuration_is_found() {
    let yaml = "Target: local\nEnvironmentVariables:\n  EXAMPLE: a\n  DB_PASSWORD: hunter2\n";
    let found = first_in_file_of(b"aml_config/local.runconfig", yaml.as_bytes()).unwrap();
    assert_eq!((found.line, found.rule), (4, "a secret by its name"));
    let span = usize::try_from(found.span.start).unwrap()..usize::try_from(found.span.end).unwrap();
    assert_eq!(&yaml[span], "hunter2");
    let json = "{\"EnvironmentVariables\": {\n\"API_KEY\": \"abc\"}}";
    assert!(first_in_file_of(b"x.runconfig", json.as_bytes()).is_some());
    assert!(first_in_file_of(b"x.yml", yaml.as_bytes()).is_none());
    let harmless = "# PASSWORD: x\nPASSWORD: ${PASSWORD}\nTOKEN:\nPASSWORD: \"\"\nMAX_TOKENS: 5\nArgumentVector:\n- $file\n";
    assert_eq!(first_in_file_of(b"x.runconfig", harmless.as_bytes()), None);
}
