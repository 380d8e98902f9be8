//! `azml history info`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use azml_core::quote::quoted_path;
use azml_core::run::RunRecord;
use serde_json::Value;

use super::listing;
use crate::commands::args::{LinkedProjectArgs, RunArg};
use crate::commands::experiment::logs;
use crate::context::{Context, Opened};
use crate::engine::Handle;
use crate::error::{CommandError, similar};
use crate::ops::sweep::{self, Definition};
use crate::ops::{fetch, remote, runs};
use crate::run::attachments::{Attachments, DRIVER_LOG};
use crate::run::{keeping, upload};
use crate::text::shell_word;
use crate::ui::{Output, OutputFormat, Ui};

/// Show a run, or one of its attachments
///
/// The attachments are the files that the run left in `outputs/` and `logs/`, the files that it uploaded, and its logs.
/// If the run was made on another computer, azml fetches the attachments of this run only. `kept_files` counts the
/// other files that its script wrote: see `azml run files`.
///
/// Example: `azml history info -r RUN --follow`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// Print this attachment's content as it is; PATH is the name of the file on disk, or the name in the list of
    /// attachments
    #[arg(long, short, value_name = "PATH", alias = "artifacts")]
    artifact: Option<OsString>,
    /// Print new lines until the run ends; of driver_log.txt, if no attachment is named
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Shows the record or the attachment.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let log = args.follow.then_some(OsStr::new(DRIVER_LOG));
    let Some(path) = args.artifact.as_deref().or(log) else { return show(ui, ctx, &opened, &args.run.run) };
    let record = args.run.resolve(ctx, &opened)?;
    if args.follow && args.artifact.is_none() && Handle::is_in(&record) && !record.status.is_over() {
        return logs::follow(ui, ctx, &opened, &record);
    }
    if args.follow && runs::is_in_progress(ctx, &opened, &record)? {
        if logs::follow_here(ui, ctx, &opened, &record, path)? {
            return Ok(Output::Nothing);
        }
        return print(ui, ctx, &opened, &record, path, None);
    }
    print(ui, ctx, &opened, &record, path, args.project.token())
}

fn show(ui: &Ui, ctx: &Context, opened: &Opened, run: &str) -> Result<Output, CommandError> {
    let known = runs::resolve(ctx, opened, run)?;
    if Definition::is_in(&known) {
        sweep::look(ctx, opened, &known)?;
    }
    remote::look_at(ctx, opened, &known)?;
    let mut record = runs::resolve_current(ctx, opened, run)?;
    keeping::refresh(ctx, opened, &mut record);
    let fields = Value::Object(runs::fields(&record));
    if !Definition::is_in(&record) {
        return Ok(Output::Value(fields));
    }
    with_members(ui, fields, &sweep::members(opened, &record)?)
}

fn print(
    ui: &Ui,
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    given: &OsStr,
    token: Option<&str>,
) -> Result<Output, CommandError> {
    let name = quoted_path(Path::new(given));
    let missing = || CommandError::not_found(format!("run {} has no attachment `{name}`", record.run_id));
    // What can't be there is not asked for over the network.
    let here = Attachments::of_record(&opened.history, record);
    let path = here.path_of(given);
    let is_here = here.open(&path).is_ok_and(|found| found.is_some());
    let is_large = record.large_attachments().contains_key(&path);
    if let Some(why) = upload::why_missing(record, &path).filter(|_| !is_here && !is_large) {
        return Err(missing().hint(why));
    }
    let attachments = fetch::attachments(ctx, opened, record, token)?;
    fetch::large_attachments(ctx, opened, record, &attachments, token, |large| large == path)?;
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    if let Some(mut file) = attachments.open(&attachments.path_of(given)).map_err(failed)? {
        ui.copy_out(&mut file)?;
        return Ok(Output::Nothing);
    }
    let here = attachments.list().map_err(failed)?;
    Err(if here.is_empty() && !record.attachments.is_empty() {
        missing().hint("this run's attachments were not pushed: they are on the computer where it was made")
    } else if let [best, ..] = similar(&name, here.iter().map(String::as_str))[..] {
        let word = shell_word(best);
        missing().hint(format!("did you mean `{best}`? {{azml}} history info -r {} -a {word}", record.run_id))
    } else {
        missing().hint(format!("it has: {}", here.join(", ")))
    })
}

/// The record of a sweep with its runs: as a table, the runs stand below it.
fn with_members(ui: &Ui, record: Value, members: &[RunRecord]) -> Result<Output, CommandError> {
    if ui.plain_format() == Some(OutputFormat::Table) {
        ui.result(Output::Value(record))?;
        ui.write_out(b"\n")?;
        return Ok(Output::Table(listing::table_of(members)));
    }
    let mut record = record;
    record["children"] = members.iter().map(|member| Value::Object(runs::fields(member))).collect();
    Ok(Output::Value(record))
}
