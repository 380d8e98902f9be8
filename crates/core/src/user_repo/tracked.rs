//! Which files the user's own Git tracks.

use gix::bstr::{BStr, BString, ByteSlice};

use super::{Error, UserRepo};

/// The paths in the user's index, for asking whether ignore rules have a say.
#[derive(Debug, Default)]
pub struct Tracked {
    /// Sorted, with `/`, relative to the project folder.
    paths: Vec<BString>,
}

impl UserRepo {
    /// Reads which files the index names.
    pub fn tracked(&self) -> Result<Tracked, Error> {
        let Some(index) = self.git.try_index().map_err(self.failed("read the index"))? else {
            return Ok(Tracked::default());
        };
        Ok(Tracked::new(index.entries().iter().map(|entry| entry.path(&index).to_owned())))
    }
}

impl Tracked {
    /// The set of these paths.
    pub fn new(paths: impl IntoIterator<Item = BString>) -> Self {
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        Self { paths }
    }

    /// Whether this file is tracked.
    pub fn has_file(&self, path: &BStr) -> bool {
        self.paths.binary_search_by(|known| known.as_bstr().cmp(path)).is_ok()
    }

    /// Whether some file below this folder is tracked.
    pub fn has_below(&self, folder: &BStr) -> bool {
        let mut prefix = folder.to_owned();
        prefix.push(b'/');
        let first = self.paths.partition_point(|known| known.as_bstr() < prefix.as_bstr());
        self.paths.get(first).is_some_and(|known| known.starts_with(&prefix))
    }
}
