//! Exchanging the run history with the remote.

use azml_core::fsck;

use super::push;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::sync::{self, Pulled, Pushed, SyncError};
use crate::transport::Remote;

/// The result of a sync.
pub struct Synced {
    pub remote: Remote,
    /// The result of the fetch.
    pub pulled: Pulled,
    /// The result of the push.
    pub pushed: Pushed,
    /// Large files that were fetched.
    pub large_received: usize,
}

/// Pulls what the remote has, takes in what runs elsewhere have written, then pushes what the remote lacks; `with_large`, fetches the large files of all snapshots that are here.
pub fn sync(
    ctx: &Context,
    opened: &Opened,
    token: Option<&str>,
    with_large: bool,
) -> Result<Synced, CommandError> {
    let remote = ctx.remote(opened, token)?.ok_or(SyncError::NotLinked)?;
    let root = opened.project.root();
    let pulled =
        sync::with_progress(ctx, root, "Syncing", |context| sync::pull(&opened.history, &remote, context))?;
    // Results of runs elsewhere get to the remote by whoever takes them in.
    super::remote::look_at_newest(ctx, opened)?;
    let pushed = sync::with_progress(ctx, root, "Syncing", |context| {
        sync::push_history(&opened.history, &remote, context)
    })?;
    opened.history.set_push_error(None)?;
    push::warn_large_unpushed(ctx, opened);
    let mut large_received = 0;
    if with_large {
        let store = opened.history.large_files();
        let mut missing = fsck::large_files(&opened.history);
        missing.retain(|pointer| !store.has(pointer));
        sync::with_progress(ctx, opened.project.root(), "Fetching large files", |context| {
            sync::large::fetch(&opened.history, &remote, &missing, context)
        })?;
        large_received = missing.len();
    }
    Ok(Synced { remote, pulled, pushed, large_received })
}
