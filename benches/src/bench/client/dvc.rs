//! DVC's experiments as a side, in a copy of the folder that is a Git repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::super::copy_folder;
use super::peer::peer;
use super::side::{Side, Testbed, clock, command};
use crate::{Outcome, machine, process};

const STAGE: &str = "stages:\n  nothing:\n    cmd: \"true\"\n    always_changed: true\n";

pub(super) struct Dvc<'a> {
    testbed: &'a Testbed,
    program: PathBuf,
    folder: PathBuf,
}

/// DVC, installed if it is not there.
pub(super) fn program() -> Outcome<PathBuf> {
    peer("dvc/bin/dvc", |peers| {
        let venv = peers.join("dvc");
        process::run(Command::new(machine::python()?).args(["-m", "venv"]).arg(&venv))?;
        process::run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "dvc"]))
    })
}

impl<'a> Dvc<'a> {
    pub(super) fn new(testbed: &'a Testbed) -> Outcome<Self> {
        let dvc = Self { testbed, program: program()?, folder: testbed.home().join("dvc") };
        if !dvc.folder.exists() {
            copy_folder(&testbed.home().join("project"), &dvc.folder)?;
            for own in [".git", ".azuremlhistory_git", ".azureml"] {
                std::fs::remove_dir_all(dvc.folder.join(own))?;
            }
            std::fs::write(dvc.folder.join("dvc.yaml"), STAGE)?;
        }
        Ok(dvc)
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = command(program, &self.folder, self.testbed.home());
        command.env("DVC_NO_ANALYTICS", "1").args(args);
        command
    }

    fn dvc(&self, args: &[&str]) -> Command {
        self.command(&self.program, args)
    }
}

impl Side for Dvc<'_> {
    fn name(&self) -> &'static str {
        "DVC"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn reset(&self) -> Outcome {
        for own in [".git", ".dvc"] {
            if self.folder.join(own).exists() {
                std::fs::remove_dir_all(self.folder.join(own))?;
            }
        }
        let git = |args: &[&str]| process::capture(&mut self.command(Path::new("git"), args));
        git(&["init", "--quiet"])?;
        process::capture(&mut self.dvc(&["init", "--quiet"]))?;
        git(&["add", "-A"])?;
        git(&["commit", "--quiet", "-m", "first"]).map(drop)
    }

    fn snapshot(&self) -> Outcome<Duration> {
        clock(&mut self.dvc(&["exp", "save", "--quiet", "--force"]))
    }

    fn mark(&self) -> Outcome<String> {
        let name = "marked";
        process::capture(&mut self.dvc(&["exp", "save", "--quiet", "--force", "--name", name]))?;
        Ok(name.to_owned())
    }

    fn restore(&self, mark: &str) -> Outcome<Duration> {
        clock(&mut self.dvc(&["exp", "apply", "--quiet", mark]))
    }

    fn submit(&self) -> Option<Outcome<Duration>> {
        Some(clock(&mut self.dvc(&["exp", "run", "--quiet"])))
    }
}
