//! The files that a repository's index tracks.

use std::{borrow::Cow, path::Path, sync::Arc};

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
    objs::FindExt,
};

use super::{Error, UserRepo};

/// The paths in the user's index, for asking whether ignore rules have a say.
#[derive(Default)]
pub struct Tracked {
    index: Option<gix::worktree::Index>,
    /// The path of the project folder in the work tree, with a slash at its end.
    prefix: BString,
    /// The paths of the trees that a sparse index names instead of their files.
    objects: Option<Arc<gix::odb::Store>>,
}

impl std::fmt::Debug for Tracked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracked").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl UserRepo {
    /// Reads which files the index names.
    pub fn tracked(&self) -> Result<Tracked, Error> {
        // Not as gix finds it: that may be `GIT_INDEX_FILE`, which a hook sets for another repository.
        let path = self.git.git_dir().join("index");
        if path.symlink_metadata().is_err() {
            return Ok(Tracked::default());
        }
        let options = gix::index::decode::Options::default();
        let index = gix::index::File::at(path, gix::hash::Kind::Sha1, false, options)
            .map_err(self.failed("read the index"))?;
        let index = Some(Arc::new(gix::fs::FileSnapshot::new(index)));
        let objects = Some(self.git.objects.store());
        Ok(Tracked { index, prefix: self.prefix.clone(), objects })
    }
}

impl Tracked {
    /// The paths tracked by an index whose work tree begins at the root of the paths that are asked for.
    pub(super) fn of_index(index: gix::index::File, objects: &Path) -> Self {
        let objects =
            if index.is_sparse() { gix::odb::at(objects, gix::hash::Kind::Sha1).ok() } else { None };
        let index = Some(Arc::new(gix::fs::FileSnapshot::new(index)));
        Self { index, prefix: BString::default(), objects: objects.map(|objects| objects.store()) }
    }

    /// Returns whether this file (path with `/`, relative to the project folder) is tracked.
    pub fn has_file(&self, path: &BStr) -> bool {
        let Some(index) = &self.index else { return false };
        let path = self.in_work_tree(path);
        // A conflict has entries of the same path, in several stages: any one will do.
        index.entry_index_by_path(path.as_bstr()).is_ok()
            || self.in_sparse_folder(index, path.as_bstr()).is_some_and(|kind| !kind.is_tree())
    }

    /// Returns whether some file below this folder is tracked, or the folder itself as a submodule; of the empty path: any file of
    /// the project.
    pub fn has_below(&self, folder: &BStr) -> bool {
        let Some(index) = &self.index else { return false };
        let mut path = self.in_work_tree(folder).into_owned();
        if !folder.is_empty() {
            if index.entry_index_by_path(path.as_bstr()).is_ok_and(|at| index.entry(at).mode.is_submodule()) {
                return true;
            }
            path.push(b'/');
        }
        let first = index.entries().partition_point(|entry| entry.path(index) < path.as_bstr());
        if index.entries().get(first).is_some_and(|entry| entry.path(index).starts_with(&path)) {
            return true;
        }
        path.pop();
        self.in_sparse_folder(index, path.as_bstr()).is_some_and(|kind| kind.is_tree() || kind.is_commit())
    }

    fn in_work_tree<'p>(&self, path: &'p BStr) -> Cow<'p, [u8]> {
        if self.prefix.is_empty() {
            Cow::Borrowed(path)
        } else {
            Cow::Owned([&self.prefix[..], path].concat())
        }
    }

    /// Looks `path` up in a folder that a sparse index names as a whole. What a partial clone lacks counts as untracked.
    fn in_sparse_folder(&self, index: &gix::index::State, path: &BStr) -> Option<gix::objs::tree::EntryMode> {
        if !index.is_sparse() {
            return None;
        }
        let (tree, rest) = path.find_iter("/").find_map(|end| {
            let at = index.entry_index_by_path(path[..=end].as_bstr()).ok()?;
            Some((index.entry(at).id, path[end + 1..].as_bstr()))
        })?;
        self.look_up(tree, rest)
    }

    fn look_up(&self, mut tree: ObjectId, path: &BStr) -> Option<gix::objs::tree::EntryMode> {
        let objects = self.objects.as_ref()?.to_handle_arc();
        let mut buffer = Vec::new();
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        while let Some(name) = parts.next() {
            let entries = objects.find_tree_iter(&tree, &mut buffer).ok()?;
            let entry = entries.filter_map(Result::ok).find(|entry| entry.filename == name)?;
            if parts.peek().is_none() {
                return Some(entry.mode);
            }
            tree = entry.oid.to_owned();
        }
        None
    }
}
