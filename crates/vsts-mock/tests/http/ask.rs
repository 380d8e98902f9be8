//! Requests with JSON or forms, to a server whose clock the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use vsts_mock::{Clock, MockServer};

use crate::raw;

pub(crate) const SEED: &str = r#"
[[users]]
name = "alice"
email = "alice@example.com"
password = "alice-password"
tokens = [{ name = "ci", value = "alice-all-scopes" }, { name = "reads", value = "alice-reads-code", scopes = ["vso.code"] }]
[[users]]
name = "bob"
password = "bob-password"
tokens = [{ name = "ci", value = "bob-all-scopes" }]
[[users]]
name = "carol"
password = "carol-password"
tokens = [{ name = "ci", value = "carol-all-scopes" }]

[[accounts]]
name = "acme"
owner = "alice"
[[accounts.projects]]
name = "iris"
readers = ["carol"]
[[accounts]]
name = "other"
owner = "alice"
[[accounts.projects]]
name = "side"

[[experimentation]]
account = "acmeml"
workspace = "research"
owners = ["alice"]
contributors = ["bob"]
"#;

/// A server and its clock, in seconds since a moment of 2026.
pub(crate) struct Site {
    pub(crate) server: MockServer,
    seconds: Arc<AtomicI64>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("JSON is expected: {self:?}"))
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(set_up: impl FnOnce(vsts_mock::Builder) -> vsts_mock::Builder) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = {
            let seconds = seconds.clone();
            Clock::new(move || {
                let passed = 1_780_000_000 + seconds.load(Ordering::SeqCst);
                Timestamp::from_second(passed).expect("within range")
            })
        };
        let builder = MockServer::builder().seed_toml(SEED).expect("a seed").clock(clock);
        Self { server: set_up(builder).start().await.expect("the server starts"), seconds }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let url = self.server.url();
        let host = url.trim_start_matches("http://");
        let head = format!(
            "{method} {path} HTTP/1.1\nHost: {host}\nConnection: close\nContent-Length: {}\n{headers}\n",
            body.len()
        );
        let reply = raw::send(url, &head, body.as_bytes().to_vec()).await;
        Answer { status: reply.status, head: reply.head.clone(), text: reply.text() }
    }

    /// With JSON, as whom the token is for.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = if token.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\nAuthorization: Bearer {token}\n")
        };
        self.send(method, path, &headers, &body).await
    }

    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", path, "Content-Type: application/x-www-form-urlencoded\n", &body).await
    }

    /// Opens a fetch, or a push, of acme's `iris` with that token, and returns the status.
    pub(crate) async fn git(&self, service: &str, token: &str) -> u16 {
        let basic = STANDARD.encode(format!("x:{token}"));
        let path = format!("/acme/iris/_git/iris/info/refs?service={service}");
        self.send("GET", &path, &format!("Authorization: Basic {basic}\n"), "").await.status
    }

    pub(crate) async fn journal(&self) -> String {
        self.ask("GET", "/_mock/journal", self.server.admin_token(), &Value::Null).await.text
    }

    pub(crate) async fn user_id(&self, name: &str) -> String {
        let path = format!("/_mock/users/{name}");
        let user = self.ask("GET", &path, self.server.admin_token(), &Value::Null).await.json();
        user["id"].as_str().expect("an id").to_owned()
    }
}
