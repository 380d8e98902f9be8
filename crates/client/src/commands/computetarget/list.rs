//! `azml computetarget list`.

use super::table;
use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compute_targets;
use crate::ui::Output;

/// List the project's compute targets, and the run configurations that name them
///
/// Example: `azml computetarget list -o table`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

/// Reads the files.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    Ok(table(&compute_targets::list(opened.project.root())?))
}
