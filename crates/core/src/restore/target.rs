//! The tree that a restore goes to: a snapshot's, or the folder's own with some paths as the snapshot has them.

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
    objs::tree::{EntryKind, EntryMode},
};

use super::Error;
use crate::{checkout, large::Tree};

/// A snapshot's tree, and the files and folders of it to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The tree.
    pub tree: ObjectId,
    /// Paths with `/`, each a file's or a folder's; all of the tree if there are none.
    pub paths: Vec<BString>,
    /// True if each canonical pointer in the tree stands for a large file.
    pub has_large: bool,
}

impl From<&Self> for Target {
    fn from(target: &Self) -> Self {
        target.clone()
    }
}

impl<T: Into<Tree>> From<T> for Target {
    fn from(tree: T) -> Self {
        let Tree { id, has_large } = tree.into();
        Self { tree: id, paths: Vec::new(), has_large }
    }
}

impl Target {
    /// The tree that the folder becomes; `folder` is what it is.
    ///
    /// With `strict`, a path that neither of the two trees has is an error.
    pub(super) fn resolve(
        &self,
        repo: &Repository,
        folder: ObjectId,
        strict: bool,
    ) -> Result<ObjectId, Error> {
        if self.paths.is_empty() {
            return Ok(self.tree);
        }
        with_paths(repo, folder, self.tree, &self.paths, strict)
    }
}

/// Returns whether a tree has a file or folder at a path.
pub fn has_path(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<bool, Error> {
    Ok(entry(repo, tree, path)?.is_some())
}

/// A tree reduced to these paths, as far as it has them.
pub fn only(repo: &Repository, tree: ObjectId, paths: &[BString]) -> Result<ObjectId, Error> {
    if paths.is_empty() {
        return Ok(tree);
    }
    let empty = repo.write_object(gix::objs::Tree::empty()).map_err(Error::Compose)?.detach();
    with_paths(repo, empty, tree, paths, false)
}

/// The tree `onto` with what `from` has at each of `paths` in the place of its own.
fn with_paths(
    repo: &Repository,
    onto: ObjectId,
    from: ObjectId,
    paths: &[BString],
    strict: bool,
) -> Result<ObjectId, Error> {
    let read = |source| Error::Read { id: onto, source };
    let root = repo.find_tree(onto).map_err(read)?.decode().map_err(read)?.into();
    let mut editor = gix::objs::tree::Editor::new(root, &repo.objects, repo.object_hash());
    let mut paths: Vec<&BString> = paths.iter().collect();
    paths.sort();
    paths.dedup();
    let mut last: Option<&BString> = None;
    for path in paths {
        let given = path.as_bstr();
        // What is below a path comes with it.
        if last.is_some_and(|above| is_below(given, above.as_ref())) {
            continue;
        }
        last = Some(path);
        let unsafe_path = |why| Error::Target {
            tree: from,
            source: checkout::Error::UnsafePath { path: path.clone(), why },
        };
        checkout::path::check(given, false).map_err(unsafe_path)?;
        let parts = || given.split(|byte| *byte == b'/').map(ByteSlice::as_bstr);
        let (there, here) = (entry(repo, from, given)?, entry(repo, onto, given)?);
        if strict && there.is_none() && here.is_none() {
            return Err(Error::NoSuchPath { path: path.clone() });
        }
        match there {
            Some((mode, id)) => {
                if let Some(file) = file_above(repo, onto, given)? {
                    return Err(Error::FileAbove { path: path.clone(), file });
                }
                editor.remove(parts()).map_err(Error::Compose)?;
                editor.upsert(parts(), mode.kind(), id).map_err(Error::Compose)?;
            }
            None if here.is_some() => {
                editor.remove(parts()).map_err(Error::Compose)?;
            }
            None => {}
        }
    }
    editor.write(|tree| repo.write_object(tree).map(gix::Id::detach)).map_err(Error::Compose)
}

/// Returns whether a path is this one, or lies below it.
fn is_below(path: &BStr, above: &BStr) -> bool {
    path.strip_prefix(above.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The file of a tree that is where a path has a folder.
fn file_above(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<Option<BString>, Error> {
    for end in path.find_iter("/") {
        match entry(repo, tree, path[..end].as_bstr())? {
            Some((mode, _)) if mode.kind() != EntryKind::Tree => return Ok(Some(path[..end].into())),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn entry(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<Option<(EntryMode, ObjectId)>, Error> {
    let read = |source| Error::Read { id: tree, source };
    let root = repo.find_tree(tree).map_err(read)?;
    let found = root.lookup_entry(path.split(|byte| *byte == b'/')).map_err(read)?;
    Ok(found.map(|entry| (entry.mode(), entry.object_id())))
}
