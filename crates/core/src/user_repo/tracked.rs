//! Which files the user's own Git tracks.

use gix::bstr::{BStr, ByteSlice};

use super::{Error, UserRepo};

/// The paths in the user's index, for asking whether ignore rules have a say.
#[derive(Debug, Default)]
pub struct Tracked {
    index: Option<gix::worktree::Index>,
}

impl UserRepo {
    /// Reads which files the index names.
    pub fn tracked(&self) -> Result<Tracked, Error> {
        Ok(Tracked { index: self.git.try_index().map_err(self.failed("read the index"))? })
    }
}

impl Tracked {
    /// Whether this file (path with `/`, relative to the project folder) is tracked.
    pub fn has_file(&self, path: &BStr) -> bool {
        self.index.as_ref().is_some_and(|index| index.entry_index_by_path(path).is_ok())
    }

    /// Whether some file below this folder is tracked.
    pub fn has_below(&self, folder: &BStr) -> bool {
        let mut prefix = folder.to_owned();
        prefix.push(b'/');
        self.index.as_ref().is_some_and(|index| index.prefixed_entries_range(prefix.as_bstr()).is_some())
    }
}
