//! Linking a project to a remote repository, all or nothing.

use azml_core::history::HistoryRepo;
use azml_core::user_repo::UserRepo;
use gix::ObjectId;

use super::{Context, SyncError};
use crate::transport::Remote;

/// What the remote repository may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMode {
    /// No branch at all: `master` and the run history are made there in one push.
    Empty,
    /// Either that, or a `master` that the local one contains: the folder is a clone of it.
    EmptyOrClone,
}

/// What linking did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// The remote's `master`.
    pub master: Option<ObjectId>,
    /// Whether this made it.
    pub created_master: bool,
    /// The newest snapshot there.
    pub history: Option<ObjectId>,
}

/// Links the project to the remote: pushes first, and only when that went well notes the remote in
/// the history repository and, if the user's repository has no `origin` yet, there.
pub fn link(
    history: &HistoryRepo,
    user: &UserRepo,
    remote: &Remote,
    mode: LinkMode,
    context: Context<'_>,
) -> Result<Linked, SyncError> {
    let _ = (history, user, remote, mode, context);
    todo!()
}
