//! `azml history last`.

use std::path::PathBuf;

use serde_json::Value;

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ops::runs;
use crate::ui::Output;

/// Show the newest run
///
/// Example: `azml history last`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Shows the newest record.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let record = runs::newest(ctx, &opened)?;
    Ok(Output::Value(Value::Object(runs::fields(&record))))
}
