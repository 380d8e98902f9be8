//! `azml history list`.

use std::path::PathBuf;

use azml_core::run::{RunRecord, RunStore, Status};

use crate::commands::runs::{self, Lives};
use crate::context::Context;
use crate::error::{CommandError, similar};
use crate::ops::open::open_and_recover;
use crate::ui::{Output, Ui};

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
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Reads as many records as are asked for, and no more.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let status = args.status.as_deref().map(parse_status).transpose()?;
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let wanted = |record: &RunRecord| {
        !record.hidden
            && status.is_none_or(|status| record.status == status)
            && args.script.as_ref().is_none_or(|script| record.script_name == *script)
    };
    let most = args.last.unwrap_or(usize::MAX);
    let store = RunStore::new(&opened.history);
    let lives = Lives::here(ctx, &opened)?;
    let mut records = Vec::new();
    if args.last.is_none() {
        records = store.listed()?;
        for record in &mut records {
            lives.update(record);
        }
        records.retain(wanted);
    } else {
        for record in store.records()? {
            if records.len() == most {
                break;
            }
            let mut record = record?;
            lives.update(&mut record);
            if wanted(&record) {
                records.push(record);
            }
        }
    }
    let mut all: Vec<RunRecord> =
        lives.unrecorded(&records).filter(|record| wanted(record)).cloned().collect();
    all.append(&mut records);
    all.truncate(most);
    runs::warn_of_unreadable(ctx, &all);
    runs::output(ui, &all)
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
