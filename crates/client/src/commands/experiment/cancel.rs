//! `azml experiment cancel`.

use serde_json::json;

use crate::commands::args::{ProjectArgs, RunArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::{cancel, runs};
use crate::ui::Output;

/// Cancel a run in progress, on this computer or on another target
///
/// A run that waits for its target ends at once. Does the same as Ctrl-C in the terminal of its submit: ends the script and every process that it started, and
/// records the run as Canceled.
///
/// Example: `azml experiment cancel -r RUN`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// The target that it runs on
    #[arg(long, short, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Tells the azml that watches the run.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = args.run.resolve(ctx, &opened)?;
    runs::check_target(&record, args.target.as_deref())?;
    let canceled = cancel::cancel(ctx, &opened, &record)?;
    ctx.notices.status(&canceled.to_string());
    Ok(Output::Value(json!({"run_id": record.run_id.as_str(), "canceling": true})))
}
