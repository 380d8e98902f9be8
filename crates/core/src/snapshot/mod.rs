//! A snapshot: the whole project folder as a commit on the history branch.

mod message;
mod request;

pub use crate::user_repo::Signature;
pub use message::Message;
pub use request::{LeftOut, Limits, Observer, Progress, Request, Silent, Taken, TreeRequest, TreeTaken, Why};

use std::path::PathBuf;

use gix::bstr::BString;

use crate::history::{self, HistoryRepo};

/// What can stop a snapshot. Whatever it is, the history is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files are too large to be kept for good without being asked.
    #[error("the snapshot would store too much ({} new bytes)", total)]
    TooLarge {
        /// New content in all, in bytes.
        total: u64,
        /// The ten largest new files with their sizes, the largest first.
        largest: Vec<(BString, u64)>,
        /// The lines for `.amlignore` that leave out what is too large.
        ignore_lines: Vec<String>,
    },
    /// A home folder, the root of the file system, or no project.
    #[error("no snapshot can be taken of {}", root.display())]
    NotAProjectFolder {
        /// The folder.
        root: PathBuf,
        /// Why not.
        #[source]
        source: crate::project::Error,
    },
    /// The history repository fails.
    #[error("can't use the run history")]
    History(#[from] history::Error),
    /// The user's own repository can't be read.
    #[error("can't read the folder's own Git repository")]
    UserRepo(#[source] Box<crate::user_repo::Error>),
    /// A file or folder can't be read or written.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Git can't do it.
    #[error("can't {action}")]
    Git {
        /// What was attempted.
        action: &'static str,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
}

/// Takes a snapshot: stores what is new, and commits it on the history branch unless nothing has changed.
pub fn take(history: &HistoryRepo, request: &Request, observer: &dyn Observer) -> Result<Taken, Error> {
    let _ = (history, request, observer);
    todo!()
}

/// Stores the folder as a tree, without a commit: what [`take`] does first. A restore plans with it.
pub fn tree(history: &HistoryRepo, request: &TreeRequest, observer: &dyn Observer) -> Result<TreeTaken, Error> {
    let _ = (history, request, observer);
    todo!()
}
