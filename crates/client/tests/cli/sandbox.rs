//! A folder with a home of its own, and azml run in it with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

/// The result of a command, as one text for snapshots.
#[must_use = "assert or snapshot what the command did"]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["home", "work"] {
            std::fs::create_dir(dir.path().join(name)).expect("a fresh folder");
        }
        Self { dir }
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn azml(&self, args: &[&str]) -> Ran {
        self.run(Path::new(env!("CARGO_BIN_EXE_azml")), &self.work(), args)
    }

    /// azml through a link named `az`.
    pub(crate) fn az(&self, args: &[&str]) -> Ran {
        self.az_in("", args)
    }

    /// The same, in a folder below the working folder.
    pub(crate) fn az_in(&self, folder: &str, args: &[&str]) -> Ran {
        let link = self.dir.path().join("az");
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_azml"), &link).expect("a fresh link");
        }
        self.run(&link, &self.work().join(folder), args)
    }

    fn run(&self, program: &Path, cwd: &Path, args: &[&str]) -> Ran {
        let output = self.command(program, cwd, args).output().expect("azml starts");
        let text = |bytes: Vec<u8>| {
            String::from_utf8_lossy(&bytes).replace(&*self.dir.path().to_string_lossy(), "[SANDBOX]")
        };
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The command that [`Self::azml`] runs, for those that do not wait for its end.
    pub(crate) fn start(&self, folder: &str, args: &[&str]) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_azml")), &self.work().join(folder), args)
    }

    fn command(&self, program: &Path, cwd: &Path, args: &[&str]) -> Command {
        let home = self.dir.path().join("home");
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(cwd)
            .env_clear()
            .env("HOME", &home)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("COLUMNS", "100")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("AZML_NOW", "2017-09-08T00:58:03.059014Z");
        command
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit code: {}", self.code)?;
        writeln!(f, "----- stdout -----\n{}", self.stdout)?;
        write!(f, "----- stderr -----\n{}", self.stderr)
    }
}
