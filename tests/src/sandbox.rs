//! A folder of one test with everything in it: homes, projects, servers' data. It goes with the value.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::{Actor, Output, Server, binaries, server};

/// One test's sandbox. Programs started in it see an environment made for it, and no more.
#[derive(Debug)]
pub struct Sandbox {
    dir: tempfile::TempDir,
    /// The origins of the servers that were started here: people's tokens are for them.
    origins: Mutex<Vec<String>>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty sandbox: `bin/` with azml, the link `az`, vsts-mock and python, and `tmp/`.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("azml-e2e-").tempdir().expect("a temporary folder");
        let sandbox = Self { dir, origins: Mutex::default() };
        let bin = sandbox.dir("bin");
        let link =
            |target: &Path, name: &str| symlink(target, bin.join(name)).expect("a link in a new folder");
        link(&binaries::dir().join("azml"), "azml");
        link(&binaries::dir().join("azml"), "az");
        link(&binaries::dir().join("vsts-mock"), "vsts-mock");
        link(binaries::python(), "python3");
        link(binaries::python(), "python");
        sandbox.dir("tmp");
        sandbox
    }

    /// The sandbox's root.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A folder in the sandbox, made if it is not there.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// An executable shell script in the sandbox's `bin/`; returns its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}")).expect("a script is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode is set");
        path
    }

    /// Says that people's tokens are for a server, too.
    pub fn add_origin(&self, url: &str) {
        self.origins.lock().expect("no panic").push(url.to_owned());
    }

    /// Returns the origins that the users' tokens are for, as `AZML_VSTS_URL` has them.
    pub fn origins(&self) -> String {
        self.origins.lock().expect("no panic").join(" ")
    }

    /// A person at a computer of their own, with a token for the server.
    pub fn actor(&self, name: &str, token: &str) -> Actor<'_> {
        Actor::new(self, name, name, Some(token))
    }

    /// The same person at another computer: another home folder.
    pub fn actor_at(&self, computer: &str, name: &str, token: &str) -> Actor<'_> {
        Actor::new(self, computer, name, Some(token))
    }

    /// A person with no token at all.
    pub fn stranger(&self, name: &str) -> Actor<'_> {
        Actor::new(self, name, name, None)
    }

    /// vsts-mock with the usual people and repos (see [`server::SEED`]).
    pub fn server(&self) -> Server {
        Server::start(self, server::SEED)
    }

    /// An empty bare repository made by stock git; returns its path.
    pub fn bare_repo(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let init = self.command("git", self.path(), self.path());
        let _made =
            self.run(init, &["init", "--quiet", "--bare", "--initial-branch=master", name], None).ok();
        path
    }

    /// alice, who has no token, and her project without a remote.
    #[track_caller]
    pub fn project(&self) -> (Actor<'_>, PathBuf) {
        let alice = self.stranger("alice");
        let project = alice.create_project(&self.dir("work"), "iris");
        (alice, project)
    }

    /// A repository by stock git, alice, and her project that is linked to it.
    #[track_caller]
    pub fn project_with_remote(&self) -> (PathBuf, Actor<'_>, PathBuf) {
        let (remote, alice) = (self.bare_repo("remote.git"), self.stranger("alice"));
        let url = remote.to_str().expect("UTF-8");
        let project = alice.create_linked_project(&self.dir("work"), "iris", url);
        (remote, alice, project)
    }

    /// vsts-mock, alice, and her project that is linked to `iris` there.
    #[track_caller]
    pub fn project_at_server(&self) -> (Server, Actor<'_>, PathBuf) {
        let (server, alice) = (self.server(), self.actor("alice", "alicepat"));
        let project = alice.create_linked_project(&self.dir("work"), "iris", &server.repo("iris"));
        (server, alice, project)
    }

    /// A program with the sandbox's environment and this home folder, not started.
    pub fn command(&self, program: &str, home: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.path().display()))
            .env("HOME", home)
            .env("TMPDIR", self.path().join("tmp"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CEILING_DIRECTORIES", self.path())
            .current_dir(dir)
            .stdin(Stdio::null());
        command
    }

    /// Runs a prepared command to its end, with `input` on stdin if given.
    pub fn run(&self, mut command: Command, args: &[&str], input: Option<&[u8]>) -> Output {
        command.args(args);
        let shown = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|part| part.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        if let Some(input) = input {
            let path = self.path().join("tmp/stdin");
            std::fs::write(&path, input).expect("input is written");
            command.stdin(std::fs::File::open(path).expect("input is read"));
        }
        let output = command.output().unwrap_or_else(|error| panic!("could not start `{shown}`: {error}"));
        Output::new(shown, &output)
    }
}
