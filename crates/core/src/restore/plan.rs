//! The plan of a restore, made without changing anything.

use std::collections::BTreeSet;

use gix::{ObjectId, bstr::BString};

use super::{
    Backup, Change, Error, backup,
    compare::compare,
    folder,
    in_the_way::{self, Unseen},
    kept,
    target::Target,
    tree_rules::{TreeRules, is_ignore_file},
    unignored,
};
use crate::{checkout::listing::Entry, history::HistoryRepo, large::Tree};

/// The changes that a restore would make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tree that the folder becomes.
    pub target: ObjectId,
    /// The tree and the paths that were asked for.
    pub asked: Target,
    /// Every path that changes, sorted.
    pub changes: Vec<Change>,
    /// Ignored and left-out files that are where the tree has something else, sorted.
    pub in_the_way: Vec<BString>,
    /// Files, and folders with a slash at their end, that are ignored now and would not be by the tree's rules: they are held
    /// back from snapshots until the user decides.
    pub unignored: BTreeSet<BString>,
    /// The paths, sorted, at which the tree has a commit of another repository: a snapshot does not hold its files,
    /// and nothing is done there.
    pub passed_over: Vec<BString>,
    /// Ignored files that are just what the tree has: the backup has them too, so that an undo,
    /// which may see them by other rules, leaves them.
    pub(super) there_already: Vec<(BString, Entry)>,
    /// The folder as a tree.
    pub(super) folder: Tree,
    /// The tree that the restore being undone had made of the folder.
    pub(super) since: Option<ObjectId>,
}

impl Plan {
    /// The folder as it is, as a tree of the history: what a restore would overwrite can be compared line by line.
    pub fn folder(&self) -> Tree {
        self.folder
    }

    /// Returns whether the folder is equal to the tree already.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Files that the folder gets.
    pub fn added(&self) -> impl Iterator<Item = &BString> {
        self.changes.iter().filter(|c| c.before.is_none()).map(|c| &c.path)
    }

    /// Files that become others: content, executable bit, or what they are.
    pub fn changed(&self) -> impl Iterator<Item = &BString> {
        self.changes.iter().filter(|c| c.before.is_some() && c.after.is_some()).map(|c| &c.path)
    }

    /// Files that go.
    pub fn removed(&self) -> impl Iterator<Item = &BString> {
        self.changes.iter().filter(|c| c.after.is_none()).map(|c| &c.path)
    }

    /// A path on which the two plans differ.
    pub(super) fn difference(&self, other: &Self) -> Option<BString> {
        let (ours, theirs) = (&self.changes, &other.changes);
        let differing = ours.iter().find(|c| !theirs.contains_sorted(c));
        let differing = differing.or_else(|| theirs.iter().find(|c| !ours.contains_sorted(c)));
        let in_the_way = || other.in_the_way.iter().find(|path| !self.in_the_way.contains(path)).cloned();
        differing.map(|c| c.path.clone()).or_else(in_the_way)
    }
}

trait SortedChanges {
    fn contains_sorted(&self, change: &Change) -> bool;
}

impl SortedChanges for Vec<Change> {
    fn contains_sorted(&self, change: &Change) -> bool {
        self.binary_search_by(|c| c.path.cmp(&change.path)).is_ok_and(|at| self[at] == *change)
    }
}

/// Plans to make the project folder equal to a tree, or some paths of it; the tree must be here with all it has.
pub fn plan(history: &HistoryRepo, target: impl Into<Target>) -> Result<Plan, Error> {
    plan_towards(history, &target.into(), None)
}

/// Plans to go back to the newest backup.
pub fn plan_undo(history: &HistoryRepo) -> Result<(Backup, Plan), Error> {
    let backup = backup::newest_backup(history)?.ok_or(Error::NoBackup)?;
    let target = Target { tree: backup.tree, paths: backup.paths.clone(), has_large: backup.has_large };
    let plan = plan_towards(history, &target, backup.restored)?;
    Ok((backup, plan))
}

/// Plans towards `asked`. `since` is the tree that a restore made of the folder, if it is being undone.
pub(super) fn plan_towards(
    history: &HistoryRepo,
    asked: &Target,
    since: Option<ObjectId>,
) -> Result<Plan, Error> {
    let folder = folder::store(history)?;
    let tree = asked.resolve(history.git(), folder.id, since.is_none())?;
    let target = |source| Error::Target { tree, source };
    let (mut changes, passed_over) =
        compare(history.git(), folder, Tree { id: tree, has_large: asked.has_large }).map_err(target)?;
    let mut unignored = BTreeSet::new();
    if changes.iter().any(|change| is_ignore_file(change.path.as_ref())) {
        let mut rules = TreeRules::of(history, tree, &changes)?;
        kept::keep_what_the_target_ignores(history, &mut rules, since, &mut changes)?;
        unignored = unignored::find(history, &mut rules)?;
    }
    let Unseen { in_the_way, there_already } = in_the_way::find(history, &mut changes)?;
    let asked = asked.clone();
    Ok(Plan {
        target: tree,
        asked,
        changes,
        in_the_way,
        unignored,
        there_already,
        folder,
        since,
        passed_over,
    })
}
