//! `azml history sync`.

use std::path::PathBuf;

use azml_core::run::RunStore;
use serde_json::json;

use crate::commands::runs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::sync::{self, Delivered, Pulled, SyncError};
use crate::transport::Remote;
use crate::ui::Output;

/// Deliver what the remote lacks, and bring the runs of others
///
/// Runs are pushed while they run; this is for what could not be pushed then, and to see what others did.
/// Nothing is ever forced: where somebody pushed first, both histories are joined.
///
/// Example: `azml history sync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Pulls, then pushes.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let (remote, pulled, delivered) = sync(ctx, &opened, args.vststoken.as_deref())?;
    if pulled.new_runs {
        runs::warn_after_sync(ctx, &opened);
    }
    Ok(Output::Value(json!({
        "remote": remote.url().without_secret().to_string(),
        "pushed": delivered.pushed,
        "received_runs": pulled.new_runs,
        "received_snapshots": pulled.new_snapshots,
        "bytes_sent": delivered.bytes_sent,
        "bytes_received": pulled.bytes_received,
        "history": delivered.history.map(|id| id.to_string()),
        "runs": RunStore::new(&opened.history).count()?,
    })))
}

/// Brings what the remote has, then delivers what it lacks.
pub(crate) fn sync(
    ctx: &Context,
    opened: &Opened,
    token: Option<&str>,
) -> Result<(Remote, Pulled, Delivered), CommandError> {
    let remote = ctx.remote(opened, token)?.ok_or(SyncError::NotLinked)?;
    let (pulled, delivered) = sync::with_progress(ctx, opened.project.root(), "Syncing", |context| {
        let pulled = sync::pull(&opened.history, &remote, context)?;
        Ok::<_, SyncError>((pulled, sync::push_history(&opened.history, &remote, context)?))
    })?;
    opened.history.set_push_error(None)?;
    Ok((remote, pulled, delivered))
}
