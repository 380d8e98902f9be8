//! The difference between two trees, reading only the folders that differ.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::EntryMode,
};

use super::{Error, extent::Tally};
use crate::limits::DEPTH;

/// A name that the two trees have differently.
#[derive(Debug)]
pub struct Difference {
    /// Its path.
    pub path: BString,
    /// The offset of the name in the path. A hostile one has `/` in it.
    pub name: usize,
    /// The first tree's entry.
    pub was: Option<(EntryMode, ObjectId)>,
    /// The second tree's entry.
    pub is: Option<(EntryMode, ObjectId)>,
}

type Names = BTreeMap<BString, (EntryMode, ObjectId)>;

/// Tells every name that differs, folders too; in no particular order.
pub fn walk(
    repo: &Repository,
    from: ObjectId,
    to: ObjectId,
    each: &mut dyn FnMut(Difference) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut tally = Tally::of(repo, [from, to]);
    let mut folders = vec![(BString::default(), 1, Some(from), Some(to))];
    while let Some((folder, depth, from, to)) = folders.pop() {
        if from == to {
            continue;
        }
        if depth > DEPTH {
            return Err(Error::TooDeep { tree: from.or(to).expect("one of them is there") });
        }
        let (from, to) = (names(repo, &folder, from)?, names(repo, &folder, to)?);
        for name in from.keys().chain(to.keys().filter(|name| !from.contains_key(*name))) {
            let (was, is) = (from.get(name).copied(), to.get(name).copied());
            if was == is {
                continue;
            }
            let path = join(&folder, name);
            tally.add(path.len())?;
            let (old, new) = (was.and_then(tree), is.and_then(tree));
            if old != new {
                folders.push((path.clone(), depth + 1, old, new));
            }
            let name = path.len() - name.len();
            each(Difference { path, name, was, is })?;
        }
    }
    Ok(())
}

/// Returns whether at most so many names differ, whose paths have at most so many bytes. Ends early if it is interrupted.
pub fn is_within(
    repo: &Repository,
    (from, to): (ObjectId, ObjectId),
    (entries, path_bytes): (usize, usize),
    interrupt: &AtomicBool,
) -> Result<bool, Error> {
    let mut met = (0, 0);
    let walked = walk(repo, from, to, &mut |difference| {
        met = (met.0 + 1, met.1 + difference.path.len());
        let is_over = met.0 > entries || met.1 > path_bytes || interrupt.load(Ordering::Relaxed);
        if is_over { Err(Error::TooManyFiles { tree: to }) } else { Ok(()) }
    });
    match walked {
        Ok(()) => Ok(true),
        Err(Error::TooManyFiles { .. } | Error::TooDeep { .. }) => Ok(false),
        Err(error) => Err(error),
    }
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

fn tree((mode, id): (EntryMode, ObjectId)) -> Option<ObjectId> {
    mode.is_tree().then_some(id)
}

fn join(folder: &BString, name: &[u8]) -> BString {
    let mut path = BString::from(Vec::with_capacity(folder.len() + 1 + name.len()));
    path.extend_from_slice(folder);
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
