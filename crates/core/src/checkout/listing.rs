//! The files of a tree as one sorted list of paths, every one of them checked.

use std::collections::{BTreeMap, HashSet};

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{Error, extent::Tally, path};
use crate::{
    large::{self, Pointer, Tree},
    limits::DEPTH,
};

/// A tree's entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// File, executable file, symbolic link, or a commit of another repository.
    pub kind: EntryKind,
    /// Its content.
    pub id: ObjectId,
    /// It is a large file: its content is the pointer in its place.
    pub is_large: bool,
}

impl Entry {
    /// An entry of a tree.
    pub fn of(repo: &Repository, tree: Tree, kind: EntryKind, id: ObjectId) -> Result<Self, Error> {
        let may_be_large = tree.has_large && matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
        let read = |source| Error::Read { id, source };
        let is_large = may_be_large && large::pointer(repo, id).map_err(read)?.is_some();
        Ok(Self { kind, id, is_large })
    }

    /// The bytes of its content.
    pub fn size(&self, repo: &Repository) -> Result<u64, Error> {
        match self.pointer(repo)? {
            Some(pointer) => Ok(pointer.size),
            None => match repo.find_header(self.id) {
                Ok(header) => Ok(header.size()),
                Err(source) => Err(Error::Read { id: self.id, source }),
            },
        }
    }

    /// The pointer in the place of a large file.
    pub fn pointer(&self, repo: &Repository) -> Result<Option<Pointer>, Error> {
        let read = |source| Error::Read { id: self.id, source };
        if self.is_large { large::pointer(repo, self.id).map_err(read) } else { Ok(None) }
    }
}

/// Paths with `/`, sorted by their bytes.
pub type Listing = BTreeMap<BString, Entry>;

/// Everything below `tree` but the folders themselves; an unsafe path anywhere refuses the whole.
pub fn list(repo: &Repository, tree: impl Into<Tree>) -> Result<Listing, Error> {
    let whole = tree.into();
    let tree = whole.id;
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
                listing.insert(path, Entry::of(repo, whole, kind, id)?);
            }
        }
    }
    Ok(listing)
}
