//! Stock git's plumbing as a side, with an index that is kept: plain, and with all that git offers for large folders.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::side::{Side, Testbed, clock, command};
use crate::{Outcome, process};

/// The commands with which plain git takes a snapshot.
const SNAPSHOT: &str = "git add -A && tree=$(git write-tree) && \
    commit=$(git commit-tree $tree -m snapshot) && git update-ref refs/heads/history $commit";

const TUNING: &[(&str, &str)] = &[
    ("core.untrackedCache", "true"),
    ("core.preloadIndex", "true"),
    ("feature.manyFiles", "true"),
    ("index.threads", "true"),
    ("checkout.workers", "0"),
];

pub(super) struct Git<'a> {
    testbed: &'a Testbed,
    name: &'static str,
    project: PathBuf,
    repository: PathBuf,
    tuning: &'static [(&'static str, &'static str)],
}

impl<'a> Git<'a> {
    pub(super) fn plain(testbed: &'a Testbed) -> Self {
        Self::new(testbed, "plain git", &[])
    }

    pub(super) fn tuned(testbed: &'a Testbed) -> Self {
        Self::new(testbed, "tuned git", TUNING)
    }

    fn new(
        testbed: &'a Testbed,
        name: &'static str,
        tuning: &'static [(&'static str, &'static str)],
    ) -> Self {
        let repository = testbed.home().join(name.replace(' ', "-") + ".git");
        Self { testbed, name, project: testbed.home().join("project"), repository, tuning }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(Path::new(program), &self.project, self.testbed.home());
        command.env("GIT_DIR", &self.repository).env("GIT_WORK_TREE", &self.project);
        command
    }
}

impl Side for Git<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn folder(&self) -> &Path {
        &self.project
    }

    fn reset(&self) -> Outcome {
        if self.repository.exists() {
            std::fs::remove_dir_all(&self.repository)?;
        }
        let mut init = command(Path::new("git"), self.testbed.home(), self.testbed.home());
        process::capture(init.args(["init", "--quiet", "--bare"]).arg(&self.repository))?;
        for (key, value) in [("core.bare", "false"), ("gc.auto", "0")].iter().chain(self.tuning) {
            process::capture(self.command("git").args(["config", key, value]))?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Outcome<Duration> {
        clock(self.command("sh").args(["-ec", SNAPSHOT]))
    }

    fn mark(&self) -> Outcome<String> {
        self.snapshot()?;
        let id = process::capture(self.command("git").args(["rev-parse", "refs/heads/history"]))?;
        Ok(String::from_utf8(id)?.trim().to_owned())
    }

    fn restore(&self, mark: &str) -> Outcome<Duration> {
        clock(self.command("git").args(["read-tree", "--reset", "-u", mark]))
    }

    fn emptied(&self) -> Outcome {
        process::capture(self.command("git").args(["read-tree", "--empty"])).map(drop)
    }
}
