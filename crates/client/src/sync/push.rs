//! Delivering what is owed.

use azml_core::history::HistoryRepo;
use gix::ObjectId;

use super::{Context, SyncError};
use crate::transport::Remote;

/// What a delivery did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The newest snapshot that the remote has now.
    pub history: Option<ObjectId>,
    /// The run records that the remote has now.
    pub runs: Option<ObjectId>,
    /// Whether anything had to be sent.
    pub pushed: bool,
    /// How often somebody else had pushed first.
    pub joins: usize,
    /// Objects sent.
    pub objects: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
}

/// Brings the history branch and the run records to the remote, in one push where both moved.
pub fn push_history(
    history: &HistoryRepo,
    remote: &Remote,
    context: Context<'_>,
) -> Result<Delivered, SyncError> {
    let _ = (history, remote, context);
    todo!()
}
