//! The files of a tree as one sorted list of paths, every one of them checked.

use std::collections::{BTreeMap, HashSet};

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{Error, path};

/// What a tree has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// File, executable file, symbolic link, or a commit of another repository.
    pub kind: EntryKind,
    /// Its content.
    pub id: ObjectId,
}

/// Paths with `/`, sorted by their bytes.
pub type Listing = BTreeMap<BString, Entry>;

/// A tree with more files than this is taken for an attack: few objects can say "10^20 files".
pub const MAX_FILES: usize = 10_000_000;

/// Everything below `tree` but the folders themselves; an unsafe path anywhere refuses the whole.
pub fn list(repo: &Repository, tree: ObjectId) -> Result<Listing, Error> {
    let mut listing = Listing::new();
    let mut folders = vec![(BString::default(), tree)];
    while let Some((folder, id)) = folders.pop() {
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
            let id = entry.oid.to_owned();
            if kind == EntryKind::Tree {
                folders.push((path, id));
            } else {
                listing.insert(path, Entry { kind, id });
            }
            if listing.len() + folders.len() > MAX_FILES {
                return Err(Error::TooManyFiles { tree });
            }
        }
    }
    Ok(listing)
}
