//! `azml computetarget detach`.

use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compute_targets;
use crate::ui::Output;

/// Remove a compute target: its file, and the run configuration of its name
///
/// Runs that are on it go on, and are shown and canceled as before.
///
/// Example: `azml computetarget detach -n cluster`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target's name
    #[arg(long, short)]
    name: String,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Removes the files.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let removed = compute_targets::detach(opened.project.root(), &args.name)?;
    let removed: Vec<String> = removed.iter().map(|path| path.display().to_string()).collect();
    ctx.notices.status(&format!("Removed {}", removed.join(" and ")));
    Ok(Output::Value(json!({"name": args.name, "removed": removed})))
}
