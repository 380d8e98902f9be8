//! Why a pack couldn't be built or taken in.

use std::io;
use std::path::PathBuf;

use gix::ObjectId;

/// An object points to one that is neither in the pack nor in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("object {from} points to {kind} {to}, which is missing")]
pub struct Disconnected {
    /// The object that points.
    pub from: ObjectId,
    /// The object that it points to.
    pub to: ObjectId,
    /// The expected form.
    pub kind: &'static str,
}

/// Failures of reading, checking or storing a pack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object that should be there isn't.
    #[error("object {0} is missing")]
    Missing(ObjectId),
    /// A stored object can't be read.
    #[error("couldn't read object {id}")]
    Read {
        /// The object.
        id: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// A stored object isn't what its place in another says it is, or doesn't parse.
    #[error("object {id} is not a well-formed {expected}")]
    Malformed {
        /// The object.
        id: ObjectId,
        /// The kind it should be.
        expected: &'static str,
    },
    /// A stored pack can't be used.
    #[error("couldn't read the pack at '{path}'")]
    Store {
        /// The pack.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes of an entry in a stored pack have changed since it was written.
    #[error("the entry of object {id} in '{path}' is damaged")]
    Damaged {
        /// The object.
        id: ObjectId,
        /// The pack.
        path: PathBuf,
    },
    /// The receiver of the pack, or of progress, is gone.
    #[error("couldn't send the pack")]
    Send(#[source] io::Error),
    /// The stream a pack comes from broke.
    #[error("couldn't receive the pack")]
    Receive(#[source] io::Error),
    /// The received bytes are no pack, or not all of one.
    #[error("the pack is malformed: {0}")]
    Invalid(String),
    /// The pack is too large in one way or another.
    #[error("the pack exceeds the limit of {limit} {what}")]
    Limit {
        /// The thing that there is too much of.
        what: &'static str,
        /// The largest number allowed.
        limit: u64,
    },
    /// A received object is one that no repository should hold.
    #[error("object {id}: {reason}")]
    Fsck {
        /// The object.
        id: ObjectId,
        /// The reason, beginning with Git's own name of the rule.
        reason: String,
    },
    /// A received object breaks a rule of the receiver.
    #[error("The {kind} object {id} was rejected: {reason}")]
    Rejected {
        /// The rule.
        rule: super::ObjectRule,
        /// The form of the object.
        kind: &'static str,
        /// The object.
        id: ObjectId,
        /// The reason.
        reason: String,
    },
    /// A received object points to one that is neither in the pack nor in the repository.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
    /// The deltas of a received pack stand on more that has to be kept at once than is allowed.
    #[error(
        "the pack's deltas need more than the {limit} bytes that are kept for their bases; send large files whole, with \
         'git -c core.bigFileThreshold=16m push'"
    )]
    Bases {
        /// The largest number allowed.
        limit: u64,
    },
    /// The end of the work was asked for.
    #[error("the work was interrupted")]
    Interrupted,
    /// The disk.
    #[error("couldn't {what} '{path}'")]
    Disk {
        /// The action that was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// True if there is no room: the disk is full, or a quota or the largest size of a file is met.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl Error {
    /// Returns whether the sender of a pack is to blame, so that the reason may be sent to them.
    pub(crate) fn is_senders_fault(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_)
                | Self::Limit { .. }
                | Self::Fsck { .. }
                | Self::Rejected { .. }
                | Self::Disconnected(_)
                | Self::Bases { .. }
        )
    }

    /// True if there is no room on the disk: it is full, or a quota or the largest size of a file is met.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Disk { source, .. } if is_full(source))
    }

    pub(crate) fn disk(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { what, path, source }
    }
}
