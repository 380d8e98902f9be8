//! Finds what is at a path of the project folder, and opens the folders that lead there.
//!
//! Never follows a symbolic link: neither at the path itself nor in its parents, whoever puts one there meanwhile.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

use gix::{ObjectId, Repository, bstr::BStr, objs::tree::EntryKind};
use rustix::fs::{FileType, Stat};

use super::{Change, Error};
use crate::{
    checkout::{listing::Entry, path::below},
    dir::{Dir, Opened, is_no_folder, split},
    history::HistoryRepo,
    io_error::IoError,
    large::{self, Pointer},
};

/// The result of looking at a path.
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

/// The kind of file at a path, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder.
    Folder,
    /// A file or symbolic link.
    File,
    /// A socket, a pipe, a device.
    Special,
}

/// The folder that a path is in.
#[derive(Debug, Clone)]
pub(super) enum Parent {
    /// Open.
    Folder(Arc<Dir>),
    /// It is not there.
    Missing,
    /// It, or one above it, is a file or a link.
    NotAFolder,
}

impl Parent {
    /// The open folder, if it is there.
    pub(super) fn folder(self) -> Option<Arc<Dir>> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Missing | Self::NotAFolder => None,
        }
    }
}

/// The folders of a project, opened below its root as they are needed. The last one stays open for its next file.
pub(super) struct Folders<'r> {
    root: &'r Path,
    opened: RefCell<Opened>,
}

impl<'r> Folders<'r> {
    /// Opens the project folder.
    pub(super) fn open(root: &'r Path) -> Result<Self, Error> {
        let top = Dir::open(root).map_err(IoError::of("open", root))?;
        Ok(Self { root, opened: RefCell::new(Opened::below(Arc::new(top))) })
    }

    /// The project folder itself.
    pub(super) fn top(&self) -> Arc<Dir> {
        Arc::clone(self.opened.borrow().top())
    }

    /// Opens the folder at a path; an empty path is the project folder.
    pub(super) fn at(&self, path: &BStr) -> Result<Parent, Error> {
        match self.opened.borrow_mut().at(path) {
            Ok(folder) => Ok(Parent::Folder(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Parent::Missing),
            Err(error) if is_no_folder(&error) => Ok(Parent::NotAFolder),
            Err(error) => Err(self.error("open", path)(error)),
        }
    }

    /// Opens the folder that `path` is in.
    pub(super) fn of(&self, path: &BStr) -> Result<Parent, Error> {
        self.at(split(path).0)
    }

    /// Forgets the open folder: folders come and go now.
    pub(super) fn forget(&self) {
        self.opened.borrow_mut().forget();
    }

    /// Looks at `path`.
    pub(super) fn look(&self, path: &BStr, expected: &Expected) -> Result<Found, Error> {
        match self.of(path)? {
            Parent::Missing => Ok(Found::Nothing),
            Parent::NotAFolder => Ok(Found::NotReachable),
            Parent::Folder(folder) => {
                look_at(&folder, split(path).1, expected).map_err(self.error("read", path))
            }
        }
    }

    /// Makes an error of what could not be done to a path.
    pub(super) fn error(&self, action: &'static str, path: &BStr) -> impl FnOnce(io::Error) -> Error {
        move |source| IoError { action, path: below(self.root, path), source }.into()
    }

    /// Returns a path as the user knows it.
    pub(super) fn shown(&self, path: &BStr) -> PathBuf {
        below(self.root, path)
    }
}

/// The large files that may be at a path: known by their own hash, which is not that of a blob.
#[derive(Debug, Default)]
pub(super) struct Expected(Vec<(Pointer, ObjectId)>);

impl Expected {
    /// Those of a change.
    pub(super) fn of(repo: &Repository, change: &Change) -> Result<Self, Error> {
        let mut expected = Vec::new();
        for entry in [change.before, change.after].into_iter().flatten() {
            let pointer = entry.pointer(repo).map_err(|source| Error::Target { tree: entry.id, source })?;
            expected.extend(pointer.map(|pointer| (pointer, entry.id)));
        }
        Ok(Self(expected))
    }

    /// Returns the pointer of the file, if it is one of these; the file is at its beginning afterwards.
    fn find(&self, file: &mut File, stat: &Stat) -> io::Result<Option<ObjectId>> {
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if self.0.iter().all(|(pointer, _)| pointer.size != size) {
            return Ok(None);
        }
        let found = large::hash(&mut (&*file).take(size.saturating_add(1)), &mut |_| {})?;
        file.rewind()?;
        Ok(self.0.iter().find(|(pointer, _)| *pointer == found).map(|(_, id)| *id))
    }
}

/// Looks up a name in an open folder.
pub(super) fn look_at(folder: &Dir, name: &BStr, expected: &Expected) -> io::Result<Found> {
    let Some(stat) = folder.stat(name)? else { return Ok(Found::Nothing) };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Found::Folder),
        FileType::Symlink => {
            let target = folder.read_link(name)?;
            let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, &target);
            Ok(Found::File(Entry {
                kind: EntryKind::Link,
                id: id.map_err(io::Error::other)?,
                is_large: false,
            }))
        }
        FileType::RegularFile => {
            let mut file = folder.open_file(name)?;
            let stat = rustix::fs::fstat(&file)?;
            // Not the one that was there a moment ago.
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Ok(Found::Special);
            }
            let kind = if stat.st_mode & 0o100 != 0 { EntryKind::BlobExecutable } else { EntryKind::Blob };
            if let Some(id) = expected.find(&mut file, &stat)? {
                return Ok(Found::File(Entry { kind, id, is_large: true }));
            }
            Ok(Found::File(Entry { kind, id: hash_file(&mut file, &stat)?, is_large: false }))
        }
        _ => Ok(Found::Special),
    }
}

/// The blob id of a file, read in pieces; a file that changes its size while it is read is read again.
fn hash_file(file: &mut File, stat: &Stat) -> io::Result<ObjectId> {
    const TRIES: usize = 5;
    let mut len = u64::try_from(stat.st_size).unwrap_or_default();
    let mut buffer = vec![0; 1 << 16];
    for _ in 0..TRIES {
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&gix::objs::encode::loose_header(gix::objs::Kind::Blob, len));
        let mut seen = 0_u64;
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            seen += n as u64;
        }
        if seen == len {
            return hasher.try_finalize().map_err(io::Error::other);
        }
        len = file.metadata()?.len();
        file.rewind()?;
    }
    Err(io::Error::other("it keeps changing"))
}

/// Stores the file or link of this name as a snapshot would, for good.
pub(super) fn store(history: &HistoryRepo, folder: &Dir, name: &BStr, kind: EntryKind) -> io::Result<Entry> {
    let blob =
        |content: &[u8]| history.git().write_blob(content).map(gix::Id::detach).map_err(io::Error::other);
    if kind == EntryKind::Link {
        return Ok(Entry { kind, id: blob(&content(folder, name, kind)?)?, is_large: false });
    }
    let mut file = folder.open_file(name)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    if meta.len() < history.large_from() {
        let mut content = Vec::new();
        (&file).take(history.large_from()).read_to_end(&mut content)?;
        if Pointer::parse(&content).is_none() {
            return Ok(Entry { kind, id: blob(&content)?, is_large: false });
        }
        file.rewind()?;
    }
    let scratch = history.workspace().map_err(io::Error::other)?;
    let taken = large::Store::take(&file, meta.len(), &scratch.join("large"), &mut |_| {})?;
    if taken.pointer.size != meta.len() {
        return Err(io::Error::other("it keeps changing"));
    }
    taken.file.sync_all()?;
    history.large_files().place(&taken.pointer, &taken.path)?;
    Ok(Entry { kind, id: blob(taken.pointer.to_string().as_bytes())?, is_large: true })
}

/// The bytes that a blob for the file or link of this name holds.
pub(super) fn content(folder: &Dir, name: &BStr, kind: EntryKind) -> io::Result<Vec<u8>> {
    if kind == EntryKind::Link {
        return folder.read_link(name).map(Into::into);
    }
    let mut file = folder.open_file(name)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// Classifies a name in an open folder without reading what it names.
pub(super) fn kind_at(folder: &Dir, name: &BStr) -> io::Result<Option<Kind>> {
    Ok(folder.stat(name)?.map(|stat| match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile | FileType::Symlink => Kind::File,
        _ => Kind::Special,
    }))
}

/// The file of an object that is a file of its own.
pub(super) fn loose_object(objects: &Path, id: ObjectId) -> Option<PathBuf> {
    let hex = id.to_string();
    let path = objects.join(&hex[..2]).join(&hex[2..]);
    path.is_file().then_some(path)
}
