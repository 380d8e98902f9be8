//! Git LFS over HTTP: `batch` is about what clients are told to do, `objects` about contents, `locks` about locks, `attacks`
//! about everything that must not work, with the source of each, `faulty` about servers that fail, `garbage` about what goes, `shown` about pages and REST, and `stock` about git-lfs itself.

mod attacks;
mod batch;
mod faulty;
mod garbage;
mod locks;
mod objects;
mod shown;
mod stock;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use test_support::http;
use vsts_mock::{Builder, MockServer};

use crate::git::SEED;
use crate::raw::{self, Reply};
use crate::running::Running;

const JSON: &str = "application/vnd.git-lfs+json";
/// The repository that most tests use.
const EXTRA: &str = "/acme/iris/_git/extra";

/// A server with the usual seed, and requests to it.
struct Lfs {
    server: MockServer,
    dir: TempDir,
}

/// A request that a batch told a client to make.
#[derive(Clone, Debug)]
struct Action {
    path: String,
    header: String,
}

/// The SHA-256 of a content, in hexadecimal digits.
fn oid(content: &[u8]) -> String {
    lfs_wire::Oid::from_bytes(Sha256::digest(content).into()).to_string()
}

impl Lfs {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with_seed(SEED, set).await
    }

    async fn with_seed(seed: &str, set: impl FnOnce(Builder) -> Builder) -> Self {
        let dir = TempDir::new().expect("a folder");
        let Running { server, dir } = Running::start(dir, seed, set).await;
        Self { server, dir }
    }

    /// The address that the server listens at, whatever its URLs begin with.
    fn listener(&self) -> &str {
        self.server.ready().http.as_deref().expect("it listens for HTTP")
    }

    /// A request with the value of an `Authorization` header, if there is any, and further lines.
    async fn send(&self, method: &str, path: &str, authorization: &str, lines: &str, body: &[u8]) -> Reply {
        let credential = if authorization.is_empty() {
            String::new()
        } else {
            format!("Authorization: {authorization}\n")
        };
        let head = http::head(self.listener(), method, path, &format!("{credential}{lines}"), body.len());
        raw::send(self.listener(), &head, body.to_vec()).await
    }

    /// A request with JSON, by somebody with a token.
    async fn json(&self, method: &str, path: &str, token: &str, body: &Value) -> Reply {
        let authorization = if token.is_empty() { String::new() } else { format!("Bearer {token}") };
        let lines = format!("Accept: {JSON}\nContent-Type: {JSON}; charset=utf-8\n");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, &authorization, &lines, &body).await
    }

    /// A batch request about objects of these ids and sizes.
    async fn batch(&self, repo: &str, token: &str, operation: &str, objects: &[(&str, i64)]) -> Reply {
        let objects: Vec<Value> =
            objects.iter().map(|(oid, size)| json!({ "oid": oid, "size": size })).collect();
        let body = json!({ "operation": operation, "transfers": ["basic"], "objects": objects });
        self.json("POST", &format!("{repo}/info/lfs/objects/batch"), token, &body).await
    }

    /// The action of that name for one object.
    async fn action(&self, repo: &str, token: &str, name: &str, oid: &str, size: usize) -> Action {
        let operation = if name == "download" { name } else { "upload" };
        let size = i64::try_from(size).expect("a size");
        let reply = self.batch(repo, token, operation, &[(oid, size)]).await;
        let answer = value(&reply);
        let action = &answer["objects"][0]["actions"][name];
        let href = action["href"].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"));
        let path = href.strip_prefix(self.server.url()).expect("it is on this server").to_owned();
        Action { path, header: action["header"]["Authorization"].as_str().expect("a grant").to_owned() }
    }

    async fn put(&self, action: &Action, content: &[u8]) -> Reply {
        self.send("PUT", &action.path, &action.header, "Content-Type: application/octet-stream\n", content)
            .await
    }

    /// Uploads a content as alice, and gives its id.
    async fn upload(&self, repo: &str, content: &[u8]) -> String {
        let oid = oid(content);
        let upload = self.action(repo, "alicepat", "upload", &oid, content.len()).await;
        let reply = self.put(&upload, content).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        oid
    }

    /// The files below the folder of contents, by their names.
    fn stored(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.dir.path().join("data/lfs")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.file_name().expect("a name").to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names
    }
}

#[track_caller]
fn value(reply: &Reply) -> Value {
    let text = reply.text();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("JSON is expected: {} {text}", reply.status))
}

#[track_caller]
fn message(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), Some(JSON), "{}", reply.head);
    value(reply)["message"].as_str().expect("an error has a message").to_owned()
}
