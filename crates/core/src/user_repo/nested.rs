//! Repositories in folders of the project: submodules, and clones that lie there.
//!
//! azml needs of them which files they track and what their `info/exclude` ignores. Their configuration is not read, so
//! that nothing in it can have an effect, whoever wrote it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use gix::bstr::{BStr, ByteSlice};

use super::tracked::Tracked;
use crate::git_files::{common_dir, git_dir, is_file};
use crate::limits::{GIT_INDEX, NESTED_REPOSITORIES};

/// The nested repositories that a folder lies in, the innermost first. Cheap to share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nested(Option<Arc<Repository>>);

#[derive(Debug)]
struct Repository {
    /// The number of bytes of a path up to its file's name, the slash included.
    base: usize,
    git_dir: PathBuf,
    depth: usize,
    /// Read when it is first asked for; `None` when that failed.
    tracked: OnceLock<Option<Tracked>>,
    around: Nested,
}

impl Nested {
    /// These repositories, and the one whose work tree begins at `folder` of the project at `root`; `None` if none begins
    /// there.
    pub(crate) fn enter(&self, root: &Path, folder: &BStr) -> Option<Self> {
        let depth = self.0.as_ref().map_or(1, |repository| repository.depth + 1);
        let git_dir = git_dir(root, folder).filter(|_| depth <= NESTED_REPOSITORIES)?;
        let base = folder.len() + 1;
        let tracked = OnceLock::new();
        Some(Self(Some(Arc::new(Repository { base, git_dir, depth, tracked, around: self.clone() }))))
    }

    /// Returns whether one of them tracks the file at `path` of the project, or a file below the folder there. `damaged` is told
    /// once of each repository whose index can't be read.
    pub(crate) fn tracks(&self, path: &BStr, is_folder: bool, damaged: &mut dyn FnMut(&BStr)) -> bool {
        let mut next = self;
        while let Some(repository) = &next.0 {
            let tracked = repository.tracked.get_or_init(|| {
                let read = repository.read_index();
                if let Err(error) = &read {
                    tracing::debug!(%error, repository = %repository.git_dir.display(), "its index can't be read");
                    damaged(path[..repository.base - 1].as_bstr());
                }
                read.ok()
            });
            if let (Some(tracked), Some(inside)) = (tracked, path.get(repository.base..)) {
                let inside = inside.as_bstr();
                if if is_folder { tracked.has_below(inside) } else { tracked.has_file(inside) } {
                    return true;
                }
            }
            next = &repository.around;
        }
        false
    }
}

impl Repository {
    fn read_index(&self) -> Result<Tracked, gix::Error> {
        let path = self.git_dir.join("index");
        if path.symlink_metadata().is_err() {
            return Ok(Tracked::default());
        }
        if !is_file(&path) {
            return Err(gix::Error::from_error(std::io::Error::from(std::io::ErrorKind::InvalidInput)));
        }
        let options = gix::index::decode::Options {
            alloc_limit_bytes: usize::try_from(GIT_INDEX).ok(),
            ..Default::default()
        };
        let index = gix::index::File::at(path, gix::hash::Kind::Sha1, false, options)?;
        Ok(Tracked::of_index(index, &common_dir(&self.git_dir).join("objects")))
    }
}
