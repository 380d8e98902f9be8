//! Errors that stop a restore.

use std::path::PathBuf;

use gix::{ObjectId, bstr::BString};

use crate::{checkout, history, io_error::IoError, snapshot};

/// Why a restore, an undo or a recovery did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The snapshot's tree can't be read, or has unsafe paths.
    #[error("can't restore tree {tree}")]
    Target {
        /// The tree.
        tree: ObjectId,
        /// The fault.
        #[source]
        source: checkout::Error,
    },
    /// The folder's content could not be determined.
    #[error("can't find out what the project folder holds")]
    Look(#[source] snapshot::Error),
    /// Files that no snapshot holds are where the snapshot has files. Nothing was changed.
    #[error("{} ignored or left-out file(s) in the way, first `{}`", paths.len(), paths.first().map(ToString::to_string).unwrap_or_default())]
    InTheWay {
        /// All of them.
        paths: Vec<BString>,
    },
    /// Something in the way can't be put into a backup: a socket, a device, a repository, an unreadable file.
    #[error("`{path}` is in the way and can't be backed up")]
    CannotBackUp {
        /// Its path.
        path: BString,
    },
    /// The folder is no longer what the plan was made from. Nothing was changed.
    #[error("the project folder changed since the restore was planned, for instance `{path}`")]
    FolderChanged {
        /// One difference.
        path: BString,
    },
    /// A content of the snapshot is not here. Nothing was changed.
    #[error("the content of `{path}` is not in the history repository")]
    Missing {
        /// The path of the content.
        path: BString,
    },
    /// The bytes of large files are not on this computer. Nothing was changed.
    #[error("{0}")]
    LargeMissing(checkout::LargeMissing),
    /// A path was named that is nowhere. Nothing was changed.
    #[error("neither the snapshot nor the project folder has `{path}`")]
    NoSuchPath {
        /// The path.
        path: BString,
    },
    /// A file that was not named is where the snapshot has a folder. Nothing was changed.
    #[error("`{file}` is a file in the project folder, and a folder in the snapshot")]
    FileAbove {
        /// The path that was named.
        path: BString,
        /// The file.
        file: BString,
    },
    /// The tree of the paths that were named can't be made.
    #[error("can't put together what is to be restored")]
    Compose(#[source] gix::Error),
    /// There is nothing to go back to.
    #[error("there is no backup to go back to")]
    NoBackup,
    /// Something appeared in the way while the restore was going on.
    #[error("something appeared at `{path}` during the restore")]
    Obstructed {
        /// Its path.
        path: BString,
    },
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file's content could not be written.
    #[error("can't write a restored file")]
    Write(#[from] checkout::Error),
    /// An object can't be read.
    #[error("can't read object {id}")]
    Read {
        /// The object.
        id: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// A backup could not be written.
    #[error("can't write the backup")]
    Backup(#[source] gix::Error),
    /// A ref or lock of the history repository.
    #[error("can't use the history repository")]
    History(#[source] history::Error),
    /// The journal of an unfinished restore was written by a newer azml.
    #[error("{} has version {version}: a newer azml began this restore and must end it", path.display())]
    NewerJournal {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The journal of an unfinished restore can't be understood.
    #[error("the restore journal {} is damaged: {why}", path.display())]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// The restore failed half-way and was undone: the folder is as it was.
    #[error("the restore failed and was undone")]
    Undone(#[source] Box<Self>),
    /// The restore failed half-way and could not be undone: the next command tries again.
    #[error("the restore failed and could not be undone either ({undoing}); the next command tries again")]
    HalfDone {
        /// Why it could not be undone.
        undoing: Box<Self>,
        /// Why it failed.
        #[source]
        source: Box<Self>,
    },
    /// Told to stop dead before a step.
    #[error("stopped before step {step}")]
    Stopped {
        /// The step's number.
        step: u64,
    },
}
