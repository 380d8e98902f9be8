//! Keeping the history repository small and quick: many small packs and loose objects become few packs with deltas.
//!
//! After a snapshot azml looks, cheaply, whether that is due, and if it is starts itself once more as `azml project
//! consolidate`, which goes on when this process has ended. Nothing is lost when that is killed, or when others read and
//! write meanwhile; see [`git_wire::maintenance`].

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use azml_core::history::HistoryRepo;
use git_wire::maintenance::{self, Options, Report};
use git_wire::{Interrupt, Repository};

use crate::error::{CommandError, ErrorKind};

/// From so many packs on it is looked more closely.
const PACKS: usize = 24;
/// From so many loose objects in one of the 256 folders on.
const LOOSE_IN_ONE: usize = 6;

/// The options of consolidation: earlier than a server, since each process of azml opens all packs anew.
fn options() -> Options {
    let limits = maintenance::Limits {
        small_packs: PACKS,
        loose_objects: 256 * LOOSE_IN_ONE,
        ..maintenance::Limits::default()
    };
    Options { limits, ..Options::default() }
}

/// Starts a consolidation in the background if one is due. That it can't be started is no reason to fail.
pub fn start_if_due(history: &HistoryRepo) {
    let objects = history.path().join("objects");
    if !may_be_due(&objects) {
        return;
    }
    let is_due = Repository::open(history.path()).is_ok_and(|open| maintenance::is_due(&open, &options()));
    let Ok(program) = std::env::current_exe() else { return };
    if !is_due {
        return;
    }
    let mut again = Command::new(program);
    again.args(["project", "consolidate", "--only-show-errors", "-o", "none", "--path"]).arg(history.root());
    again.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    again.process_group(0);
    match again.spawn() {
        Ok(child) => tracing::debug!(pid = child.id(), "consolidating the run history in the background"),
        Err(error) => tracing::warn!(%error, "the run history can't be consolidated"),
    }
}

/// Consolidates what is due, or all, until `interrupt` is set.
pub fn consolidate(
    history: &HistoryRepo,
    everything: bool,
    interrupt: &Interrupt,
) -> Result<Report, CommandError> {
    let repository = Repository::open(history.path()).map_err(CommandError::failed)?;
    let options = Options { everything, ..options() };
    let report =
        maintenance::maintain_until(&repository, &options, interrupt).map_err(CommandError::failed)?;
    if report.interrupted {
        let message = "the consolidation was interrupted; nothing is lost, and a later one does the rest";
        return Err(CommandError::new(ErrorKind::Interrupted, message));
    }
    Ok(report)
}

/// Two listings: how many packs there are, and how many loose objects in one folder of 256, as Git guesses.
fn may_be_due(objects: &Path) -> bool {
    let count = |folder: &str, wanted: fn(&Path) -> bool| {
        let list = objects.join(folder).read_dir().into_iter().flatten().flatten();
        list.filter(|entry| wanted(&entry.path())).count()
    };
    count("pack", |path| path.extension().is_some_and(|extension| extension == "pack")) >= PACKS
        || count("17", |_| true) >= LOOSE_IN_ONE
}
