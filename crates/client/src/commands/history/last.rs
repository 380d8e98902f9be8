//! `azml history last`.

use std::path::PathBuf;

use azml_core::run::RunStore;
use serde_json::Value;

use crate::commands::runs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
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
    let newest = RunStore::new(&opened.history).newest(1)?;
    let record = runs::with_live(ctx, &opened, newest)?.into_iter().next().ok_or_else(|| {
        CommandError::not_found("the project has no runs yet")
            .hint("{azml} experiment submit -c local SCRIPT")
    })?;
    Ok(Output::Value(Value::Object(runs::shown(&record))))
}
