//! What differs between two trees, as the service lists it: files that were added, edited, deleted or renamed.
//!
//! A rename is told by the content alone, which has to be the same.

use std::collections::{BTreeMap, HashMap};

use gix::ObjectId;
use gix::bstr::BString;
use gix::diff::tree::recorder::Change as Recorded;
use gix::diff::tree::{Recorder, State};
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;
use serde_json::{Map, Value, json};

use super::super::failure::Failure;
use super::super::shape::encode;
use super::place::Place;

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Add,
    Edit,
    Delete,
    Rename,
}

/// The change of one file.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Without a slash at the beginning.
    path: String,
    how: How,
    id: ObjectId,
    /// What it was before, where there was something.
    before: Option<ObjectId>,
    /// Where it was before it was renamed.
    source: Option<String>,
    is_commit: bool,
}

/// The changes that make `new` of `old`, by path.
pub(super) fn between(
    repository: &gix::Repository,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Vec<Change>, Failure> {
    let tree = |commit: ObjectId| -> Result<Vec<u8>, Failure> {
        let tree = repository.find_commit(commit)?.tree_id()?.detach();
        Ok(std::mem::take(&mut repository.find_object(tree)?.data))
    };
    let (before, after) = (old.map(tree).transpose()?.unwrap_or_default(), tree(new)?);
    let mut recorder = Recorder::default();
    let kind = repository.object_hash();
    gix::diff::tree(
        TreeRefIter::from_bytes(&before, kind),
        TreeRefIter::from_bytes(&after, kind),
        State::default(),
        &repository.objects,
        &mut recorder,
    )
    .map_err(|error| Failure::internal(&error))?;
    Ok(with_renames(recorder.records.into_iter().filter_map(read).collect()))
}

/// Folders are passed over.
fn read(recorded: Recorded) -> Option<Change> {
    let change = |path: BString, how, id, before, mode: EntryMode| {
        (!mode.is_tree()).then(|| Change {
            path: path.to_string(),
            how,
            id,
            before,
            source: None,
            is_commit: mode.is_commit(),
        })
    };
    match recorded {
        Recorded::Addition { entry_mode, oid, path, .. } => change(path, How::Add, oid, None, entry_mode),
        Recorded::Deletion { entry_mode, oid, path, .. } => {
            change(path, How::Delete, oid, Some(oid), entry_mode)
        }
        Recorded::Modification { previous_oid, entry_mode, oid, path, .. } => {
            change(path, How::Edit, oid, Some(previous_oid), entry_mode)
        }
    }
}

fn with_renames(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let mut gone: HashMap<ObjectId, Vec<String>> = HashMap::new();
    for change in changes.iter().rev().filter(|change| change.how == How::Delete) {
        gone.entry(change.id).or_default().push(change.path.clone());
    }
    let mut moved = std::collections::HashSet::new();
    for change in changes.iter_mut().filter(|change| change.how == How::Add) {
        if let Some(source) = gone.get_mut(&change.id).and_then(Vec::pop) {
            moved.insert(source.clone());
            change.how = How::Rename;
            change.before = Some(change.id);
            change.source = Some(source);
        }
    }
    changes.retain(|change| change.how != How::Delete || !moved.contains(&change.path));
    changes
}

/// How many of each kind there are; the three usual ones even if there are none.
pub(super) fn counts(changes: &[Change]) -> Value {
    let mut counts: BTreeMap<How, u64> = [(How::Add, 0), (How::Edit, 0), (How::Delete, 0)].into();
    for change in changes {
        *counts.entry(change.how).or_default() += 1;
    }
    let named = |(how, count): (How, u64)| {
        let name = match how {
            How::Add => "Add",
            How::Edit => "Edit",
            How::Delete => "Delete",
            How::Rename => "Rename",
        };
        (name.to_owned(), Value::from(count))
    };
    Value::Object(counts.into_iter().map(named).collect::<Map<_, _>>())
}

/// One change, in the version after it.
pub(super) fn show(place: &Place, commit: ObjectId, change: &Change) -> Value {
    let path = format!("/{}", change.path);
    let mut item = json!({
        "objectId": change.id.to_string(),
        "gitObjectType": if change.is_commit { "commit" } else { "blob" },
        "commitId": commit.to_string(),
        "path": path,
        "url": place.url(&format!("items?path={}&versionType=Commit&version={commit}", encode(&path))),
    });
    if let Some(before) = change.before {
        item["originalObjectId"] = before.to_string().into();
    }
    let how = match change.how {
        How::Add => "add",
        How::Edit => "edit",
        How::Delete => "delete",
        How::Rename => "rename",
    };
    let mut value = json!({ "item": item, "changeType": how });
    if let Some(source) = &change.source {
        value["sourceServerItem"] = format!("/{source}").into();
    }
    value
}
