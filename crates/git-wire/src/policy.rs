//! Access rules: the questions the engine asks, and the answers it understands.

use std::error::Error;
use std::sync::Arc;

use bstr::BStr;
use gix::ObjectId;
use gix::refs::FullName;

/// Decides for one identity on one repository. The engine asks; whoever embeds it answers.
pub trait Policy: Send + Sync {
    /// Checks whether the repository may be read; asked before anything of it is shown.
    ///
    /// # Errors
    /// The denial to tell.
    fn may_read(&self) -> Result<(), Denial>;

    /// Checks whether anything may be pushed; asked before the refs are shown to a client that wants to push.
    ///
    /// # Errors
    /// The denial to tell.
    fn may_push(&self) -> Result<(), Denial>;

    /// Checks whether one ref may change; asked for each when the pack has been received and checked, and before
    /// anything of it can be seen in the repository.
    ///
    /// # Errors
    /// The denial, which refuses this ref alone (all of them in an atomic push).
    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial>;

    /// Returns whether a ref is to be neither shown nor changed.
    fn is_hidden(&self, name: &BStr) -> bool {
        let _ = name;
        false
    }

    /// Returns whether [`is_hidden()`](Self::is_hidden) can return true at all. A policy that never hides should
    /// return false: then a fetch needn't look at all refs to know what may be fetched.
    fn hides_refs(&self) -> bool {
        true
    }

    /// Told which refs have changed.
    fn updated(&self, updates: &[RefUpdate]) {
        let _ = updates;
    }
}

/// A refusal by a [`Policy`]. Its text goes to the peer verbatim.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Denial(Arc<dyn Error + Send + Sync>);

impl Denial {
    /// Wraps an error of the policy's own type, or a plain text.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into().into())
    }

    /// The policy's own error, if it is of type `T`.
    pub fn reason<T: Error + 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// The kind of a ref's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpdateKind {
    /// It didn't exist.
    Create,
    /// The new commit descends from the old one.
    FastForward,
    /// The new one doesn't descend from the old one.
    Rewrite,
    /// It goes.
    Delete,
}

/// A change of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The ref.
    pub name: FullName,
    /// The object it points to before; `None` if it doesn't exist.
    pub old: Option<ObjectId>,
    /// The object it points to afterwards; `None` if it is deleted.
    pub new: Option<ObjectId>,
    /// The kind of the change, by ancestry.
    pub kind: UpdateKind,
}

/// Lets everybody do everything, as a bare folder on one's own disk does.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, _update: &RefUpdate) -> Result<(), Denial> {
        Ok(())
    }

    fn hides_refs(&self) -> bool {
        false
    }
}

/// Rules for received objects that a host has beside Git's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectRules {
    /// The most bytes of a file.
    pub max_file_bytes: Option<u64>,
    /// True if the bytes of a file are counted as they are compressed.
    pub counts_compressed: bool,
    /// True if a folder may not have two names that differ in case alone.
    pub refuses_case_clashes: bool,
}

/// One of these rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectRule {
    /// A file is too large.
    FileSize,
    /// Two names in a folder differ in case alone.
    CaseClash,
}
