//! A running server, and the folder that everything of its test is in.

use std::path::PathBuf;

use tempfile::TempDir;
use test_support::{Answer, http};
use vsts_mock::{Builder, MockServer};

/// The server and the folder.
pub(crate) struct Running {
    pub(crate) server: MockServer,
    pub(crate) dir: TempDir,
}

impl Running {
    /// Starts a server with a seed, whose data is below `dir`; `set` sets what else there is to set.
    pub(crate) async fn start(dir: TempDir, seed: &str, set: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = MockServer::builder().seed_toml(seed).expect("a seed");
        let builder = set(builder.data_dir(dir.path().join("data")));
        Self { server: builder.start().await.expect("the server starts"), dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the port of the SSH server.
    pub(crate) fn port(&self) -> String {
        let url = self.server.ready().ssh.as_deref().expect("SSH is listened for");
        url.rsplit(':').next().expect("a port").to_owned()
    }

    /// Writes the file by which OpenSSH knows the server.
    pub(crate) fn write_known_hosts(&self) -> PathBuf {
        let line = self.server.ready().known_hosts.clone().expect("SSH is listened for");
        let file = self.path("known_hosts");
        std::fs::write(&file, line + "\n").expect("a file is written");
        file
    }

    /// Sends a request with a token, if there is one, and with more header lines.
    pub(crate) async fn exchange(
        &self,
        method: &str,
        path: &str,
        token: &str,
        lines: &str,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let (url, body) = (self.server.url().to_owned(), body.into());
        let sign_in =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\n") };
        let head = http::head(&url, method, path, &format!("{sign_in}{lines}"), body.len());
        let sent = tokio::task::spawn_blocking(move || http::send(&url, &head, &body));
        sent.await.expect("the exchange ends").expect("it is answered")
    }
}
