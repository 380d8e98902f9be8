//! The files of a tree as one sorted list of paths, every one of them checked.

use std::collections::{BTreeMap, HashSet};

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{Error, extent::Tally, path};
use crate::limits::DEPTH;

/// A tree's entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// File, executable file, symbolic link, or a commit of another repository.
    pub kind: EntryKind,
    /// Its content.
    pub id: ObjectId,
}

/// Paths with `/`, sorted by their bytes.
pub type Listing = BTreeMap<BString, Entry>;

/// Everything below `tree` but the folders themselves; an unsafe path anywhere refuses the whole.
pub fn list(repo: &Repository, tree: ObjectId) -> Result<Listing, Error> {
    let mut listing = Listing::new();
    let mut tally = Tally::of(repo, [tree]);
    let mut folders = vec![(BString::default(), 1, tree)];
    while let Some((folder, depth, id)) = folders.pop() {
        if depth > DEPTH {
            return Err(Error::TooDeep { tree });
        }
        let object = repo.find_tree(id).map_err(|source| Error::Read { id, source })?;
        let decoded = object.decode().map_err(|source| Error::Read { id, source })?;
        let mut names = HashSet::with_capacity(decoded.entries.len());
        for entry in &decoded.entries {
            let mut path = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.filename);
            let kind = entry.mode.kind();
            if let Err(why) = path::check_name(entry.filename, kind == EntryKind::Link) {
                return Err(Error::UnsafePath { path, why });
            }
            if !names.insert(entry.filename.as_bytes()) {
                return Err(Error::TwoAtOnePath { path });
            }
            tally.add(path.len())?;
            let id = entry.oid.to_owned();
            if kind == EntryKind::Tree {
                folders.push((path, depth + 1, id));
            } else {
                listing.insert(path, Entry { kind, id });
            }
        }
    }
    Ok(listing)
}
