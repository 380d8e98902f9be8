//! The server that most tests begin with, and stock git as its users run it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use vsts_mock::{Builder, MockServer};

pub(crate) use crate::program::{Git, Output};
use crate::running::Running;

/// alice owns the account, carol contributes, bob reads, dave knows nobody.
pub(crate) const SEED: &str =
    concat!(include_str!("../support/seed.toml"), include_str!("../support/guarded.toml"));

/// A server with the usual seed.
pub(crate) async fn server() -> Running {
    server_with(|builder| builder).await
}

/// The same, with further settings.
pub(crate) async fn server_with(set: impl FnOnce(Builder) -> Builder) -> Running {
    Running::start(TempDir::new().expect("a folder"), SEED, set).await
}

impl Git {
    /// In a folder, showing a token as Basic password; none when it is empty.
    pub(crate) fn of(dir: &Path, token: &str) -> Self {
        let basic =
            format!("http.extraHeader=Authorization: Basic {}", STANDARD.encode(format!("me:{token}")));
        if token.is_empty() { Self::new(dir) } else { Self::new(dir).set(basic) }
    }

    /// Every git of this machine: the distribution's, and one that was built here.
    pub(crate) fn programs() -> Vec<&'static str> {
        ["/usr/bin/git", "/usr/local/bin/git"].into_iter().filter(|path| Path::new(path).exists()).collect()
    }
}

/// A repository with one commit on master, pushed by alice.
pub(crate) async fn filled(server: &MockServer, dir: &TempDir, repo: &str) -> (Git, String) {
    let url = server.clone_url("acme", "iris", repo);
    let alice = Git::of(dir.path(), "alicepat").clone_to(&url, &format!("alice-{repo}")).await;
    let id = alice.commit("file", b"one\n").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    (alice, id)
}
