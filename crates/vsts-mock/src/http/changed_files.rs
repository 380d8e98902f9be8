//! Which files differ between two commits: those that were added, edited, deleted or renamed, by path.
//!
//! A rename is told by the content alone, which has to be the same. Folders are passed over.

use std::collections::{HashMap, HashSet};

use gix::ObjectId;
use gix::bstr::BString;
use gix::diff::tree::recorder::Change as Recorded;
use gix::diff::tree::{Recorder, State};
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    Added,
    Edited,
    Deleted,
    Renamed,
}

/// The change of one file, or of another repository's commit.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Without a slash at the beginning.
    pub(super) path: BString,
    pub(super) how: How,
    /// Where it was before it was renamed.
    pub(super) source: Option<BString>,
    pub(super) old: Option<(EntryMode, ObjectId)>,
    pub(super) new: Option<(EntryMode, ObjectId)>,
}

/// The changes that make `new` of `old`; all of `new` if there is no `old`.
pub(super) fn between(
    repository: &gix::Repository,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Vec<Change>, gix::Error> {
    let tree = |commit: ObjectId| -> Result<Vec<u8>, gix::Error> {
        let tree = repository.find_commit(commit)?.tree_id()?.detach();
        Ok(std::mem::take(&mut repository.find_object(tree)?.data))
    };
    let (before, after) = (old.map(tree).transpose()?.unwrap_or_default(), tree(new)?);
    let kind = repository.object_hash();
    let mut recorder = Recorder::default();
    gix::diff::tree(
        TreeRefIter::from_bytes(&before, kind),
        TreeRefIter::from_bytes(&after, kind),
        State::default(),
        &repository.objects,
        &mut recorder,
    )
    .map_err(gix::Error::from_error)?;
    let mut changes: Vec<Change> = recorder.records.into_iter().filter_map(read).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(with_renames(changes))
}

fn read(recorded: Recorded) -> Option<Change> {
    let change = |path, how, old: Option<(EntryMode, ObjectId)>, new: Option<(EntryMode, ObjectId)>| {
        // What is a folder on one side and a file on the other is recorded as two changes.
        let is_folder = old.or(new).is_some_and(|(mode, _)| mode.is_tree());
        (!is_folder).then_some(Change { path, how, source: None, old, new })
    };
    match recorded {
        Recorded::Addition { entry_mode, oid, path, .. } => {
            change(path, How::Added, None, Some((entry_mode, oid)))
        }
        Recorded::Deletion { entry_mode, oid, path, .. } => {
            change(path, How::Deleted, Some((entry_mode, oid)), None)
        }
        Recorded::Modification { previous_entry_mode, previous_oid, entry_mode, oid, path } => {
            change(path, How::Edited, Some((previous_entry_mode, previous_oid)), Some((entry_mode, oid)))
        }
    }
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
