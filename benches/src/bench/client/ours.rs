//! azml as a side.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::side::{Side, Testbed, clock, command};
use crate::{Outcome, process};

/// The script that does nothing.
const SCRIPT: &str = "nothing.sh";

pub(super) struct Azml<'a> {
    testbed: &'a Testbed,
    project: PathBuf,
}

impl<'a> Azml<'a> {
    pub(super) fn new(testbed: &'a Testbed) -> Self {
        Self { testbed, project: testbed.home().join("project") }
    }

    /// Makes the project, before there is anything in it.
    pub(super) fn create(&self) -> Outcome {
        let mut create = command(&self.testbed.azml, self.testbed.home(), self.testbed.home());
        process::capture(create.args(["project", "create", "-n", "project", "-o", "none"]))?;
        std::fs::write(self.project.join(SCRIPT), "exit 0\n")?;
        self.keep_pristine()
    }

    fn pristine(&self) -> PathBuf {
        self.testbed.home().join("pristine")
    }

    fn history(&self) -> PathBuf {
        self.project.join(".azuremlhistory_git")
    }

    fn keep_pristine(&self) -> Outcome {
        super::super::copy_folder(&self.history(), &self.pristine())
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.testbed.azml, &self.project, self.testbed.home());
        command.args(args).args(["--only-show-errors"]);
        command
    }
}

impl Side for Azml<'_> {
    fn name(&self) -> &'static str {
        "azml"
    }

    fn folder(&self) -> &Path {
        &self.project
    }

    fn reset(&self) -> Outcome {
        std::fs::remove_dir_all(self.history())?;
        super::super::copy_folder(&self.pristine(), &self.history())
    }

    fn snapshot(&self) -> Outcome<Duration> {
        clock(&mut self.command(&["project", "snapshot", "-o", "none"]))
    }

    fn mark(&self) -> Outcome<String> {
        process::capture(&mut self.command(&["experiment", "submit", "-c", "local", SCRIPT]))?;
        let list = ["history", "list", "--query", "[0].run_id", "-o", "tsv"];
        let id = process::capture(&mut self.command(&list))?;
        Ok(String::from_utf8(id)?.trim().to_owned())
    }

    fn restore(&self, mark: &str) -> Outcome<Duration> {
        clock(&mut self.command(&["project", "restore", "--run-id", mark, "-o", "none"]))
    }

    fn submit(&self) -> Option<Outcome<Duration>> {
        Some(clock(&mut self.command(&["experiment", "submit", "-c", "local", SCRIPT])))
    }
}
