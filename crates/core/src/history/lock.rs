//! Locks between processes. The system drops them when their process ends, however it ends: none is ever stale.

use std::{fs::File, path::Path};

use super::{Error, HistoryRepo};
use crate::io_error::IoError;

/// The right to add to the history; given back when dropped.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct Lock {
    _file: File,
}

impl HistoryRepo {
    /// Waits for the right to add to the history. Held for moments only, never while files are read or sent.
    pub fn lock(&self) -> Result<Lock, Error> {
        acquire(&self.own_folder().join("lock"))
    }

    /// Like [`Self::lock`], but `None` at once when another process has it.
    pub fn try_lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.own_folder().join("lock");
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(IoError { action: "lock", path, source }.into()),
        }
    }
}

/// Waits for the lock that is the file at `path`.
pub(super) fn acquire(path: &Path) -> Result<Lock, Error> {
    let file = open(path)?;
    file.lock().map_err(IoError::of("lock", path))?;
    Ok(Lock { _file: file })
}

fn open(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(IoError::of("make folder", folder))?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(path);
    Ok(file.map_err(IoError::of("open", path))?)
}
