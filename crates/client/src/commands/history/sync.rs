//! `azml history sync`.

use std::path::PathBuf;

use azml_core::run::RunStore;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ops::runs;
use crate::ops::sync::{Synced, sync};
use crate::ui::Output;

/// Push runs that the remote lacks, and fetch the runs of others
///
/// Each run is pushed while it runs. Use this after a push that failed, or to get the runs of other computers. Nothing
/// is ever forced: if somebody else pushed first, azml joins both histories.
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
    let Synced { remote, pulled, pushed } = sync(ctx, &opened, args.vststoken.as_deref())?;
    if pulled.new_runs {
        runs::warn_after_sync(ctx, &opened);
    }
    Ok(Output::Value(json!({
        "remote": remote.url().without_secret().to_string(),
        "pushed": pushed.pushed,
        "received_runs": pulled.new_runs,
        "received_snapshots": pulled.new_snapshots,
        "bytes_sent": pushed.bytes_sent,
        "bytes_received": pulled.bytes_received,
        "history": pushed.history.map(|id| id.to_string()),
        "runs": RunStore::new(&opened.history).count()?,
    })))
}
