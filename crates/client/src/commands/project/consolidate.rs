//! `azml project consolidate`, which azml also starts by itself, in the background.

use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::maintenance;
use crate::run::signals::Cancel;
use crate::ui::Output;

/// Repack the run history into few files
///
/// azml does this by itself, in the background, when the history has become many files.
///
/// Example: `azml project consolidate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Repack everything into one pack, even if that is not due
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Does it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    // A signal ends it between two steps, so that no half of a pack is left.
    let interrupt = Cancel::listen().and_then(|cancel| cancel.interrupt()).map_err(CommandError::failed)?;
    let report = maintenance::consolidate(&opened.history, args.all, &interrupt)?;
    let size = opened.history.disk_use()?;
    Ok(Output::Value(json!({
        "busy": report.busy,
        "packs_replaced": report.packs_replaced,
        "loose_packed": report.loose_packed,
        "bytes": size.bytes,
        "packs": size.packs,
        "loose_objects": size.loose_objects,
    })))
}
