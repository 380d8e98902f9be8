//! `azml history edit`.

use serde_json::Value;

use crate::commands::args::{ProjectArgs, RunArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::edit::{self, Edit};
use crate::ops::runs;
use crate::run::parameters::pair;
use crate::ui::Output;

/// Change a run's name, description and tags
///
/// An empty name or description removes it. If two computers edit the same run, the later edit of each field wins.
///
/// Example: `azml history edit -r RUN --name baseline --tag kind=paper --untag draft`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// The new name
    #[arg(long)]
    name: Option<String>,
    /// The new description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag to set; may be given several times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// A tag to remove; may be given several times
    #[arg(long, value_name = "NAME")]
    untag: Vec<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Edits the record, and shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let edit = Edit {
        name: args.name.clone(),
        description: args.description.clone(),
        tags: args.tags.iter().cloned().collect(),
        untag: args.untag.clone(),
    };
    if edit == Edit::default() {
        return Err(CommandError::usage("there is nothing to change")
            .hint("{azml} history edit -r RUN --name NAME --tag NAME=VALUE"));
    }
    let opened = args.project.open(ctx)?;
    let record = args.run.resolve(ctx, &opened)?;
    let record = edit::edit(ctx, &opened, &record, &edit)?;
    ctx.notices.status(&format!("Changed run {}", record.run_id));
    Ok(Output::Value(Value::Object(runs::fields(&record))))
}
