//! `azml history compare`.

pub(crate) mod json;
mod text;

use serde_json::json;

use crate::commands::args::LinkedProjectArgs;
use crate::commands::patch::Paint;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compare::{self, MOST, records};
use crate::ops::runs;
use crate::ui::{Output, Ui};

/// The part of the code's differences that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CodeView {
    /// The files that differ and by how many lines, then the lines
    #[default]
    Patch,
    /// The files that differ and by how many lines
    Stat,
    /// Nothing
    None,
}

/// Compare runs: properties, metrics and code
///
/// Prints the differences; JSON output has all values and marks those that differ. The code compared is the code that
/// ran: the runs' snapshots, which are fetched from the remote if they are not here. With more than two runs, the code
/// of each is compared with the first run's.
///
/// Example: `azml history compare RUN_A RUN_B --code stat`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The runs: their ids, or unambiguous beginnings of them or of their numbers; or names of their snapshots
    #[arg(value_name = "RUN_ID", required = true, num_args = 2..=MOST)]
    runs: Vec<String>,
    /// The part of the code's differences to show
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    code: CodeView,
    /// Show also what is the same
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Compares the records, and the snapshots that they name.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let runs = args.runs.iter().map(|text| runs::resolve_current(ctx, &opened, text));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let (properties, metrics) = (records::properties(&runs), records::metrics(&runs));
    let codes = match args.code {
        CodeView::None => Vec::new(),
        view => compare::code_of(ctx, &opened, &runs, view == CodeView::Patch, args.project.token())?,
    };
    let value = json!({
        "runs": runs.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(),
        "properties": properties.iter().map(json::line).collect::<Vec<_>>(),
        "metrics": metrics.iter().map(json::line).collect::<Vec<_>>(),
        "code": codes.iter().map(json::code).collect::<Vec<_>>(),
    });
    let style = text::Style { all: args.all, paint: Paint::of(ui, ctx) };
    let text = text::render(&runs, &properties, &metrics, &codes, style);
    Ok(Output::WithText { value, text })
}
