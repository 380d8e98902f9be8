//! The people of the tests: each has a key, OpenSSH and git, and nothing of the machine's own configuration.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
pub(crate) use test_support::ssh::{make_key, public_key};
use test_support::{Answer, http};
use vsts_mock::{Builder, MockServer, Profile};

/// The output of a command.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(crate) fn fails(self) -> String {
        assert_ne!(self.code, Some(0), "{}{}", self.out, self.err);
        self.err
    }
}

/// A server, the folder that everything is in, and how to reach it.
pub(crate) struct Testbed {
    pub(crate) server: MockServer,
    pub(crate) dir: TempDir,
}

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
        let builder = MockServer::builder().seed_toml(&seed(dir.path())).expect("a seed");
        let builder = set(builder.data_dir(dir.path().join("data")));
        let testbed = Self { server: builder.start().await.expect("the server starts"), dir };
        testbed.write_known_hosts();
        testbed
    }

    pub(crate) fn write_known_hosts(&self) {
        let line = self.server.ready().known_hosts.clone().expect("SSH is listened for");
        std::fs::write(self.path("known_hosts"), line + "\n").expect("a file is written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn port(&self) -> String {
        let url = self.server.ready().ssh.as_deref().expect("SSH is listened for");
        url.rsplit(':').next().expect("a port").to_owned()
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
        Person { dir: self.dir.path().to_owned(), program, ssh: options.join(" "), version: "2" }
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
        let url = self.server.url().to_owned();
        let token = self.server.admin_token();
        let lines = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
        let head = http::head(&url, method, &format!("/_mock{path}"), &lines, body.len());
        let body = body.to_owned();
        let sent = tokio::task::spawn_blocking(move || http::send(&url, &head, body.as_bytes()));
        sent.await.expect("the exchange ends").expect("it is answered")
    }
}

/// A seed in which everybody has the key in the file of their name.
fn seed(dir: &Path) -> String {
    let user = |name| {
        let key = public_key(dir, name);
        format!("[[users]]\nname = \"{name}\"\nssh_keys = [{{ name = \"laptop\", key = \"{key}\" }}]\n")
    };
    let users = ["alice", "bob", "carol", "dave"].map(user).concat();
    users
        + r#"
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
        name = "it has spaces"
        [[accounts.projects.repos]]
        name = "guarded"
        [[accounts.projects.repos.acl]]
        user = "carol"
        branch = "master"
        deny = ["GenericContribute"]
        [[accounts]]
        name = "elsewhere"
        owner = "dave"
        [[accounts.projects]]
        name = "his"
        "#
}

/// Somebody at a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    dir: PathBuf,
    /// The program that git runs for SSH.
    program: String,
    ssh: String,
    version: &'static str,
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
    pub(crate) fn speaking(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    /// Runs git to its end.
    pub(crate) async fn git(&self, args: &[&str]) -> Output {
        let mut command = Command::new("git");
        let version = format!("protocol.version={}", self.version);
        // What is fetched goes through `index-pack --strict`.
        command.args(["-c", "init.defaultBranch=master", "-c", "fetch.fsckObjects=true", "-c", &version]);
        command.args(args);
        command.env_clear().env("GIT_SSH_COMMAND", format!("{} {}", self.program, self.ssh));
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "A U Thor"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
            ("GIT_COMMITTER_NAME", "A U Thor"),
            ("GIT_COMMITTER_EMAIL", "author@example.com"),
        ] {
            command.env(name, value);
        }
        self.run(command).await
    }

    /// Runs ssh with these options to its end, asking for a line or, without one, for a shell.
    pub(crate) async fn ssh(&self, port: &str, options: &[&str], line: Option<&str>) -> Output {
        let mut command = Command::new("ssh");
        command.env_clear().args(self.ssh.split(' ')).args(["-p", port]).args(options);
        command.arg("acme@127.0.0.1").args(line);
        self.run(command).await
    }

    /// Starts an ssh that goes into the background once it is signed in; returns when it has.
    pub(crate) async fn ssh_in_background(&self, port: &str, options: &[&str]) {
        let mut command = Command::new("ssh");
        command.env_clear().args(self.ssh.split(' ')).args(["-p", port]).args(options).arg("acme@127.0.0.1");
        command.env("PATH", "/usr/bin:/bin").env("HOME", &self.dir).current_dir(&self.dir);
        // What stays in the background would keep pipes open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status =
            tokio::task::spawn_blocking(move || command.status()).await.expect("it ran").expect("ssh starts");
        assert!(status.success(), "{status}");
    }

    async fn run(&self, mut command: Command) -> Output {
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.dir)
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        command.current_dir(&self.dir).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("it ran")
            .expect("the program starts");
        Output {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A new clone in a folder of this name.
    pub(crate) async fn clone_to(&self, url: &str, name: &str) -> Self {
        self.git(&["clone", "-q", url, name]).await.ok();
        self.at(&self.dir.join(name))
    }

    /// Commits a file and gives the commit's id.
    pub(crate) async fn commit(&self, file: &str, content: &[u8]) -> String {
        std::fs::write(self.dir.join(file), content).expect("a file is written");
        self.git(&["add", "-A"]).await.ok();
        self.git(&["commit", "-q", "-m", &format!("change {file}")]).await.ok();
        self.git(&["rev-parse", "HEAD"]).await.ok().trim().to_owned()
    }
}

/// Bytes that do not compress.
pub(crate) fn noise(length: u32) -> Vec<u8> {
    (0..length / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect()
}
