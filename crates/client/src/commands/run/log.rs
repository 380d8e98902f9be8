//! `azml run log [--param|--tag] NAME VALUE`.

use std::path::Path;

use azml_core::run::Metric;

use crate::context::Context;
use crate::env::AZML_METRICS_FILE;
use crate::error::CommandError;
use crate::metrics::{self, Kind, Line};
use crate::ui::Output;

/// Log a metric, a parameter or a tag of the run that the calling script is part of
///
/// For scripts in any language. A value that reads as a number is a number, a JSON
/// list is a list, all else is text. The last value of a name counts. Parameters and tags are texts.
///
/// Examples: `azml run log Accuracy 0.97`, `azml run log --param depth 3`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Log a parameter: something that the run was given to work with
    #[arg(long, conflicts_with = "tag")]
    param: bool,
    /// Log a tag: something to find the run by
    #[arg(long)]
    tag: bool,
    /// The name of the metric, parameter or tag
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
    let (kind, value) = match args {
        Args { param: true, .. } => (Kind::Parameter, args.value.as_str().into()),
        Args { tag: true, .. } => (Kind::Tag, args.value.as_str().into()),
        _ => (Kind::Metric, Metric::from_word(&args.value).to_value()),
    };
    metrics::append(path, &Line::new(kind, &args.name, value))
        .map_err(|error| CommandError::file("write", path, error))?;
    Ok(Output::Nothing)
}
