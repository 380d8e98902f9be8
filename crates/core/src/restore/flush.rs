//! Putting on the disk, for good, what was written: before anything relies on it.

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

use super::Error;
use crate::{io_error::IoError, parallel};

/// Puts on the disk, for good, the files in `written`: one by one if they are few; else everything that was written on the
/// file system of `folder`, which may be more than ours, and those that are on another.
pub(super) fn flush(folder: &Path, written: Vec<PathBuf>) -> Result<(), Error> {
    const FEW: usize = 256;
    if (1..=FEW).contains(&written.len()) {
        return flush_each(written);
    }
    let handle = File::open(folder).map_err(IoError::of("open", folder))?;
    let whole = flush_file_system(&handle).map_err(IoError::of("flush the file system of", folder))?;
    let own = handle.metadata().map_err(IoError::of("look at", folder))?.dev();
    let mut parents = HashSet::new();
    let mut last = None;
    for path in written {
        let Some(parent) = path.parent() else { continue };
        // Most files follow another one of their folder.
        if whole && last.as_deref().is_some_and(|last: &Path| last.as_os_str() == parent.as_os_str()) {
            continue;
        }
        last = Some(parent.to_owned());
        // What is put into a folder is on that folder's file system.
        let is_new = !parents.contains(parent) && parents.insert(parent.to_owned());
        if whole && !is_new {
            continue;
        }
        let is_flushed = || std::fs::symlink_metadata(parent).is_ok_and(|metadata| metadata.dev() == own);
        if whole && is_flushed() {
            continue;
        }
        for path in [parent, path.as_path()].into_iter().take(if whole { 1 } else { 2 }) {
            let Some(file) = open(path).map_err(IoError::of("open", path))? else { continue };
            if whole && file.metadata().map_err(IoError::of("look at", path))?.dev() == own {
                continue;
            }
            file.sync_all().map_err(IoError::of("flush", path))?;
        }
    }
    Ok(())
}

/// Opens a file or folder to flush it; `None` for what is a link, or gone: that has nothing of its own to be flushed.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            let metadata = file.metadata()?;
            Ok((metadata.is_file() || metadata.is_dir()).then_some(file))
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Flushes the file system that `handle` is on; whether that is known to have waited for the disk.
fn flush_file_system(handle: &File) -> io::Result<bool> {
    match rustix::fs::syncfs(handle) {
        Ok(()) => Ok(true),
        // Not in this sandbox.
        Err(Errno::NOSYS) => {
            rustix::fs::sync();
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts files, and the folders with their names, on the disk for good: side by side, for then the file system's journal
/// is written few times. What is a link, or gone, has nothing of its own.
pub(super) fn flush_each(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), Error> {
    const THREADS: usize = 16;
    let mut all = BTreeSet::new();
    for path in paths {
        all.extend(path.parent().map(Path::to_owned));
        all.insert(path);
    }
    let all: Vec<PathBuf> = all.into_iter().collect();
    let flush = |path: &PathBuf| match open(path) {
        Ok(Some(file)) => Ok(file.sync_all().map_err(IoError::of("flush", path))?),
        Ok(None) => Ok(()),
        // Not to be read by us, and not written by us either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(IoError::of("flush", path)(error).into()),
    };
    parallel::map_shares(&all, THREADS, |paths| paths.iter().try_for_each(flush)).into_iter().collect()
}
