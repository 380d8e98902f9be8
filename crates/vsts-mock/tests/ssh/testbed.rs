//! The people of the tests: each has a key, OpenSSH and git, and nothing of the machine's own configuration.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use test_support::Answer;
pub(crate) use test_support::ssh::{make_key, public_key};
use vsts_mock::{Builder, Profile};

pub(crate) use crate::program::Output;
use crate::program::{self, Git};
pub(crate) use crate::running::Running as Testbed;

impl Testbed {
    /// alice owns the account, carol contributes, bob reads, dave knows nobody; each has a key of their name.
    pub(crate) async fn new() -> Self {
        Self::with_profile(Profile::Permissive).await
    }

    pub(crate) async fn with_profile(profile: Profile) -> Self {
        Self::with(|builder| builder.profile(profile)).await
    }

    pub(crate) async fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        let dir = TempDir::new().expect("a folder");
        for name in ["alice", "bob", "carol", "dave", "stranger"] {
            make_key(dir.path(), name, &["-t", "ed25519"]);
        }
        let seed = seed(dir.path());
        let testbed = Self::start(dir, &seed, set).await;
        testbed.write_known_hosts();
        testbed
    }

    /// The usual address of a repository of the project `iris`.
    pub(crate) fn url(&self, repo: &str) -> String {
        self.server.ssh_clone_url("acme", "iris", repo).expect("SSH is listened for")
    }

    /// Somebody with the key of that name.
    pub(crate) fn person(&self, key: &str) -> Person {
        let options = [
            "-F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityAgent=none".to_owned(),
            format!(
                "-o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null",
                self.path("known_hosts").display()
            ),
            format!("-o IdentitiesOnly=yes -i {}", self.path(key).display()),
        ];
        let program = "ssh".to_owned();
        Person { git: Git::new(self.dir.path()).set("protocol.version=2"), program, ssh: options.join(" ") }
    }

    /// A repository with one commit on master, pushed by alice; her clone and the commit.
    pub(crate) async fn filled(&self, repo: &str) -> (Person, String) {
        let alice = self.person("alice").clone_to(&self.url(repo), &format!("alice-{repo}")).await;
        let id = alice.commit("file", b"one\n").await;
        alice.git(&["push", "-q", "origin", "master"]).await.ok();
        (alice, id)
    }

    /// A request to the admin API.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> String {
        let answer = self.ask_admin(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.text()
    }

    /// One that is refused.
    pub(crate) async fn admin_fails(&self, method: &str, path: &str, body: &str) -> String {
        let answer = self.ask_admin(method, path, body).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.text()
    }

    async fn ask_admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let json = "Content-Type: application/json\n";
        self.exchange(method, &format!("/_mock{path}"), self.server.admin_token(), json, body).await
    }
}

/// The usual seed, in which everybody has the key in the file of their name, with one more account.
fn seed(dir: &Path) -> String {
    let seed = concat!(include_str!("../support/seed.toml"), include_str!("../support/guarded.toml"));
    let with_key = |seed: String, name| {
        let user = format!("name = \"{name}\"\n");
        let key = format!("ssh_keys = [{{ name = \"laptop\", key = \"{}\" }}]\n", public_key(dir, name));
        seed.replacen(&user, &format!("{user}{key}"), 1)
    };
    let more = r#"
        [[accounts.projects.repos]]
        name = "it has spaces"
        [[accounts]]
        name = "elsewhere"
        owner = "dave"
        [[accounts.projects]]
        name = "his"
        "#;
    ["alice", "bob", "carol", "dave"].into_iter().fold(seed.to_owned(), with_key) + more
}

/// Somebody at a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    git: Git,
    /// The program that git runs for SSH.
    program: String,
    ssh: String,
}

impl Person {
    /// With one more option for ssh.
    pub(crate) fn ssh_option(mut self, option: &str) -> Self {
        self.ssh = format!("{option} {}", self.ssh);
        self
    }

    /// With another program in the place of ssh, for git.
    pub(crate) fn through(mut self, program: &Path) -> Self {
        self.program = program.display().to_string();
        self
    }

    /// With this version of Git's protocol.
    pub(crate) fn speaking(mut self, version: &str) -> Self {
        self.git = self.git.set(format!("protocol.version={version}"));
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.git.dir()
    }

    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self { git: self.git.at(dir), ..self.clone() }
    }

    fn configured(&self) -> Git {
        self.git.clone().set(format!("core.sshCommand={} {}", self.program, self.ssh))
    }

    /// Runs git to its end.
    pub(crate) async fn git(&self, args: &[&str]) -> Output {
        self.configured().run(args).await
    }

    /// Runs ssh with these options to its end, asking for a line or, without one, for a shell.
    pub(crate) async fn ssh(&self, port: &str, options: &[&str], line: Option<&str>) -> Output {
        let mut command = self.ssh_command(port, options);
        command.args(line);
        program::run(command).await
    }

    /// Starts an ssh that goes into the background once it is signed in; returns when it has.
    pub(crate) async fn ssh_in_background(&self, port: &str, options: &[&str]) {
        let mut command = self.ssh_command(port, options);
        // What stays in the background would keep pipes open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status =
            tokio::task::spawn_blocking(move || command.status()).await.expect("it ran").expect("ssh starts");
        assert!(status.success(), "{status}");
    }

    fn ssh_command(&self, port: &str, options: &[&str]) -> Command {
        let mut command = program::program("ssh", self.dir());
        command.args(self.ssh.split(' ')).args(["-p", port]).args(options).arg("acme@127.0.0.1");
        command
    }

    /// A new clone in a folder of this name.
    pub(crate) async fn clone_to(&self, url: &str, name: &str) -> Self {
        self.at(self.configured().clone_to(url, name).await.dir())
    }

    /// Commits a file and gives the commit's id.
    pub(crate) async fn commit(&self, file: &str, content: &[u8]) -> String {
        self.git.commit(file, content).await
    }
}

/// Bytes that do not compress.
pub(crate) fn noise(length: u32) -> Vec<u8> {
    (0..length / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect()
}
