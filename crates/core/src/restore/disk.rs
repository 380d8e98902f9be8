//! What is at a path of the project folder, and moving files without losing what was there.
//!
//! Never follows a symbolic link: neither at the path itself nor in its parents.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice},
    objs::tree::EntryKind,
};

use super::Error;
use crate::checkout::{
    listing::Entry,
    path::{below, from_native},
};

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or one of its parents is not there.
    Nothing,
    /// A parent is there and is no folder: a path below it leads nowhere, or out of the project.
    NotReachable,
    /// A folder.
    Folder,
    /// A file or symbolic link, hashed.
    File(Entry),
    /// A socket, a pipe, a device.
    Special,
}

/// What is at a path, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder.
    Folder,
    /// A file or symbolic link.
    File,
    /// A socket, a pipe, a device.
    Special,
}

/// What is at `path` below `root`.
pub(super) fn look(root: &Path, path: &BStr) -> Result<Found, Error> {
    for end in path.find_iter("/") {
        let parent = below(root, path[..end].as_bstr());
        match lstat(&parent)? {
            None => return Ok(Found::Nothing),
            Some(metadata) if metadata.is_dir() => {}
            Some(_) => return Ok(Found::NotReachable),
        }
    }
    look_at(&below(root, path))
}

/// What is at `path`, whose parents are known to be folders.
pub(super) fn look_at(path: &Path) -> Result<Found, Error> {
    let Some(metadata) = lstat(path)? else { return Ok(Found::Nothing) };
    if metadata.is_dir() {
        return Ok(Found::Folder);
    }
    Ok(entry_at(path, &metadata)?.map_or(Found::Special, Found::File))
}

/// The kind and content id of the file or link at `path`.
fn entry_at(path: &Path, metadata: &Metadata) -> Result<Option<Entry>, Error> {
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(Error::io("read symbolic link", path))?;
        let target = from_native(&target);
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, &target)
            .map_err(|source| Error::Read { id: ObjectId::null(gix::hash::Kind::Sha1), source })?;
        return Ok(Some(Entry { kind: EntryKind::Link, id }));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let kind = if is_executable(metadata) { EntryKind::BlobExecutable } else { EntryKind::Blob };
    Ok(Some(Entry { kind, id: hash_file(path, metadata.len())? }))
}

/// The blob id of a file, read in pieces; a file that changes its size while it is read is read again.
fn hash_file(path: &Path, mut len: u64) -> Result<ObjectId, Error> {
    const TRIES: usize = 5;
    let read = || Error::io("read", path);
    for _ in 0..TRIES {
        let mut file = File::open(path).map_err(read())?;
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&gix::objs::encode::loose_header(gix::objs::Kind::Blob, len));
        let mut buffer = vec![0; 1 << 16];
        let mut seen = 0_u64;
        loop {
            let n = file.read(&mut buffer).map_err(read())?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            seen += n as u64;
        }
        if seen == len {
            return hasher
                .try_finalize()
                .map_err(|source| Error::Read { id: ObjectId::null(gix::hash::Kind::Sha1), source });
        }
        len = file.metadata().map_err(read())?.len();
    }
    Err(Error::io("read", path)(io::Error::other("it keeps changing")))
}

/// The bytes that a blob for the file or link at `path` holds.
pub(super) fn content(path: &Path, kind: EntryKind) -> Result<Vec<u8>, Error> {
    if kind == EntryKind::Link {
        let target = fs::read_link(path).map_err(Error::io("read symbolic link", path))?;
        return Ok(from_native(&target).into());
    }
    fs::read(path).map_err(Error::io("read", path))
}

/// The metadata of `path` itself; `None` if nothing is there.
pub(super) fn lstat(path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}

/// Removes a file or link; that it is gone already is no error.
pub(super) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder if it is there and empty; whether it is gone now.
pub(super) fn remove_empty_folder(path: &Path) -> Result<bool, Error> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == NotFound => Ok(true),
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory) => Ok(false),
        Err(error) => Err(Error::io("remove folder", path)(error)),
    }
}

/// Renames `from` to `to`, where nothing may be; whether that could be done: something may be at
/// `to`, or `from` or the folder of `to` may be gone.
pub(super) fn rename_to_free(from: &Path, to: &Path) -> Result<bool, Error> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOENT) => return Ok(false),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {} // not on this file system
            Err(error) => return Err(Error::io("move a file to", to)(error.into())),
        }
    }
    if lstat(to)?.is_some() {
        return Ok(false);
    }
    fs::rename(from, to).map_err(Error::io("move a file to", to))?;
    Ok(true)
}

/// How [`swap`] went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swapped {
    /// The two have changed places.
    Done,
    /// One of them is not there any more; nothing happened.
    Gone,
    /// This file system or operating system can't; nothing happened.
    Unsupported,
}

/// Makes the two files change places in one step.
pub(super) fn swap(one: &Path, two: &Path) -> Result<Swapped, Error> {
    #[cfg(target_os = "linux")]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(Swapped::Done),
            Err(Errno::NOENT) => Ok(Swapped::Gone),
            Err(Errno::INVAL | Errno::NOSYS) => Ok(Swapped::Unsupported),
            Err(error) => Err(Error::io("replace", two)(error.into())),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (one, two);
        Ok(Swapped::Unsupported)
    }
}

/// Whether nothing is in the folder.
pub(super) fn is_empty_folder(path: &Path) -> Result<bool, Error> {
    Ok(fs::read_dir(path).map_err(Error::io("read folder", path))?.next().is_none())
}

/// The file of an object that is a file of its own.
pub(super) fn loose_object(objects: &Path, id: ObjectId) -> Option<PathBuf> {
    let hex = id.to_string();
    let path = objects.join(&hex[..2]).join(&hex[2..]);
    path.is_file().then_some(path)
}

/// What is at a path whose parents are folders, without reading it.
pub(super) fn kind_at(path: &Path) -> Result<Option<Kind>, Error> {
    Ok(lstat(path)?.map(|metadata| match metadata.file_type() {
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_file() || kind.is_symlink() => Kind::File,
        _ => Kind::Special,
    }))
}
