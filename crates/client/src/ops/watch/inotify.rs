//! Changes in folders, as Linux tells them.
//!
//! Of the crates for it, `rustix`'s calls are taken: opening a file is no change to be woken by, and the descriptor of a
//! folder says which it is.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use gix::bstr::{BStr, BString, ByteSlice as _};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use crate::limits::WATCH_EVENTS;

/// Bytes of the system's answers that are read at once.
const BUFFER: usize = 64 << 10;

/// A change that the system has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// In the folder of this watch; of the folder itself, if there is no name.
    At { folder: i32, name: BString, is_folder: bool },
    /// There were too many to be told.
    Lost,
}

/// The folders that are watched.
pub(super) struct Watches {
    handle: Arc<OwnedFd>,
    changes: Receiver<Change>,
    folders: HashMap<i32, BString>,
    by_path: HashMap<BString, i32>,
}

impl Watches {
    /// Watches nothing yet.
    pub(super) fn start() -> io::Result<Self> {
        let handle = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let reads = Arc::clone(&handle);
        let (tell, changes) = bounded(WATCH_EVENTS);
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
            let mut reader = Reader::new(&*reads, &mut buffer);
            loop {
                let change = match reader.next() {
                    Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => Change::Lost,
                    Ok(event) => Change::At {
                        folder: event.wd(),
                        name: event.file_name().map(|name| name.to_bytes().into()).unwrap_or_default(),
                        is_folder: event.events().contains(ReadFlags::ISDIR),
                    },
                    Err(Errno::INTR) => continue,
                    Err(error) => {
                        tracing::warn!(%error, "changes are told no more");
                        return;
                    }
                };
                if tell.send(change).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { handle, changes, folders: HashMap::new(), by_path: HashMap::new() })
    }

    /// The channel of changes.
    pub(super) fn changes(&self) -> &Receiver<Change> {
        &self.changes
    }

    /// The folder of a watch, as its path in the project.
    pub(super) fn folder(&self, watch: i32) -> Option<&BStr> {
        self.folders.get(&watch).map(|path| path.as_bstr())
    }

    /// The number of folders that are watched.
    pub(super) fn count(&self) -> usize {
        self.by_path.len()
    }

    /// Watches exactly these folders below `root`; gives how many were not watched before.
    pub(super) fn update(&mut self, root: &Path, wanted: &[BString]) -> io::Result<usize> {
        let kept: HashSet<&BString> = wanted.iter().collect();
        let gone: Vec<(BString, i32)> = self
            .by_path
            .iter()
            .filter(|(path, _)| !kept.contains(path))
            .map(|(path, watch)| (path.clone(), *watch))
            .collect();
        for (path, watch) in gone {
            self.by_path.remove(&path);
            // Moved to another name that is watched, it has that one's path by now.
            if self.folders.get(&watch) == Some(&path) {
                self.folders.remove(&watch);
                // One that was deleted has no watch any more: that is the usual error.
                if let Err(error) = inotify::remove_watch(&self.handle, watch) {
                    tracing::debug!(%error, %path, "watched no more");
                }
            }
        }
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::EXCL_UNLINK;
        let mut new = 0;
        for path in wanted {
            // A folder that is watched already has the same watch: that another one has its name now is seen by the number.
            match inotify::add_watch(&self.handle, root.join(OsStr::from_bytes(path)), flags) {
                Ok(watch) => {
                    let before = self.by_path.insert(path.clone(), watch);
                    if before != Some(watch) {
                        new += 1;
                    }
                    self.folders.insert(watch, path.clone());
                }
                // Gone, or something else by now: then its parent has changed.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_change_is_told_with_its_folder_and_one_elsewhere_is_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        let mut watches = Watches::start().unwrap();
        let wanted = [BString::from(""), "a".into(), "a/b".into(), "missing".into()];
        assert_eq!(watches.update(folder.path(), &wanted).unwrap(), 3);
        assert_eq!(watches.update(folder.path(), &wanted).unwrap(), 0);
        std::fs::write(folder.path().join("c/unseen"), "x").unwrap();
        std::fs::read_dir(folder.path().join("a")).unwrap().count();
        std::fs::write(folder.path().join("a/b/seen"), "x").unwrap();
        let change = watches.changes().recv_timeout(Duration::from_mins(1)).unwrap();
        let Change::At { folder: watch, name, is_folder: false } = change else { panic!("{change:?}") };
        assert_eq!((watches.folder(watch).unwrap(), name.as_bstr()), (b"a/b".as_bstr(), b"seen".as_bstr()));
        assert_eq!(watches.update(folder.path(), &wanted[..1]).unwrap(), 0);
        assert_eq!(watches.count(), 1);
    }
}
