//! `azml snapshot list`.

use azml_core::id::RunId;
use azml_core::run::format;
use serde_json::{Map, Value, json};

use super::SHORT;
use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::snapshots::{self, Described};
use crate::text::size;
use crate::ui::{Numbers, Output};

/// List the snapshots, newest first
///
/// Each with the runs that ran from it, and with what changed since the one before it.
///
/// Example: `azml snapshot list --last 5 --query "[].commit" -o tsv`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the newest N snapshots
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Lists them.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let all = snapshots::list(&opened, args.last)?;
    let rows = all.iter().map(row).collect();
    let value = all.iter().map(|described| Value::Object(fields(described))).collect();
    Ok(Output::WithTable { value, rows, numbers: Numbers::AsText })
}

/// A snapshot as JSON.
pub(super) fn fields(described: &Described) -> Map<String, Value> {
    let changed = described.changed;
    let value = json!({
        "commit": described.commit.to_string(),
        "time": time(described),
        "message": described.subject,
        "author": described.author,
        "runs": described.runs.iter().map(RunId::as_str).collect::<Vec<_>>(),
        "tags": described.tags,
        "files_added": changed.map(|changed| changed.added),
        "files_changed": changed.map(|changed| changed.modified),
        "files_removed": changed.map(|changed| changed.removed),
        "bytes_changed": changed.map(|changed| changed.bytes),
    });
    value.as_object().cloned().unwrap_or_default()
}

/// When it was taken, as other times are written.
pub(super) fn time(described: &Described) -> Option<String> {
    jiff::Timestamp::from_second(described.time.seconds).ok().map(format::moment)
}

fn row(described: &Described) -> Map<String, Value> {
    let names = described.tags.iter().map(String::as_str).chain(described.runs.iter().map(RunId::as_str));
    let files = described.changed.map(|changed| {
        let counts = [('+', changed.added), ('~', changed.modified), ('-', changed.removed)];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        counts.map(|(sign, count)| format!("{sign}{count}")).collect::<Vec<_>>().join(" ")
    });
    let cells = [
        ("Commit", Value::from(described.commit.to_hex_with_len(SHORT).to_string())),
        ("Time_utc", time(described).into()),
        ("Message", described.subject.clone().into()),
        ("Files", files.into()),
        ("Size", described.changed.map(|changed| size(changed.bytes)).into()),
        ("Runs_and_tags", names.collect::<Vec<_>>().join(" ").into()),
    ];
    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
