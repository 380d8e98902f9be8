//! `azml run log NAME VALUE`.

use std::path::Path;

use azml_core::run::Metric;

use crate::context::Context;
use crate::env::AZML_METRICS_FILE;
use crate::error::CommandError;
use crate::run::metrics;
use crate::ui::Output;

/// Log a metric of the run that the calling script is part of
///
/// For scripts in any language. A value that reads as a number is a number, a JSON
/// list is a list, all else is text. The last value of a name counts.
///
/// Example: `azml run log Accuracy 0.97`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The metric's name
    name: String,
    /// Its value
    #[arg(allow_hyphen_values = true)]
    value: String,
}

/// Appends the value to the file that the run has named.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let Some(path) = ctx.env.get(AZML_METRICS_FILE).map(Path::new) else {
        return Err(CommandError::failed("this is not inside a run, so there is nothing to log to")
            .hint("call it from a script that is run by: {azml} experiment submit -c local SCRIPT"));
    };
    metrics::append(path, &args.name, &Metric::from_word(&args.value))
        .map_err(|error| CommandError::file("write", path, error))?;
    Ok(Output::Nothing)
}
