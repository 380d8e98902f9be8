//! A journal that is being applied to the project folder.

use gix::{Repository, bstr::BString};

use super::{Change, backup::LateBackup, disk::Folders, steps::Counter};
use crate::checkout::listing::Entry;

/// The number of tries for a path that changes meanwhile.
pub(super) const TRIES: usize = 8;

/// The side of the journal that the folder is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the tree that is restored.
    Forward,
    /// Back to what the folder was.
    Back,
}

/// A journal being applied.
pub(super) struct Work<'a> {
    pub(super) folders: Folders<'a>,
    pub(super) repo: &'a Repository,
    pub(super) token: String,
    pub(super) changes: &'a [Change],
    pub(super) direction: Direction,
    pub(super) late: LateBackup<'a>,
    pub(super) steps: &'a Counter<'a>,
}

impl Work<'_> {
    /// Returns the entry that is to be at a change's place.
    pub(super) fn wanted(&self, change: &Change) -> Option<Entry> {
        match self.direction {
            Direction::Forward => change.after,
            Direction::Back => change.before,
        }
    }

    /// The name beside that of the `i`th change, in its folder.
    pub(super) fn beside(&self, i: usize, ending: &str) -> BString {
        format!(".azml-{}-{i}.{ending}", self.token).into()
    }
}
