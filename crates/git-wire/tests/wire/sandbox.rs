//! Folders for a test, and stock git in them, untouched by the machine's configuration.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use git_wire::{AllowAll, Options, Policy};

use crate::host::{Exchange, Host};

/// The ways in which the engine is reached: scheme and protocol version.
pub(crate) const WAYS: [(&str, &str); 4] = [("git", "0"), ("git", "2"), ("http", "0"), ("http", "2")];

pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    host: Host,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(AllowAll), Options { durable: false, ..Options::default() })
    }

    pub(crate) fn with(policy: Arc<dyn Policy>, options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let host = Host::start(folder.path(), policy, options);
        Self { folder, host }
    }

    /// The requests that have come by HTTP since this was asked last.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.host.exchanges()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, scheme: &str, name: &str) -> String {
        let base = if scheme == "git" { &self.host.git } else { &self.host.http };
        format!("{base}{name}")
    }

    /// The repository called `name`, as the engine has it open.
    pub(crate) fn repository(&self, name: &str) -> git_wire::Repository {
        self.host.repository(name)
    }

    /// Makes a bare repository `origin.git` and a clone `work` with one commit on `main`, pushed by file.
    pub(crate) fn seed(&self) -> PathBuf {
        git(self.folder.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(self.folder.path(), &["init", "-q", "-b", "main", "work"]);
        let work = self.path("work");
        let origin = self.path("origin.git");
        git(&work, &["remote", "add", "origin", origin.to_str().expect("UTF-8")]);
        commit(&work, "README", "hello\n");
        git(&work, &["push", "-q", "origin", "main"]);
        work
    }
}

/// Runs git in `folder` and gives its output; it has to succeed.
#[track_caller]
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = try_git(folder, args);
    assert!(
        output.status.success(),
        "git {args:?} in {}:\n{}{}",
        folder.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Runs git in `folder`, whatever comes of it.
pub(crate) fn try_git(folder: &Path, args: &[&str]) -> Output {
    command(folder).args(args).output().expect("git is installed")
}

/// Runs git in `folder` with `input` and gives its output; it has to succeed.
#[track_caller]
pub(crate) fn feed(folder: &Path, args: &[&str], input: &[u8]) -> String {
    let mut child = command(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // It may write more than a pipe holds before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ended");
    assert!(output.status.success(), "git {args:?} in {}", folder.display());
    writer.join().expect("no panic").expect("all taken");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "A U Thor")
        .env("GIT_AUTHOR_EMAIL", "author@example.com")
        .env("GIT_COMMITTER_NAME", "C O Mitter")
        .env("GIT_COMMITTER_EMAIL", "committer@example.com")
        // Nothing here has to outlive a power cut, and waiting for the disk is most of what git would do.
        .env("GIT_CONFIG_COUNT", "3")
        .env("GIT_CONFIG_KEY_0", "core.fsync")
        .env("GIT_CONFIG_VALUE_0", "none")
        .env("GIT_CONFIG_KEY_1", "gc.auto")
        .env("GIT_CONFIG_VALUE_1", "0")
        // Every pack that is fetched goes through `index-pack --strict`; that it is complete git looks at anyway.
        .env("GIT_CONFIG_KEY_2", "fetch.fsckObjects")
        .env("GIT_CONFIG_VALUE_2", "true")
        .env_remove("GIT_DIR");
    command
}

/// Every object and connection is checked by stock git.
#[track_caller]
pub(crate) fn fsck(repository: &Path) {
    git(repository, &["fsck", "--strict", "--full", "--no-dangling"]);
}

/// Writes a file and commits it; the commit's id.
pub(crate) fn commit(work: &Path, file: &str, content: &str) -> String {
    let path = work.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("create folders");
    fs::write(path, content).expect("write a file");
    git(work, &["add", "-A"]);
    git(work, &["commit", "-q", "-m", &format!("change {file}")]);
    git(work, &["rev-parse", "HEAD"])
}

/// So many lines of text.
pub(crate) fn lines(count: usize) -> String {
    (0..count).fold(String::new(), |text, line| text + "line " + &line.to_string() + "\n")
}
