//! Taking in what others did: their run records, and the newest snapshot.

use azml_core::history::HistoryRepo;
use gix::ObjectId;

use super::{Context, SyncError};
use crate::transport::Remote;

/// What was taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The newest snapshot that the remote has.
    pub history: Option<ObjectId>,
    /// Whether run records came in.
    pub new_runs: bool,
    /// Whether snapshots came in.
    pub new_snapshots: bool,
    /// Bytes received.
    pub bytes_received: u64,
}

/// Merges the remote's run records into ours, and learns its newest snapshot. Pushes nothing.
pub fn pull(history: &HistoryRepo, remote: &Remote, context: Context<'_>) -> Result<Pulled, SyncError> {
    let _ = (history, remote, context);
    todo!()
}
