//! The work that every side does, and its testbed: one folder that azml, plain and tuned git share, and a copy for
//! each side that would leave something in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::{median, timed};
use super::report::Report;
use super::{dvc::Dvc, folder, git::Git, jj::Jj, ours::Azml};
use crate::{Outcome, process};

/// A program that keeps versions of a folder.
pub(super) trait Side {
    /// Its column.
    fn name(&self) -> &'static str;
    /// The folder that it works in.
    fn folder(&self) -> &Path;
    /// Forgets all.
    fn reset(&self) -> Outcome;
    /// Keeps the folder as it is.
    fn snapshot(&self) -> Outcome<Duration>;
    /// Keeps the folder as it is and says by which name it can be restored.
    fn mark(&self) -> Outcome<String>;
    /// Makes the folder what it was at that mark.
    fn restore(&self, mark: &str) -> Outcome<Duration>;
    /// Is told that the folder is empty now.
    fn emptied(&self) -> Outcome {
        Ok(())
    }
    /// Runs a script that does nothing; only sides that run scripts.
    fn submit(&self) -> Option<Outcome<Duration>> {
        None
    }
}

/// The folders of one size, and the sides.
pub(super) struct Testbed {
    pub(super) scratch: tempfile::TempDir,
    pub(super) azml: PathBuf,
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// A program in a folder, without anything of the caller's environment.
pub(super) fn command(program: &Path, dir: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "bench")
        .env("GIT_AUTHOR_EMAIL", "bench@example.com")
        .env("GIT_COMMITTER_NAME", "bench")
        .env("GIT_COMMITTER_EMAIL", "bench@example.com")
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end and says how long that took.
pub(super) fn clock(command: &mut Command) -> Outcome<Duration> {
    Ok(timed(|| process::capture(command))?.0)
}

impl Testbed {
    pub(super) fn new(azml: &Path, files: usize) -> Outcome<Self> {
        let scratch = super::super::scratch()?;
        let testbed = Self { scratch, azml: azml.to_owned(), files, bytes: 0 };
        let ours = Azml::new(&testbed);
        ours.create()?;
        let bytes = folder::fill(ours.folder(), files)?;
        Ok(Self { bytes, ..testbed })
    }

    pub(super) fn home(&self) -> &Path {
        self.scratch.path()
    }

    /// All sides that can be had; what can't is noted.
    pub(super) fn sides(&self, peers: bool, report: &mut Report) -> Vec<Box<dyn Side + '_>> {
        let mut sides: Vec<Box<dyn Side + '_>> =
            vec![Box::new(Azml::new(self)), Box::new(Git::plain(self)), Box::new(Git::tuned(self))];
        // jj and DVC are given the small and the middle folder: they have shown by then where they stand.
        if peers && self.files <= 10_000 {
            match Jj::new(self) {
                Ok(jj) => sides.push(Box::new(jj)),
                Err(why) => report.note(format!("jj is not here: {why}")),
            }
        }
        if peers && self.files <= 1_000 {
            match Dvc::new(self) {
                Ok(dvc) => sides.push(Box::new(dvc)),
                Err(why) => report.note(format!("DVC is not here: {why}")),
            }
        }
        sides
    }
}

/// Lets each of `count` do its work in turns, each turn another first, and gives medians. The first turn is not counted.
pub(super) fn turns(
    count: usize,
    repetitions: usize,
    mut work: impl FnMut(usize, usize) -> Outcome<Duration>,
) -> Outcome<Vec<Duration>> {
    let mut times = vec![Vec::new(); count];
    for turn in 0..=repetitions {
        for place in 0..count {
            let side = (place + turn) % count;
            let time = work(side, turn)?;
            if turn > 0 || repetitions == 1 {
                times[side].push(time);
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}
