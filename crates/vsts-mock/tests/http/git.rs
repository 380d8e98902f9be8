//! Stock git, kept from the machine's own configuration; and the seed that most tests begin with.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use vsts_mock::MockServer;

/// alice owns the account, carol contributes, bob reads, dave knows nobody.
pub(crate) const SEED: &str = r#"
[[users]]
name = "alice"
password = "alice-password"
tokens = [{ name = "ci", value = "alicepat" }, { name = "reading", value = "alice-reads", scopes = ["vso.code"] }]
[[users]]
name = "bob"
tokens = [{ name = "ci", value = "bobspat" }]
[[users]]
name = "carol"
tokens = [{ name = "ci", value = "carolpat" }]
[[users]]
name = "dave"
tokens = [{ name = "ci", value = "davespat" }]

[[accounts]]
name = "acme"
owner = "alice"
[[accounts.projects]]
name = "iris"
contributors = ["carol"]
readers = ["bob"]
[[accounts.projects.repos]]
name = "extra"
[[accounts.projects.repos]]
name = "guarded"
[[accounts.projects.repos.acl]]
user = "carol"
branch = "master"
deny = ["GenericContribute"]
"#;

/// A server with the usual seed, kept in `dir`.
pub(crate) async fn server(dir: &TempDir) -> MockServer {
    let builder = MockServer::builder().seed_toml(SEED).expect("a seed");
    builder.data_dir(dir.path().join("data")).start().await.expect("the server starts")
}

/// The output of a git command.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.ok, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(crate) fn fails(self) -> String {
        assert!(!self.ok, "{}{}", self.out, self.err);
        self.err
    }
}

/// Git as one person runs it.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    program: String,
    dir: PathBuf,
    settings: Vec<String>,
}

impl Git {
    /// In a folder, showing a token as Basic password; none when it is empty.
    pub(crate) fn new(dir: &Path, token: &str) -> Self {
        let basic =
            format!("http.extraHeader=Authorization: Basic {}", STANDARD.encode(format!("me:{token}")));
        let settings = if token.is_empty() { Vec::new() } else { vec![basic] };
        Self { program: "git".to_owned(), dir: dir.to_owned(), settings }
    }

    /// Every git of this machine: the distribution's, and one that was built here.
    pub(crate) fn programs() -> Vec<String> {
        let known = ["/usr/bin/git", "/usr/local/bin/git"];
        known.into_iter().filter(|path| Path::new(path).exists()).map(str::to_owned).collect()
    }

    pub(crate) fn program(mut self, program: &str) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn set(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin").env("HOME", &self.dir);
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "A U Thor"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
            ("GIT_COMMITTER_NAME", "A U Thor"),
            ("GIT_COMMITTER_EMAIL", "author@example.com"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ] {
            command.env(name, value);
        }
        command.current_dir(&self.dir).args([
            "-c",
            "init.defaultBranch=master",
            // What is fetched goes through `index-pack --strict`.
            "-c",
            "fetch.fsckObjects=true",
            "-c",
            "protocol.file.allow=always",
        ]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.args(args);
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("it ran").expect("git starts");
        Output {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Commits a file and gives the commit's id.
    pub(crate) async fn commit(&self, file: &str, content: &[u8]) -> String {
        std::fs::write(self.dir.join(file), content).expect("a file is written");
        self.run(&["add", "-A"]).await.ok();
        self.run(&["commit", "-q", "-m", &format!("change {file}")]).await.ok();
        self.run(&["rev-parse", "HEAD"]).await.ok().trim().to_owned()
    }

    /// A new clone in a folder of this name.
    pub(crate) async fn clone_to(&self, url: &str, name: &str) -> Self {
        self.run(&["clone", "-q", url, name]).await.ok();
        self.at(&self.dir.join(name))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// A repository with one commit on master, pushed by alice.
pub(crate) async fn filled(server: &MockServer, dir: &TempDir, repo: &str) -> (Git, String) {
    let url = server.clone_url("acme", "iris", repo);
    let alice = Git::new(dir.path(), "alicepat").clone_to(&url, &format!("alice-{repo}")).await;
    let id = alice.commit("file", b"one\n").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    (alice, id)
}
