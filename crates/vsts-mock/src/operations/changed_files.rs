//! The files that differ between two commits: those that were added, edited, deleted or renamed, by path.
//!
//! A rename is told by the content alone, which has to be the same. Folders are passed over.

use std::collections::{HashMap, HashSet};

use gix::ObjectId;
use gix::bstr::BString;
use gix::objs::tree::EntryMode;

use super::tree_walk::{self, WalkError};
use super::work::Work;

/// The kind of a file's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    Added,
    Edited,
    Deleted,
    Renamed,
}

/// The change of one file, or of another repository's commit.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Without a slash at the beginning.
    pub(crate) path: BString,
    pub(crate) how: How,
    /// The path before it was renamed.
    pub(crate) source: Option<BString>,
    pub(crate) old: Option<(EntryMode, ObjectId)>,
    pub(crate) new: Option<(EntryMode, ObjectId)>,
}

/// The changes that make `new` of `old`; all of `new` if there is no `old`.
pub(crate) fn between(
    repository: &gix::Repository,
    work: &Work,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Vec<Change>, WalkError> {
    let tree = |commit: ObjectId| -> Result<ObjectId, gix::Error> {
        Ok(repository.find_commit(commit)?.tree_id()?.detach())
    };
    let (before, after) = (old.map(tree).transpose()?, tree(new)?);
    let mut changes = Vec::new();
    tree_walk::differing(repository, work, before, Some(after), |path, old, new| {
        let how = match (old, new) {
            (None, _) => How::Added,
            (_, None) => How::Deleted,
            _ => How::Edited,
        };
        // What is a folder on one side and a file on the other comes as two changes.
        if !old.or(new).is_some_and(|(mode, _)| mode.is_tree()) {
            changes.push(Change { path: path.to_owned(), how, source: None, old, new });
        }
        Ok(())
    })?;
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(with_renames(changes))
}

/// A file that went and came again with the same content was renamed.
fn with_renames(mut changes: Vec<Change>) -> Vec<Change> {
    let mut gone: HashMap<ObjectId, Vec<BString>> = HashMap::new();
    for change in changes.iter().rev().filter(|change| change.how == How::Deleted) {
        if let Some((_, id)) = change.old {
            gone.entry(id).or_default().push(change.path.clone());
        }
    }
    let mut moved = HashSet::new();
    for change in changes.iter_mut().filter(|change| change.how == How::Added) {
        let Some((mode, id)) = change.new else { continue };
        if let Some(source) = gone.get_mut(&id).and_then(Vec::pop) {
            moved.insert(source.clone());
            change.how = How::Renamed;
            change.old = Some((mode, id));
            change.source = Some(source);
        }
    }
    changes.retain(|change| change.how != How::Deleted || !moved.contains(&change.path));
    changes
}
