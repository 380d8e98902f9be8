//! Jujutsu as a side, in a copy of the folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::peer::peer;
use super::side::{Side, Testbed, clock, command};
use super::{super::copy_folder, folder};
use crate::{Outcome, process, workspace};

/// The newest version that the project's own toolchain builds.
const VERSION: &str = "0.45.1";
const CONFIG: &str = "user.name = 'bench'\nuser.email = 'bench@example.com'\nsnapshot.max-new-file-size = '1GiB'\n\
                      ui.paginate = 'never'\n";

pub(super) struct Jj<'a> {
    testbed: &'a Testbed,
    program: PathBuf,
    folder: PathBuf,
}

impl<'a> Jj<'a> {
    pub(super) fn new(testbed: &'a Testbed) -> Outcome<Self> {
        let program = peer("cargo/bin/jj", |peers| {
            process::run(
                workspace::cargo()
                    .args(["install", "--quiet", "--locked", "jj-cli", "--version", VERSION, "--root"])
                    .arg(peers.join("cargo")),
            )
        })?;
        let jj = Self { testbed, program, folder: testbed.home().join("jj") };
        if !jj.folder.exists() {
            copy_folder(&testbed.home().join("project"), &jj.folder)?;
            for own in [".git", ".azuremlhistory_git", ".azureml"] {
                std::fs::remove_dir_all(jj.folder.join(own))?;
            }
            std::fs::write(testbed.home().join("jj.toml"), CONFIG)?;
        }
        Ok(jj)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.program, &self.folder, self.testbed.home());
        command.env("JJ_CONFIG", self.testbed.home().join("jj.toml")).args(args);
        command
    }
}

impl Side for Jj<'_> {
    fn name(&self) -> &'static str {
        "jj"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn reset(&self) -> Outcome {
        if self.folder.join(".jj").exists() {
            std::fs::remove_dir_all(self.folder.join(".jj"))?;
        }
        process::capture(&mut self.command(&[
            "git",
            "init",
            "--quiet",
            "--no-colocate",
            "--ignore-working-copy",
        ]))
        .or_else(|_| process::capture(&mut self.command(&["git", "init", "--quiet", "--no-colocate"])))
        .map(drop)
    }

    fn snapshot(&self) -> Outcome<Duration> {
        clock(&mut self.command(&["debug", "snapshot"]))
    }

    fn mark(&self) -> Outcome<String> {
        self.snapshot()?;
        let show = ["log", "--no-graph", "-r", "@", "-T", "commit_id"];
        Ok(String::from_utf8(process::capture(&mut self.command(&show))?)?.trim().to_owned())
    }

    fn restore(&self, mark: &str) -> Outcome<Duration> {
        clock(&mut self.command(&["restore", "--quiet", "--from", mark]))
    }

    fn emptied(&self) -> Outcome {
        std::fs::metadata(self.folder.join(folder::path(0))).map_or(Ok(()), |_| folder::clear(&self.folder))
    }
}
