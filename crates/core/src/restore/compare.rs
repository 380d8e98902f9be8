//! The difference between two trees, reading only the folders that differ.

use std::collections::BTreeMap;

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::{EntryKind, EntryMode},
};

use super::Change;
use crate::checkout::{Error, listing::Entry, path};

type Names = BTreeMap<BString, (EntryMode, ObjectId)>;

/// What is to be done to get from tree `from` to tree `to`, by path. Every path that `to` brings in
/// is checked.
pub(super) fn compare(repo: &Repository, from: ObjectId, to: ObjectId) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    let mut folders = vec![(BString::default(), Some(from), Some(to))];
    while let Some((folder, from, to)) = folders.pop() {
        if from == to {
            continue;
        }
        let (from, to) = (names(repo, &folder, from)?, names(repo, &folder, to)?);
        for name in from.keys().chain(to.keys().filter(|name| !from.contains_key(*name))) {
            let (was, is) = (from.get(name), to.get(name));
            if was == is {
                continue;
            }
            let path = join(&folder, name);
            if let Some((mode, _)) = is
                && let Err(why) = path::check_name(name.as_ref(), mode.is_link())
            {
                return Err(Error::UnsafePath { path, why });
            }
            let (before, after) = (was.and_then(leaf), is.and_then(leaf));
            if before != after {
                changes.push(Change { path: path.clone(), before, after });
            }
            let (was, is) = (was.and_then(tree), is.and_then(tree));
            if was != is {
                folders.push((path, was, is));
            }
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

fn names(repo: &Repository, folder: &BString, id: Option<ObjectId>) -> Result<Names, Error> {
    let Some(id) = id else { return Ok(Names::new()) };
    let read = |source| Error::Read { id, source };
    let object = repo.find_tree(id).map_err(read)?;
    let mut names = Names::new();
    for entry in object.decode().map_err(read)?.entries {
        // Modes that Git writes no longer mean the same as those it does: 100664 is 100644.
        let mode = entry.mode.kind().into();
        if names.insert(entry.filename.to_owned(), (mode, entry.oid.to_owned())).is_some() {
            return Err(Error::TwoAtOnePath { path: join(folder, entry.filename.as_bytes()) });
        }
    }
    Ok(names)
}

fn leaf((mode, id): &(EntryMode, ObjectId)) -> Option<Entry> {
    (!mode.is_tree()).then(|| Entry { kind: mode.kind(), id: *id })
}

fn tree((mode, id): &(EntryMode, ObjectId)) -> Option<ObjectId> {
    (mode.kind() == EntryKind::Tree).then_some(*id)
}

fn join(folder: &BString, name: &[u8]) -> BString {
    let mut path = folder.clone();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
