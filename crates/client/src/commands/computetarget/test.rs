//! `azml computetarget test`.

use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compute_targets;
use crate::ui::Output;

/// Test whether runs can go on a compute target: the host answers, azml and the engine are there
///
/// Example: `azml computetarget test -n cluster`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target's name
    #[arg(long, short)]
    name: String,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Asks the engine.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let target = compute_targets::find(opened.project.root(), &args.name)?;
    compute_targets::test(ctx, &target)?;
    ctx.notices.status(&format!("Runs can go on {}", args.name));
    Ok(Output::Value(json!({"name": args.name, "engine": target.engine, "answers": true})))
}
