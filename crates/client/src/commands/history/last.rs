//! `azml history last`.

use serde_json::Value;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::{remote, runs};
use crate::ui::Output;

/// Show the newest run
///
/// Example: `azml history last`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

/// Shows the newest record.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    remote::look_at_all(ctx, &opened)?;
    let record = runs::newest(ctx, &opened)?;
    Ok(Output::Value(Value::Object(runs::fields(&record))))
}
