//! A server with the usual people, and plain requests to its REST API.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::Answer;
use vsts_mock::Profile;

use crate::program::Git;
pub(crate) use crate::running::Running as Site;

/// alice owns the account, carol contributes, bob reads, dave knows nobody.
const SEED: &str = include_str!("../support/seed.toml");

/// The time limit of work that goes on by itself.
const TIMEOUT: Duration = Duration::from_mins(1);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply(Answer);

impl std::ops::Deref for Reply {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.0
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.0.header(&name.to_ascii_lowercase()).unwrap_or_default()
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The key of the error, if the status is the expected one.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16) -> String {
        self.expect(status)["typeKey"].as_str().expect("an error has a key").to_owned()
    }
}

impl Site {
    pub(crate) async fn with_profile(profile: Profile) -> Self {
        Self::start(TempDir::new().expect("a folder"), SEED, |builder| builder.profile(profile)).await
    }

    /// One request with a token, more header lines, and a body.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, more: &str, body: &str) -> Reply {
        let host = if more.contains("Host:") { "" } else { "Host: localhost\n" };
        let lines =
            format!("{host}{}Content-Type: application/json; charset=utf-8\n", more.replace("\r\n", "\n"));
        Reply(self.exchange(method, path, token, &lines, body).await)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.send("GET", path, token, "", "").await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.send("POST", path, token, "", &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.send("PATCH", path, token, "", &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Reply {
        self.send("DELETE", path, token, "", "").await
    }

    /// Waits for a piece of work; how it ended.
    pub(crate) async fn finished(&self, queued: &Reply) -> String {
        let operation = queued.expect(202);
        let path = format!("/acme/_apis/operations/{}", operation["id"].as_str().expect("an id"));
        let begun = Instant::now();
        loop {
            let status = self.get(&path, "alicepat").await.expect(200)["status"].clone();
            let status = status.as_str().expect("a status").to_owned();
            if status == "succeeded" || status == "failed" {
                return status;
            }
            assert!(begun.elapsed() < TIMEOUT, "it is {status} still");
            tokio::task::yield_now().await;
        }
    }

    /// Pushes changes to a ref of a repository, from what it was.
    pub(crate) async fn push(&self, repo: &str, name: &str, old: &str, changes: Value) -> Reply {
        let body = json!({
            "refUpdates": [{ "name": name, "oldObjectId": old }],
            "commits": [{ "comment": "By REST.", "changes": changes }],
        });
        let path = format!("/acme/iris/_apis/git/repositories/{repo}/pushes?api-version=4.1");
        self.post(&path, "carolpat", &body).await
    }

    /// Stock git in a folder of this site, as carol.
    pub(crate) async fn git(&self, folder: &str, args: &[&str]) -> String {
        self.run_git(folder, args).await.unwrap_or_else(|stderr| panic!("{args:?}: {stderr}"))
    }

    /// The setting with which git signs in over SSH with a key, and knows the server.
    pub(crate) fn ssh_with(&self, key: &Path) -> String {
        let known_hosts = self.write_known_hosts();
        format!(
            "core.sshCommand=ssh -F none -o BatchMode=yes -o IdentityAgent=none -o IdentitiesOnly=yes -i {} -o \
             UserKnownHostsFile={} -o StrictHostKeyChecking=yes",
            key.display(),
            known_hosts.display()
        )
    }

    /// Stock git, and what it says when it fails.
    pub(crate) async fn run_git(&self, folder: &str, args: &[&str]) -> Result<String, String> {
        let folder = self.dir.path().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let git = Git::new(&folder).set("user.name=Carol").set("user.email=carol@example.com");
        let git = git.set("http.extraHeader=Authorization: Bearer carolpat");
        let output = git.run(args).await;
        if output.is_ok() { Ok(output.out.trim().to_owned()) } else { Err(output.err) }
    }

    pub(crate) fn url(&self, repo: &str) -> String {
        self.server.clone_url("acme", "iris", repo)
    }

    pub(crate) fn write(&self, file: impl AsRef<Path>, content: &str) {
        let path = self.dir.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file is written");
    }
}

/// No object.
pub(crate) const ZEROS: &str = "0000000000000000000000000000000000000000";

/// A change that adds a file.
pub(crate) fn add(path: &str, content: &str) -> Value {
    json!({
        "changeType": "add",
        "item": { "path": path },
        "newContent": { "content": content, "contentType": "rawtext" },
    })
}

/// A field of every element of a list.
#[track_caller]
pub(crate) fn each(list: &Value, field: &str) -> Vec<String> {
    let values = list["value"].as_array().expect("a list");
    assert_eq!(list["count"], values.len());
    values.iter().map(|value| value[field].as_str().unwrap_or_default().to_owned()).collect()
}
