//! Making the project folder equal to a snapshot, without ever losing anything.
//!
//! Order of operations: [`plan`] compares the snapshot's tree with the folder and touches nothing;
//! [`execute`] commits what is in the folder to `refs/azureml/backups/<n>`, writes a journal, applies
//! it and removes it; [`undo`] does the same towards the newest backup (and can itself be undone);
//! [`recover`], which every command calls first, ends what a killed restore began.
//!
//! Guarantees:
//! - Nothing in the folder is written before the backup and the journal are on the disk. From then
//!   on a kill or a power cut at any instant is finished, or undone, by [`recover`].
//! - A file is replaced or removed only if it is, at that moment, what the backup has; one that was
//!   edited meanwhile is added to the backup first.
//! - Only what differs is written. Ignored and left-out files, `.git` and the history repository are
//!   left alone; an ignored file where the snapshot has one stops everything before it begins.
//! - What is ignored before and by no rule afterwards is held back from snapshots ([`Plan::unignored`]).
//! - Nothing is written or removed through a symbolic link.
//! - A restore of some paths ([`Target::paths`]) leaves all others alone, and so does its undo.

mod apply;
mod backup;
mod change;
mod compare;
mod disk;
mod error;
mod flush;
mod folder;
mod in_the_way;
mod journal;
mod kept;
mod plan;
mod prepare;
mod remove;
mod run;
mod steps;
mod target;
mod tree_rules;
mod unignored;
mod work;

pub(crate) use self::journal::{JournalState, journal_state};
pub use self::{
    backup::{Backup, KEPT, backups, newest_backup},
    change::Change,
    error::Error,
    plan::{Plan, plan, plan_undo},
    run::{Done, Recovered, execute, go_back, recover, restore, undo},
    steps::{NoSteps, Step, Steps, Stopped},
    target::{Target, has_path, only},
};

use gix::actor;

/// The arguments of a restore besides its plan.
#[derive(Debug, Clone)]
pub struct Context {
    /// The author of the restore, with the time, for the backup's commit.
    pub by: actor::Signature,
    /// Back up and replace ignored files that are in the way.
    pub force: bool,
}

#[cfg(test)]
mod tests;
