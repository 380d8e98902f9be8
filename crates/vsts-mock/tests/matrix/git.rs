//! Stock git, kept from the machine's own configuration.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The output of a git command.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    shown: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.code == 0, "{}: exit code {}\n{}{}", self.shown, self.code, self.out, self.err);
        self.out
    }
}

/// Git as one person runs it.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    program: PathBuf,
    dir: PathBuf,
    config: Vec<String>,
    env: Vec<(String, String)>,
}

impl Git {
    /// The newest git of the machine, in a folder.
    pub(crate) fn new(dir: &Path) -> Self {
        let program = programs().pop().expect("the machine has a git");
        Self { program, dir: dir.to_owned(), config: Vec::new(), env: Vec::new() }
    }

    pub(crate) fn program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn set(mut self, setting: impl Into<String>) -> Self {
        self.config.push(setting.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn run<S: AsRef<str>>(&self, args: &[S]) -> Output {
        self.with_input(args, b"")
    }

    pub(crate) fn with_input<S: AsRef<str>>(&self, args: &[S], input: &[u8]) -> Output {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.dir);
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "A U Thor"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
            ("GIT_AUTHOR_DATE", "1600000000 +0000"),
            ("GIT_COMMITTER_NAME", "A U Thor"),
            ("GIT_COMMITTER_EMAIL", "author@example.com"),
            ("GIT_COMMITTER_DATE", "1600000000 +0000"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ] {
            command.env(name, value);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.dir).args(["-c", "init.defaultBranch=master", "-c", "gc.auto=0"]);
        // What is fetched goes through `index-pack --strict`.
        command.args(["-c", "fetch.fsckObjects=true"]);
        command.args([
            "-c",
            "maintenance.auto=false",
            "-c",
            "protocol.file.allow=always",
            "-c",
            "advice.detachedHead=false",
        ]);
        for setting in &self.config {
            command.args(["-c", setting]);
        }
        command.args(args.iter().map(AsRef::as_ref));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        // Git may end without reading it all.
        let _cut = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        let output = child.wait_with_output().expect("git ends");
        let shown: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        Output {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            shown: format!("{} {}", self.program.display(), shown.join(" ")),
        }
    }
}

/// Every git of this machine: the distribution's, and one that was built here. The newer one is last.
pub(crate) fn programs() -> Vec<PathBuf> {
    let known = ["/usr/bin/git", "/usr/local/bin/git"];
    known.into_iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}
