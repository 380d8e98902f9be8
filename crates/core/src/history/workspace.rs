//! A folder for what is being written, and the sweeping of what killed processes left.
//!
//! Each writer makes a folder of its own below `azml/tmp` and holds a lock on a file in it. The system
//! drops the lock with the process, so a folder whose lock can be had is nobody's and may go.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{Error, HistoryRepo};
use crate::io_error::IoError;

/// A folder on the repository's own file system, removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Workspace {
    folder: tempfile::TempDir,
    lock: File,
}

/// The lock's name in each workspace.
const LOCK: &str = "held";

impl HistoryRepo {
    /// A fresh folder to write into before moving the result to its place.
    pub fn workspace(&self) -> Result<Workspace, Error> {
        let parent = self.own_folder().join("tmp");
        std::fs::create_dir_all(&parent).map_err(IoError::of("make folder", &parent))?;
        // Sweeping and making exclude each other: a folder is never seen between its making and its locking.
        let _making = super::lock::acquire(&self.own_folder().join("tmp.lock"))?;
        sweep(&parent);
        let folder = tempfile::Builder::new()
            .prefix("w")
            .tempdir_in(&parent)
            .map_err(IoError::of("make folder in", &parent))?;
        let path = folder.path().join(LOCK);
        let lock = File::create(&path).map_err(IoError::of("create", &path))?;
        lock.lock().map_err(IoError::of("lock", &path))?;
        if let Ok(now) = lock.metadata().and_then(|meta| meta.modified()) {
            super::sweep::sweep(&self.path, now);
        }
        Ok(Workspace { folder, lock })
    }
}

impl Workspace {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// When it was made, in seconds and nanoseconds by the clock of the file system that it is on.
    pub fn began(&self) -> Result<(i64, u32), Error> {
        use std::os::unix::fs::MetadataExt;
        let meta = self.lock.metadata().map_err(IoError::of("look at", &self.join(LOCK)))?;
        Ok((meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap_or(0)))
    }
}

fn sweep(parent: &Path) {
    let Ok(list) = std::fs::read_dir(parent) else { return };
    for entry in list.flatten() {
        let folder = entry.path();
        let free = match File::options().write(true).open(folder.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if free {
            // What can't be removed now is swept another time.
            drop(std::fs::remove_dir_all(&folder).or_else(|_| std::fs::remove_file(&folder)));
        }
    }
}
