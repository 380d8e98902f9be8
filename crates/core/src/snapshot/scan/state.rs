//! State that the threads of one scan share, and what each of them makes.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError, atomic::AtomicUsize},
};

use gix::bstr::BString;

use super::node::Node;
use crate::{
    ignore::Rules,
    io_error::IoError,
    snapshot::{Error, LeftOut, Observer},
    stat_index::StatIndex,
    user_repo::{Tracked, UserRepo, nested::Nested},
};

/// The folder to scan, and what is known about it.
pub(crate) struct Scan<'a> {
    pub(crate) root: &'a OwnedFd,
    pub(crate) root_path: PathBuf,
    pub(crate) rules: Rules,
    /// Asked at most once, by whichever thread comes first.
    pub(crate) user: Mutex<Option<UserRepo>>,
    pub(crate) index: Option<&'a StatIndex>,
    /// True if a folder's own stat data says that its names are the same.
    pub(crate) trusts_folders: bool,
    pub(crate) threads: usize,
    pub(crate) observer: &'a dyn Observer,
}

/// A folder to scan.
pub(crate) struct Task {
    pub(crate) number: usize,
    pub(crate) path: BString,
    /// The rules that hold in it.
    pub(crate) rules: Rules,
    /// Its number in the index.
    pub(crate) known: Option<u32>,
    /// A rule leaves the folder out: only what the user's Git tracks in it is in.
    pub(crate) tracked_only: bool,
    /// The nested repositories that contain it.
    pub(crate) nested: Nested,
}

/// State that the threads of one scan share.
pub(crate) struct Shared<'a> {
    pub(crate) scan: &'a Scan<'a>,
    /// Folders found so far, and so the next one's number.
    pub(crate) folders: AtomicUsize,
    /// Files seen so far.
    pub(crate) files: AtomicUsize,
    tracked: OnceLock<Result<Tracked, Error>>,
}

/// The part of a scan that one thread did.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) nodes: Vec<(usize, Node)>,
    pub(crate) left_out: Vec<LeftOut>,
}

impl<'a> Shared<'a> {
    /// At the beginning: the project folder itself has been found.
    pub(crate) fn new(scan: &'a Scan<'a>) -> Self {
        Self { scan, folders: AtomicUsize::new(1), files: AtomicUsize::new(0), tracked: OnceLock::new() }
    }

    /// Returns the files that the user's Git tracks. They are read once, when a rule first leaves something out.
    pub(crate) fn tracked(&self) -> Result<&Tracked, Error> {
        let user = || self.scan.user.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || match &*user() {
            Some(user) => user.tracked().map_err(|source| Error::UserRepo(Box::new(source))),
            None => Ok(Tracked::default()),
        };
        if let Ok(tracked) = self.tracked.get_or_init(read) {
            return Ok(tracked);
        }
        // The error can't be shared: it is made again.
        read()?;
        let interrupted = std::io::ErrorKind::Interrupted.into();
        Err(IoError::of("read the Git index of", &self.scan.root_path)(interrupted).into())
    }
}
