//! Pushing what the remote lacks on the occasion of talking to it for another reason.

use super::runs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::sync;
use crate::transport::Remote;

/// Pushes what is unpushed. The caller has another purpose: a failure is a warning.
pub fn push_unpushed(ctx: &Context, opened: &Opened, remote: &Remote) {
    if let Err(error) = push(ctx, opened, remote) {
        ctx.notices.warning(&format!(
            "what is owed to the remote could not be delivered: {}",
            error.chain().join(": ")
        ));
        ctx.notices.hint("{azml} history sync");
    }
}

fn push(ctx: &Context, opened: &Opened, remote: &Remote) -> Result<(), CommandError> {
    if opened.history.unpushed()?.is_empty() {
        return Ok(());
    }
    let by = ctx.signature(opened.project.root());
    let pushed = sync::push_history(&opened.history, remote, sync::Context::quiet(&by))?;
    opened.history.set_push_error(None)?;
    if pushed.joins > 0 {
        runs::warn_after_sync(ctx, opened);
    }
    Ok(())
}
