//! Exchanging the run history with the remote.

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
}

/// Pulls what the remote has, then pushes what it lacks.
pub fn sync(ctx: &Context, opened: &Opened, token: Option<&str>) -> Result<Synced, CommandError> {
    let remote = ctx.remote(opened, token)?.ok_or(SyncError::NotLinked)?;
    let (pulled, pushed) = sync::with_progress(ctx, opened.project.root(), "Syncing", |context| {
        let pulled = sync::pull(&opened.history, &remote, context)?;
        Ok::<_, SyncError>((pulled, sync::push_history(&opened.history, &remote, context)?))
    })?;
    opened.history.set_push_error(None)?;
    push::warn_large_unpushed(ctx, opened);
    Ok(Synced { remote, pulled, pushed })
}
