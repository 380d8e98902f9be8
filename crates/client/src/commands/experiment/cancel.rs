//! `azml experiment cancel`.

use std::path::PathBuf;

use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ops::{cancel, runs};
use crate::ui::Output;

/// Cancel a run in progress on this computer
///
/// Does the same as Ctrl-C in the terminal of its submit: ends the script and every process that it started, and
/// records the run as Canceled.
///
/// Example: `azml experiment cancel -r RUN`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    run: String,
    /// The target that it runs on
    #[arg(long, short, value_name = "TARGET")]
    target: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Tells the azml that watches the run.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let record = runs::resolve(ctx, &opened, &args.run)?;
    runs::check_target(&record, args.target.as_deref())?;
    let canceled = cancel::cancel(ctx, &opened, &record)?;
    ctx.notices.status(&canceled.to_string());
    Ok(Output::Value(json!({"run_id": record.run_id.as_str(), "canceling": true})))
}
