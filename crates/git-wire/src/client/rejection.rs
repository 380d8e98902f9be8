//! The reasons for which a push did not change a ref, as this side knows them.

use gix::ObjectId;

use super::{ServerText, TextClass};

/// A reason for which a push did not change a ref, or was not stored at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The ref is not where the caller saw it. Nothing was sent.
    #[error("stale info: {}", .found.map_or_else(|| "it is not there any more".to_owned(), |id| format!("it is at {id} by now")))]
    Stale {
        /// The ref's target at the server.
        found: Option<ObjectId>,
    },
    /// The new commit does not descend from the old one. Nothing was sent.
    #[error("non-fast-forward")]
    NonFastForward,
    /// The ref that was to be deleted does not exist. Nothing was sent.
    #[error("it is not there")]
    NotThere,
    /// The server has no capability to delete refs. Nothing was sent.
    #[error("the server does not delete refs")]
    NoDeletion,
    /// Another update of the atomic push was refused on this side. Nothing was sent.
    #[error("atomic push failed")]
    Atomic,
    /// The server's report leaves it out.
    #[error("the server did not say")]
    Unreported,
    /// The server's report gives no reason.
    #[error("refused without a reason")]
    NoReason,
    /// The server gives this reason.
    #[error("{0}")]
    Server(ServerText),
}

impl Rejection {
    fn is(&self, class: TextClass) -> bool {
        matches!(self, Self::Server(text) if text.class() == class)
    }

    /// Returns whether the ref was refused for another one's sake, in an atomic push.
    pub fn is_for_another(&self) -> bool {
        *self == Self::Atomic || self.is(TextClass::Atomic)
    }

    /// Returns whether another push held the ref's lock at that moment.
    pub fn is_lock_held(&self) -> bool {
        self.is(TextClass::RefIsLocked)
    }

    /// Returns whether the identity lacks a permission.
    pub fn is_denied(&self) -> bool {
        self.is(TextClass::NotAllowed)
    }

    /// Returns whether the server lacks objects that were not sent.
    pub fn lacks_objects(&self) -> bool {
        self.is(TextClass::MissingObjects)
    }
}
