//! `azml experiment wait`.

use azml_core::run::{RunRecord, Status};
use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::ops::{runs, wait};
use crate::ui::{Output, Ui};

/// Wait for the end of runs
///
/// Of runs that this computer submitted, and of those on other targets, which it asks how they stand.
///
/// The exit code is 0 if all have completed, 130 if one was canceled, else 1.
///
/// Example: `azml experiment wait iris_1504832281116`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The runs' ids, or unambiguous beginnings of them or of their numbers; or names of their snapshots
    #[arg(value_name = "RUN_ID", required = true)]
    runs: Vec<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Waits, and prints how each has ended.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let found = args.runs.iter().map(|run| runs::resolve(ctx, &opened, run));
    let found = found.collect::<Result<Vec<RunRecord>, _>>()?;
    let ended = found.iter().map(|record| wait::wait(ctx, &opened, record));
    let ended = ended.collect::<Result<Vec<RunRecord>, _>>()?;
    let rows = ended.iter().map(|record| {
        json!({
            "run_id": record.run_id.as_str(),
            "status": record.status.as_str(),
            "exit_code": record.exit_code,
        })
    });
    let output = Output::Value(rows.collect());
    let not_completed: Vec<String> = ended
        .iter()
        .filter(|record| record.status != Status::Completed)
        .map(|record| format!("run {} is {}", record.run_id, record.status))
        .collect();
    if not_completed.is_empty() {
        return Ok(output);
    }
    ui.result(output)?;
    let is_canceled = ended.iter().any(|record| record.status == Status::Canceled);
    let kind = if is_canceled { ErrorKind::Interrupted } else { ErrorKind::Failed };
    Err(CommandError::new(kind, not_completed.join(", "))
        .hint("a run's output: {azml} history info -r RUN_ID -a driver_log.txt"))
}
