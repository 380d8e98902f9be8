//! Folders by open handle: names below one are reached without following a symbolic link.
//!
//! A path can lead elsewhere at every call, because somebody may put a link in the place of a folder meanwhile. A handle
//! stays the folder that was opened. Whatever writes into a project folder goes through here.

mod change;

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use gix::bstr::{BStr, BString, ByteSlice};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat},
    io::Errno,
};

/// The longest path in bytes that is given to the system in one piece; its own limit is 4,096.
const PIECE: usize = 2048;

/// An open folder.
#[derive(Debug)]
pub struct Dir(OwnedFd);

/// The result of [`Dir::exchange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// The two have changed places.
    Done,
    /// One of them is not there; nothing happened.
    Gone,
    /// The file system can't do this; nothing happened.
    Unsupported,
}

/// A folder that can't be made or opened below another one.
#[derive(Debug, thiserror::Error)]
#[error("{}", if is_no_folder(source) { "it is a link or a file, not a folder" } else { "it can't be made or opened" })]
pub struct NoFolder {
    /// Its path, or that of one on the way.
    pub at: BString,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl From<NoFolder> for io::Error {
    fn from(error: NoFolder) -> Self {
        if is_no_folder(&error.source) {
            Self::new(io::ErrorKind::NotADirectory, error)
        } else {
            error.source
        }
    }
}

/// Returns whether a folder can't be opened because it is a file or a link.
pub fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::NOTDIR | Errno::LOOP))
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Dir {
    /// Opens a folder by a path of the user's, whose links are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// Opens the folder at `path` below this one; an empty path is the folder itself.
    pub fn below(&self, path: &BStr) -> io::Result<Self> {
        open_below(self.as_fd(), path, FOLDER | OFlags::NOFOLLOW).map(Self)
    }

    /// Opens the folder at `path` below this one, and makes what is missing on the way.
    pub fn make_below(&self, path: &BStr) -> Result<Self, NoFolder> {
        let failed = |end: usize| {
            let at = path[..end].to_owned();
            move |source| NoFolder { at, source }
        };
        match self.below(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {}
            opened => return opened.map_err(failed(path.len())),
        }
        let mut folder = self.below(BStr::new(b"")).map_err(failed(0))?;
        for end in path.find_iter("/").chain([path.len()]) {
            let name = split(path[..end].as_bstr()).1;
            folder = match folder.below(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    folder.make(name).and_then(|_| folder.below(name)).map_err(failed(end))?
                }
                opened => opened.map_err(failed(end))?,
            };
        }
        Ok(folder)
    }

    /// Makes a folder. Gives false if something of this name is there already.
    pub fn make(&self, name: &BStr) -> io::Result<bool> {
        match rustix::fs::mkdirat(self, name.as_bytes(), Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The state of a name itself; `None` if there is no such name.
    pub fn stat(&self, name: &BStr) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(self, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file to read it. A FIFO does not make it wait: the caller asks the handle for what it is.
    pub(crate) fn open_file(&self, name: &BStr) -> io::Result<File> {
        Ok(rustix::fs::openat(self, name.as_bytes(), FILE, Mode::empty())?.into())
    }

    /// Makes a file that must not exist yet.
    pub fn new_file(&self, name: &BStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self, name.as_bytes(), flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Makes a symbolic link that must not exist yet.
    pub fn new_link(&self, target: &BStr, name: &BStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target.as_bytes(), self, name.as_bytes())?)
    }

    /// The text of a symbolic link.
    pub fn read_link(&self, name: &BStr) -> io::Result<BString> {
        Ok(rustix::fs::readlinkat(self, name.as_bytes(), Vec::new())?.into_bytes().into())
    }

    /// Removes a file or link; that it is gone already is no error.
    pub fn remove_file(&self, name: &BStr) -> io::Result<()> {
        match rustix::fs::unlinkat(self, name.as_bytes(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a folder if it is empty; gives whether it is gone now.
    pub(crate) fn remove_folder(&self, name: &BStr) -> io::Result<bool> {
        match rustix::fs::unlinkat(self, name.as_bytes(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames within the folder; a file that is there is replaced.
    pub fn rename(&self, from: &BStr, to: &BStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(self, from.as_bytes(), self, to.as_bytes())?)
    }

    /// Renames to a name that nothing has. Gives false if something has it, or `from` is gone.
    pub fn rename_to_free(&self, from: &BStr, to: &BStr) -> io::Result<bool> {
        match rustix::fs::renameat_with(self, from.as_bytes(), self, to.as_bytes(), RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOENT) => Ok(false),
            // Not on this file system.
            Err(Errno::INVAL | Errno::NOSYS) => {
                if self.stat(to)?.is_some() {
                    return Ok(false);
                }
                self.rename(from, to).map(|()| true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes two names change places in one step.
    pub fn exchange(&self, one: &BStr, two: &BStr) -> io::Result<Exchanged> {
        match rustix::fs::renameat_with(self, one.as_bytes(), self, two.as_bytes(), RenameFlags::EXCHANGE) {
            Ok(()) => Ok(Exchanged::Done),
            Err(Errno::NOENT) => Ok(Exchanged::Gone),
            Err(Errno::INVAL | Errno::NOSYS) => Ok(Exchanged::Unsupported),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in the folder with their types, in no particular order.
    pub fn names(&self) -> io::Result<Vec<(BString, FileType)>> {
        let mut names = Vec::new();
        for entry in self.listing()? {
            let entry = entry?;
            let name = entry.file_name().to_bytes().as_bstr();
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match self.stat(name)? {
                    Some(stat) => FileType::from_raw_mode(stat.st_mode),
                    None => continue,
                },
                kind => kind,
            };
            names.push((name.to_owned(), kind));
        }
        Ok(names)
    }

    fn listing(&self) -> io::Result<rustix::fs::Dir> {
        // The handle itself can't be listed.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::Dir::new(rustix::fs::openat(self, c".", flags, Mode::empty())?)?)
    }

    /// Returns whether nothing is in the folder.
    pub fn is_empty(&self) -> io::Result<bool> {
        for entry in self.listing()? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Folders below one, opened as they are needed. The last one stays open for what is next in it.
#[derive(Debug)]
pub struct Opened {
    top: Arc<Dir>,
    last: Option<(BString, Arc<Dir>)>,
}

impl Opened {
    /// None is open yet.
    pub fn below(top: Arc<Dir>) -> Self {
        Self { top, last: None }
    }

    /// The folder itself.
    pub fn top(&self) -> &Arc<Dir> {
        &self.top
    }

    /// Opens the folder at a path below it.
    pub fn at(&mut self, path: &BStr) -> io::Result<Arc<Dir>> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.top));
        }
        if let Some((last, folder)) = &self.last
            && last == path
        {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(self.top.below(path)?);
        self.last = Some((path.to_owned(), Arc::clone(&folder)));
        Ok(folder)
    }

    /// Forgets the open folder: folders come and go now.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

/// Splits a path into that of its folder and its last part.
pub fn split(path: &BStr) -> (&BStr, &BStr) {
    match path.rfind_byte(b'/') {
        Some(end) => (path[..end].as_bstr(), path[end + 1..].as_bstr()),
        None => (BStr::new(b""), path),
    }
}

/// Flags to open a folder: its names can be changed through the handle even where they may not be listed.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Flags to open a file for reading.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Opens what is at `path` below an open folder; no link is followed on the way.
pub(crate) fn open_below(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    let path = if path.is_empty() { b"." } else { path };
    let (folder, mut rest): (Option<OwnedFd>, _) = approach(root, path)?;
    let mut folder = folder;
    let at = folder.as_ref().map_or(root, AsFd::as_fd);
    if !rest.contains(&b'/') {
        return Ok(rustix::fs::openat(at, rest, flags | OFlags::NOFOLLOW, Mode::empty())?);
    }
    if !IS_MISSING.load(Ordering::Relaxed) {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(at, rest, flags, Mode::empty(), resolve) {
            // An older system, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => IS_MISSING.store(true, Ordering::Relaxed),
            opened => return Ok(opened?),
        }
    }
    while let Some(slash) = rest.find_byte(b'/') {
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        folder = Some(rustix::fs::openat(at, &rest[..slash], FOLDER | OFlags::NOFOLLOW, Mode::empty())?);
        rest = &rest[slash + 1..];
    }
    let at = folder.as_ref().map_or(root, AsFd::as_fd);
    Ok(rustix::fs::openat(at, rest, flags | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Goes down a long path until what is left can be given to the system in one piece.
pub(crate) fn approach<'p>(root: BorrowedFd<'_>, path: &'p [u8]) -> io::Result<(Option<OwnedFd>, &'p [u8])> {
    let (mut folder, mut rest): (Option<OwnedFd>, _) = (None, path);
    while rest.len() > PIECE {
        let Some(slash) = rest[..PIECE].iter().rposition(|byte| *byte == b'/') else { break };
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        folder = Some(open_below(at, &rest[..slash], FOLDER | OFlags::NOFOLLOW)?);
        rest = &rest[slash + 1..];
    }
    Ok((folder, rest))
}
