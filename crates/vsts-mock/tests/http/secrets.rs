//! Nothing secret is told: the binary runs with the most verbose log, everything is done that has to do with secrets,
//! and none of them is in what it wrote: its log, its journal, its database and all else in its data folder.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::Served;
use crate::git::Git;
use crate::raw;

/// A private key that somebody pastes by mistake, or what they might find in it again.
const PRIVATE: &str = "c2VjcmV0LWtleS1kYXRhLXRoYXQtbm9ib2R5LXNlZXM";

struct Asker<'s> {
    served: &'s Served,
}

impl Asker<'_> {
    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> raw::Reply {
        let head = format!(
            "{method} {path} HTTP/1.1\nHost: localhost\nConnection: close\n{headers}Content-Length: {}\n\n",
            body.len()
        );
        raw::send(self.served.url(), &head, body.as_bytes().to_vec()).await
    }

    async fn json(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let headers = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
        let reply = self.send(method, path, &headers, &body.to_string()).await;
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = "Content-Type: application/x-www-form-urlencoded\n";
        let reply = self.send("POST", path, headers, &body).await;
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text is expected: {value}")).to_owned()
}

/// Everything that is done with secrets; what they were.
async fn live(served: &Served, dir: &Path) -> Vec<String> {
    let url = format!("{}/acme/iris/_git/extra", served.url());
    let asker = Asker { served };
    let admin = text(&served.ready["admin_token"]);
    let mut secrets = vec![admin.clone()];
    for known in ["alicepat", "alice-reads", "bobspat", "alice-password"] {
        secrets.push(known.to_owned());
    }
    // Git, with a token, with a password, with wrong ones, and with a token in every place of a URL.
    let alice = Git::of(dir, "alicepat").clone_to(&url, "alice").await;
    alice.commit("file", b"x\n").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    for user in [
        "alice:alice-password",
        "alicepat:",
        "alice:wrong-password-of-alice",
        "someone:unknown-token-value",
        "alice:alice-reads",
    ] {
        let with_user = url.replace("http://", &format!("http://{user}@"));
        let _said = Git::of(dir, "").run(&["push", &with_user, "HEAD"]).await;
        let _said = Git::of(dir, "").run(&["ls-remote", &with_user]).await;
    }
    secrets.extend(["wrong-password-of-alice", "unknown-token-value"].map(str::to_owned));
    asker.send("GET", "/acme/_apis/projects?token=alicepat&access_token=alicepat", "", "").await;
    asker.send("GET", "/nothing?secret=alicepat", "Cookie: session=alicepat\n", "").await;
    asker.send("GET", "/acme/_apis/projects", "Authorization: Digest alicepat\n", "").await;
    // Tokens, in both forms and by the admin API.
    let session = json!({ "displayName": "s", "scope": "vso.code" });
    let made = asker.json("POST", "/_apis/Token/SessionTokens", "alicepat", &session).await;
    secrets.push(text(&made["token"]));
    let made =
        asker.json("POST", "/acme/_apis/tokens/pats", "alicepat", &json!({ "displayName": "p" })).await;
    secrets.push(text(&made["patToken"]["token"]));
    asker.json("GET", "/acme/_apis/projects", &text(&made["patToken"]["token"]), &Value::Null).await;
    let chosen = json!({ "name": "chosen", "value": "chosen-token-value" });
    assert_eq!(
        asker.json("POST", "/_mock/users/bob/tokens", &admin, &chosen).await["value"],
        "chosen-token-value"
    );
    secrets.push("chosen-token-value".to_owned());
    let made = asker.json("POST", "/_mock/users/bob/tokens", &admin, &json!({ "name": "t" })).await;
    secrets.push(text(&made["value"]));
    let user = json!({ "name": "erin", "password": "password-of-erin" });
    assert_eq!(asker.json("POST", "/_mock/users", &admin, &user).await["name"], "erin");
    secrets.push("password-of-erin".to_owned());
    asker.json("GET", "/_mock/users", "wrong-admin-token", &Value::Null).await;
    secrets.push("wrong-admin-token".to_owned());
    asker.json("POST", "/_mock/reset-nothing", &admin, &json!({ "password": "password-of-erin" })).await;
    // Private keys in the place of public ones, at both endpoints.
    let pem = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{PRIVATE}\n-----END OPENSSH PRIVATE KEY-----\n");
    for (path, token, body) in [
        ("/_mock/users/bob/keys", admin.as_str(), json!({ "name": "k", "key": pem })),
        (
            "/_apis/Token/SessionTokens?isPublic=true",
            "alicepat",
            json!({ "displayName": "k", "publicData": pem, "isPublic": true }),
        ),
        ("/_mock/users/bob/keys", admin.as_str(), json!({ "name": "k", "keys": pem })),
    ] {
        let answer = asker.json("POST", path, token, &body).await;
        assert!(!answer.is_null() && !answer.to_string().contains(PRIVATE), "{answer}");
    }
    secrets.push(PRIVATE.to_owned());
    // Signing in on the page, first with a wrong password.
    let asked = [("client_id", "c"), ("device_name", "laptop")];
    let begun = asker.form("/common/oauth2/v2.0/devicecode", &asked).await;
    let (device, code) = (text(&begun["device_code"]), text(&begun["user_code"]));
    for password in ["wrong-on-the-page", "alice-password"] {
        let fields =
            [("user_code", code.as_str()), ("action", "allow"), ("login", "alice"), ("password", password)];
        asker.form("/devicelogin", &fields).await;
    }
    let polled =
        asker.form("/common/oauth2/token", &[("grant_type", "device_code"), ("code", &device)]).await;
    let access = text(&polled["access_token"]);
    asker.json("GET", "/subscriptions?api-version=2016-06-01", &access, &Value::Null).await;
    asker.form("/common/oauth2/revoke", &[("token", &access)]).await;
    secrets.extend([device, code, access, "wrong-on-the-page".to_owned()]);
    secrets
}

/// Somebody with a registered key, over SSH.
async fn over_ssh(served: &Served, dir: &Path) {
    let key = dir.join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen starts").success());
    let line = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    let body = json!({ "name": "laptop", "key": line.trim() });
    assert_eq!(served.ask("POST", "/_mock/users/alice/keys", &body.to_string()).await.status, 201);
    let address = text(&served.ready["ssh"]);
    let mut git = Command::new("git");
    git.args(["ls-remote", &format!("{}/acme/_git/iris", address.replace("ssh://", "ssh://acme@"))])
        .env(
            "GIT_SSH_COMMAND",
            format!(
                "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o \
                 IdentityAgent=none -i {}",
                key.display()
            ),
        )
        .stdin(Stdio::null());
    let output =
        tokio::task::spawn_blocking(move || git.output()).await.expect("it ran").expect("git starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything in a folder, with the files' names.
fn contents(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            contents(&path, all);
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_is_written() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &["--data-dir", "data", "--ssh", "127.0.0.1:0"]);
    let secrets = live(&served, dir.path()).await;
    over_ssh(&served, dir.path()).await;
    let journal = served.ask("GET", "/_mock/journal", "").await;
    let mut written = vec![("the journal".to_owned(), journal.body)];
    assert!(served.terminate().success());
    let log = std::fs::read(dir.path().join("log")).expect("a log");
    for told in ["/acme/iris/_git/extra/git-receive-pack", "TRACE", "ssh request", "/devicelogin"] {
        assert!(holds(&log, told.as_bytes()), "the log has {told}");
    }
    written.push(("the log".to_owned(), log));
    contents(&dir.path().join("data"), &mut written);
    assert!(written.iter().any(|(name, _)| name.ends_with("state.sqlite")));
    for secret in &secrets {
        let mut forms = vec![secret.clone(), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
        for user in ["me", "alice", ""] {
            forms.push(STANDARD.encode(format!("{user}:{secret}")));
        }
        for (name, bytes) in &written {
            for form in &forms {
                assert!(!holds(bytes, form.as_bytes()), "{name} holds {form:?}");
            }
        }
    }
}
