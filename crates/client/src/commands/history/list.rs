//! `azml history list`.

use std::mem::ManuallyDrop;

use azml_core::run::{Parts, Status};
use serde_json::Value;

use super::listing;
use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::{CommandError, similar};
use crate::ops::list::{self, Filter, Keys};
use crate::ops::{remote, runs};
use crate::ui::{Output, OutputFormat, Ui};

/// List the project's runs, newest first
///
/// As a table the metrics come first: `azml history list -o table`. Filter further with --query, for example
/// `--query "[?Accuracy > \`0.9\`].run_id"`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the newest N runs
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Only runs with this status
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only runs of this script
    #[arg(long, value_name = "SCRIPT")]
    script: Option<String>,
    /// Only runs of this sweep: its id, or an unambiguous beginning
    #[arg(long, value_name = "RUN_ID")]
    parent: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Lists them.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let status = args.status.as_deref().map(parse_status).transpose()?;
    let opened = args.project.open(ctx)?;
    remote::look_at_all(ctx, &opened)?;
    let parent = args.parent.as_deref().map(|parent| runs::resolve(ctx, &opened, parent)).transpose()?;
    let parent = parent.map(|parent| parent.run_id.to_string());
    let filter = Filter { last: args.last, status, script: args.script.clone(), parent };
    if let Some(query) = ui.query()
        && filter.last.is_none()
        && let Some(keys) = query.keys_of_items()
    {
        let (listed, fields) =
            list::list_fields(ctx, &opened, &filter, &Keys { names: &keys.names, below: &keys.below })?;
        let fields = ManuallyDrop::new(Value::Array(fields));
        let mut answer = query.search(&fields).map_err(CommandError::failed)?;
        list::whole_runs(&listed, &mut answer);
        return Ok(Output::Answer(answer));
    }
    // The process ends soon: to free many records one by one takes as long as to read them.
    match ui.plain_format() {
        Some(OutputFormat::Table) => {
            let rows = list::list(ctx, &opened, &filter, Parts::Columns, listing::Row::of)?;
            Ok(Output::Table(listing::table(&ManuallyDrop::new(rows))))
        }
        Some(OutputFormat::Json) => {
            let texts = list::list(ctx, &opened, &filter, Parts::All, |record| listing::json(&record))?;
            let texts = texts.into_iter().collect::<Result<Vec<_>, _>>().map_err(CommandError::failed)?;
            Ok(Output::Raw(listing::json_list(&ManuallyDrop::new(texts))))
        }
        _ => {
            let field = |record| Value::Object(runs::fields(&record));
            Ok(Output::Value(list::list(ctx, &opened, &filter, Parts::All, field)?.into()))
        }
    }
}

fn parse_status(word: &str) -> Result<Status, CommandError> {
    let known = Status::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word));
    known.ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        let best = similar(word, names.iter().copied())
            .first()
            .map_or_else(|| names.join(", "), |best| (*best).to_owned());
        CommandError::usage(format!("`{word}` is not a status of a run")).hint(format!("use one of: {best}"))
    })
}
