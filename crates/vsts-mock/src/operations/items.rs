//! The files and folders of a version: listed by path, to some depth.

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice as _};
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;

use super::refused::Refused;
use super::tree_walk::{self, read_tree};
use super::work::{Exceeded, Work};
use crate::limits::{BINARY_CHECK_BYTES, WALK_DEPTH};

/// The depth of a list below a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    None,
    OneLevel,
    OneLevelPlusEmpty,
    Full,
}

/// One entry of a tree, by its path from where the walk began.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) mode: EntryMode,
    pub(crate) id: ObjectId,
}

impl Entry {
    /// The kind of what it names.
    pub(crate) fn kind(&self) -> &'static str {
        if self.mode.is_tree() {
            "tree"
        } else if self.mode.is_commit() {
            "commit"
        } else {
            "blob"
        }
    }
}

/// The entries of a tree, with `prefix` before their names.
pub(crate) fn entries(
    repository: &gix::Repository,
    work: &Work,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Refused> {
    let mut all = Vec::new();
    each_entry(repository, work, tree, |name, mode, id| {
        let path = joined(prefix, name);
        work.list(path.len())?;
        all.push(Entry { path, mode, id });
        Ok(())
    })?;
    Ok(all)
}

/// Calls `each` with the name, mode and id of each entry of a tree.
pub(crate) fn each_entry(
    repository: &gix::Repository,
    work: &Work,
    tree: ObjectId,
    mut each: impl FnMut(&BStr, EntryMode, ObjectId) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let data = read_tree(repository, work, tree)?;
    for entry in TreeRefIter::from_bytes(&data, repository.object_hash()) {
        let entry = entry.map_err(Refused::internal)?;
        each(entry.filename, entry.mode, entry.oid.to_owned())?;
    }
    Ok(())
}

/// The entries of a tree and of all trees below it, each folder before what is in it.
pub(crate) fn all_below(
    repository: &gix::Repository,
    work: &Work,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Refused> {
    let mut found = Vec::new();
    tree_walk::below(repository, work, tree, |path, mode, id| {
        let path = joined(prefix, path);
        work.list(path.len())?;
        found.push(Entry { path, mode, id: id.to_owned() });
        Ok(())
    })?;
    Ok(found)
}

fn joined(prefix: &str, path: &BStr) -> String {
    let mut joined = String::with_capacity(prefix.len() + 1 + path.len());
    if !prefix.is_empty() {
        joined.push_str(prefix);
        joined.push('/');
    }
    joined.push_str(&path.to_str_lossy());
    joined
}

/// An entry and what is below it, to some depth.
pub(crate) fn list(
    repository: &gix::Repository,
    work: &Work,
    top: Entry,
    depth: Depth,
) -> Result<Vec<Entry>, Refused> {
    if !top.mode.is_tree() || depth == Depth::None {
        return Ok(vec![top]);
    }
    let (id, path) = (top.id, top.path.clone());
    let mut found = vec![top];
    match depth {
        Depth::None => {}
        Depth::Full => found.extend(all_below(repository, work, id, &path)?),
        Depth::OneLevel => found.extend(entries(repository, work, id, &path)?),
        Depth::OneLevelPlusEmpty => {
            for entry in entries(repository, work, id, &path)? {
                push_chain(repository, work, entry, &mut found)?;
            }
        }
    }
    Ok(found)
}

/// Adds an entry, and below a folder that holds nothing but a folder, that one too, and so on.
fn push_chain(
    repository: &gix::Repository,
    work: &Work,
    entry: Entry,
    found: &mut Vec<Entry>,
) -> Result<(), Refused> {
    let mut last = entry;
    for _ in 0..=WALK_DEPTH {
        let only = if last.mode.is_tree() { only_folder(repository, work, &last)? } else { None };
        found.push(last);
        match only {
            Some(only) => last = only,
            None => return Ok(()),
        }
    }
    Err(Exceeded::Depth.into())
}

/// The folder that is the only entry of a folder.
fn only_folder(repository: &gix::Repository, work: &Work, folder: &Entry) -> Result<Option<Entry>, Refused> {
    let data = read_tree(repository, work, folder.id)?;
    let mut entries = TreeRefIter::from_bytes(&data, repository.object_hash());
    let (Some(Ok(only)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    if !only.mode.is_tree() {
        return Ok(None);
    }
    let path = format!("{}/{}", folder.path, only.filename.to_str_lossy());
    work.list(path.len())?;
    Ok(Some(Entry { path, mode: only.mode, id: only.oid.to_owned() }))
}

/// Returns whether a file is binary, by its first [`BINARY_CHECK_BYTES`].
pub(crate) fn is_binary(start: &[u8]) -> bool {
    start.iter().take(BINARY_CHECK_BYTES).any(|byte| *byte == 0)
}
