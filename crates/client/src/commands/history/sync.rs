//! `azml history sync`.

use azml_core::run::RunStore;
use serde_json::json;

use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::runs;
use crate::ops::sync::{Synced, sync};
use crate::ui::Output;

/// Push runs that the remote lacks, and fetch the runs of others
///
/// Each run is pushed while it runs. Use this after a push that failed, or to get the runs of other computers. Nothing
/// is ever forced: if somebody else pushed first, azml joins both histories. Runs that go on elsewhere are looked at, also
/// those of others: their results get to the remote even if the computer that submitted them is gone.
///
/// Example: `azml history sync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also fetch the large files of all snapshots that are on this computer
    #[arg(long)]
    large: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Pulls, then pushes.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let Synced { remote, pulled, pushed, large_received } =
        sync(ctx, &opened, args.project.token(), args.large)?;
    if pulled.new_runs {
        runs::warn_after_sync(ctx, &opened);
    }
    Ok(Output::Value(json!({
        "remote": remote.url().without_secret().to_string(),
        "pushed": pushed.sent,
        "received_runs": pulled.new_runs,
        "received_snapshots": pulled.new_snapshots,
        "bytes_sent": pushed.bytes_sent,
        "bytes_received": pulled.bytes_received,
        "large_files_received": large_received,
        "large_files_sent": pushed.large.files,
        "large_files_unpushed": pushed.large.left,
        "history": pushed.history.map(|id| id.to_string()),
        "runs": RunStore::new(&opened.history).count()?,
    })))
}
