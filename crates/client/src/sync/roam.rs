//! Roaming: project, newest snapshot and run records in a new folder, from the remote alone.

use std::path::Path;

use azml_core::id::ProjectId;
use gix::ObjectId;

use super::{Context, SyncError};
use crate::transport::Remote;

/// What to bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoamOptions {
    /// The project, when the remote has several.
    pub id: Option<ProjectId>,
    /// The files of `master` and not of the newest snapshot.
    pub master_files: bool,
}

/// What was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roamed {
    /// The project.
    pub id: ProjectId,
    /// The newest snapshot.
    pub history: ObjectId,
    /// The commit that `master` is at, if the remote has one.
    pub master: Option<ObjectId>,
    /// Bytes received.
    pub bytes_received: u64,
}

/// Brings a project into `folder`, which must be absent or empty. If it fails, the folder is as it was.
pub fn roam(
    remote: &Remote,
    folder: &Path,
    options: &RoamOptions,
    context: Context<'_>,
) -> Result<Roamed, SyncError> {
    let _ = (remote, folder, options, context);
    todo!()
}
