//! Why syncing did not come to its end, in kinds that tell the user what to do.

use std::path::PathBuf;

use azml_core::id::ProjectId;
use azml_core::user_repo::Incomplete;
use azml_core::{checkout, history, join, run, user_repo};
use git_wire::client::{self, Rejection, TextClass, TransportError, TransportErrorKind as Kind};
use gix::ObjectId;

use crate::transport::lfs::Error as LfsError;

/// Why syncing did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The project has no remote.
    #[error("the project is not linked to a remote repository")]
    NotLinked,
    /// A repository to link to has branches already.
    #[error("the remote repository is not empty: it has {}", .branches.join(", "))]
    NotEmpty {
        /// Their short names.
        branches: Vec<String>,
    },
    /// A repository to link a project in a larger repository to is another one.
    #[error("the remote repository is neither empty nor the one that the project is in: it has {}", .branches.join(", "))]
    Unrelated {
        /// The short names of its branches.
        branches: Vec<String>,
    },
    /// The project is a folder of a larger repository, whose `master` is not the project's.
    #[error("the project is the folder {folder} of a larger repository, whose master is not the project's")]
    FolderOfMaster {
        /// Its path there.
        folder: String,
    },
    /// The folder's repository is a shallow or partial clone, and what it lacks would have to be pushed.
    #[error("the folder's Git repository is a {}: it lacks a part of master, which the remote would need", match .how {
        Incomplete::Shallow => "shallow clone",
        Incomplete::Partial => "partial clone",
    })]
    Incomplete {
        /// The part that it lacks.
        how: Incomplete,
    },
    /// The remote's `master` has commits that are not in the local one.
    #[error("the remote repository's master has commits that this folder's master lacks")]
    Behind {
        /// The remote's tip.
        theirs: ObjectId,
    },
    /// Known, and not allowed.
    #[error("{message}")]
    Denied {
        /// The server's words.
        message: String,
        #[source]
        source: Option<TransportError>,
    },
    /// No such repository, or none that is shown to this identity.
    #[error("{message}")]
    NotFound {
        /// The server's words.
        message: String,
        #[source]
        source: Option<TransportError>,
    },
    /// Credentials are missing or were refused.
    #[error("{message}")]
    Unauthorized {
        /// The server's words.
        message: String,
        #[source]
        source: Option<TransportError>,
    },
    /// Nothing answers there, or not in time.
    #[error("{message}")]
    Unreachable {
        /// The action that was attempted.
        message: String,
        /// True if it was a time-out.
        timed_out: bool,
        #[source]
        source: Option<TransportError>,
    },
    /// The connection broke off in the middle.
    #[error("the connection to the remote repository broke off while {what} came")]
    Cut {
        /// The thing that was being received.
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// The remote refused one ref.
    #[error("the remote repository refused {reference}: {reason}")]
    Rejected {
        /// The ref's full name.
        reference: String,
        /// The remote's reason.
        reason: Rejection,
    },
    /// Others pushed again and again in between.
    #[error("others pushed first {attempts} times in a row; nothing is lost, and the next sync tries again")]
    Busy {
        /// The number of attempts.
        attempts: usize,
    },
    /// The remote has no run history.
    #[error("the remote repository has no run history{}", .id.map(|id| format!(" of project {id}")).unwrap_or_default())]
    NoHistory {
        /// The project that was asked for.
        id: Option<ProjectId>,
    },
    /// The remote has the run histories of several projects.
    #[error("the remote repository has several projects: {}", .ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralProjects { ids: Vec<ProjectId> },
    /// The remote has no `master`.
    #[error("the remote repository has no master branch")]
    NoMaster,
    /// A snapshot is neither here nor at the remote.
    #[error("snapshot {commit} is not in the remote repository")]
    NoSnapshot {
        /// The snapshot's commit.
        commit: ObjectId,
    },
    /// A run's attachments are neither here nor at the remote.
    #[error("the attachments (commit {commit}) are not in the remote repository")]
    NoAttachments { commit: ObjectId },
    /// A run's attachments have what no run leaves.
    #[error("the attachment `{path}` is no file; nothing was written")]
    OddAttachment { path: String },
    /// The folder to clone into has something in it.
    #[error("'{}' exists and is not an empty folder", .folder.display())]
    FolderNotEmpty { folder: PathBuf },
    /// The project folder has no commit to link.
    #[error("'{}' has no commit yet", .root.display())]
    NoCommit {
        /// The project folder.
        root: PathBuf,
    },
    /// The conversation with the remote broke down.
    #[error("the conversation with the remote repository failed")]
    Wire(#[source] client::Error),
    /// The history repository can't be read or written.
    #[error(transparent)]
    History(#[from] history::Error),
    /// The run records can't be read or merged.
    #[error(transparent)]
    Runs(#[from] run::Error),
    /// Two lines of snapshots can't be joined.
    #[error(transparent)]
    Join(#[from] join::Error),
    /// The user's own repository can't be read or written.
    #[error(transparent)]
    UserRepo(#[from] user_repo::Error),
    /// The snapshot's files can't be laid out.
    #[error(transparent)]
    Checkout(#[from] checkout::Error),
    /// The remote has no Git LFS.
    #[error("{message}")]
    NoLfs {
        /// The whole sentence.
        message: String,
    },
    /// Large files don't come from the remote.
    #[error("{why}")]
    LargeRefused {
        /// Why not.
        why: String,
    },
    /// A large file does not come.
    #[error("can't fetch the large file {oid}")]
    Large {
        /// Its id.
        oid: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An object that should be here can't be read.
    #[error("can't read {what}")]
    Read {
        /// The thing.
        what: String,
        #[source]
        source: Box<gix::Error>,
    },
    /// The disk refused.
    #[error("can't {action} '{}'", .path.display())]
    Io {
        /// The action that was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl SyncError {
    pub(super) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(super) fn read(what: impl Into<String>) -> impl FnOnce(gix::Error) -> Self {
        let what = what.into();
        move |source| Self::Read { what, source: Box::new(source) }
    }
}

impl From<TransportError> for SyncError {
    fn from(error: TransportError) -> Self {
        let message = error.message.clone();
        match error.kind {
            Kind::Unauthorized => Self::Unauthorized { message, source: Some(error) },
            Kind::Forbidden => Self::Denied { message, source: Some(error) },
            Kind::NotFound => Self::NotFound { message, source: Some(error) },
            Kind::Unreachable => Self::Unreachable { message, timed_out: false, source: Some(error) },
            Kind::TimedOut => Self::Unreachable { message, timed_out: true, source: Some(error) },
            _ => Self::Wire(client::Error::Transport(error)),
        }
    }
}

impl From<LfsError> for SyncError {
    fn from(error: LfsError) -> Self {
        match error {
            LfsError::Transport(error) => error.into(),
            LfsError::NotThere { .. } => Self::NoLfs { message: error.to_string() },
        }
    }
}

impl From<client::Error> for SyncError {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Transport(error) => error.into(),
            // SSH servers and git:// say it in the conversation and not in a status.
            client::Error::Remote(text) if text.class() == TextClass::NoRepository => {
                Self::NotFound { message: text.to_string(), source: None }
            }
            client::Error::Remote(text) if text.class() == TextClass::NotAllowed => {
                Self::Denied { message: text.to_string(), source: None }
            }
            // What is malformed is no cut: it would come the same the next time.
            client::Error::Read { what, source } if source.kind() != std::io::ErrorKind::InvalidData => {
                Self::Cut { what, source }
            }
            error => Self::Wire(error),
        }
    }
}
