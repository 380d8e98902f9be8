//! The reasons for which a push leaves a ref as it is.
//!
//! The text of each is what `report-status` tells the client. Git's own texts are from `builtin/receive-pack.c`; they
//! must not change, since clients know them. Code on this side matches the variants.

use std::sync::Arc;

use bstr::BString;

use crate::error::DISK_FULL;
use crate::pack;
use crate::policy::Denial;

/// A reason for which a push leaves a ref as it is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RefRefusal {
    /// The ref is not where the client thinks it is.
    #[error("failed to update ref: it has changed in the meantime (fetch first)")]
    Stale,
    /// The ref that the client wants to delete, and thinks it knows, does not exist.
    #[error("the ref does not exist")]
    Gone,
    /// The client wants to delete a ref of which it says itself that it does not exist. Git's text.
    #[error("deletion of a ref that does not exist")]
    NothingToDelete,
    /// No ref may be called so. Git's text.
    #[error("funny refname")]
    InvalidName,
    /// [`Policy::is_hidden`](crate::Policy::is_hidden) hides the ref. Git's text.
    #[error("deny updating a hidden ref")]
    Hidden,
    /// One push has several updates of the ref. Git's text.
    #[error("multiple updates for the same ref")]
    Duplicate,
    /// The ref is a symbolic one.
    #[error("refusing to update a symbolic ref")]
    Symbolic,
    /// The ref's file cannot be read.
    #[error("failed to read the ref")]
    Unreadable,
    /// Neither the push nor the repository has all that the new tip reaches. Git's text.
    #[error("missing necessary objects")]
    MissingObjects,
    /// The new tip lacks the parents that the client's shallow clone lacks. Git's text.
    #[error("shallow update not allowed")]
    Shallow,
    /// A branch would point to something that is not a commit.
    #[error("a branch can't point to anything but a commit")]
    NotACommit,
    /// Another ref has a name that would have to be a folder, or is below this one. Git's text.
    #[error("'{other}' exists; cannot create '{name}'")]
    NameConflict {
        /// The ref that is in the way.
        other: BString,
        /// The ref that cannot be created.
        name: BString,
    },
    /// Another ref has a name that differs in case only.
    #[error("'{other}' exists; cannot create '{name}', which differs in case only")]
    CaseConflict {
        /// The ref that is in the way.
        other: BString,
        /// The ref that cannot be created.
        name: BString,
    },
    /// `HEAD` points to the branch that would be deleted. Git's text.
    #[error("deletion of the current branch prohibited")]
    CurrentBranch,
    /// The ref's lock is held by another push, or a file is in its place.
    #[error("failed to update ref: it can't be locked or conflicts with another")]
    Locked,
    /// There is no room left on the disk for the ref or its lock.
    #[error("failed to update ref: {DISK_FULL}")]
    DiskFull,
    /// The push deletes a ref in whose place it creates another, which one transaction cannot do.
    #[error("a ref would have to go before another can come")]
    Order,
    /// Another ref of an atomic push was refused. Git's text.
    #[error("atomic push failure")]
    Atomic,
    /// The transaction of an atomic push failed.
    #[error("atomic push failure: {0}")]
    AtomicTransaction(Box<Self>),
    /// The pack was not stored. Git's text; the reason is told for the whole push.
    #[error("unpacker error")]
    Unpack(Arc<pack::Error>),
    /// An object that was received breaks a rule of the host.
    #[error(transparent)]
    Rejected(Arc<pack::Error>),
    /// The policy forbids the update.
    #[error(transparent)]
    Denied(Denial),
}

impl RefRefusal {
    /// Returns whether there is no room left on the disk, for the ref or for the pack.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::DiskFull => true,
            Self::AtomicTransaction(reason) => reason.is_disk_full(),
            Self::Unpack(error) => error.is_disk_full(),
            _ => false,
        }
    }
}
