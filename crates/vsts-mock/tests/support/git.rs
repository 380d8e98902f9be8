//! Programs of the machine, kept from its own configuration; above all stock git.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The output of a program.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    pub(crate) fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

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

/// A program in a folder, which is its home too.
pub(crate) fn program(program: impl AsRef<OsStr>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/local/bin")
        .env("HOME", dir)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// Runs a program to its end.
pub(crate) async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("it ran").expect("the program starts");
    Output {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Git as one person runs it.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    program: PathBuf,
    dir: PathBuf,
    settings: Vec<String>,
}

impl Git {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { program: "git".into(), dir: dir.to_owned(), settings: Vec::new() }
    }

    pub(crate) fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    pub(crate) fn set(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let mut command = program(&self.program, &self.dir);
        command.envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "A U Thor"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
            ("GIT_COMMITTER_NAME", "A U Thor"),
            ("GIT_COMMITTER_EMAIL", "author@example.com"),
        ]);
        // What is fetched goes through `index-pack --strict`.
        let always = ["init.defaultBranch=master", "fetch.fsckObjects=true", "protocol.file.allow=always"];
        for setting in always.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.args(args);
        run(command).await
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
}
