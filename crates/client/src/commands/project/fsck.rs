//! `azml project fsck`.

use azml_core::fsck::{Outcome, Report};
use serde_json::{Map, Value, json};

use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::fsck::{Options, check};
use crate::ui::{Numbers, Output, Ui};

/// Check everything that azml keeps of the project, and mend what can be mended
///
/// Looks at the history repository's packs and objects, its refs, the run records, the stat index and a restore that
/// was cut off. What is damaged is moved to .azuremlhistory_git/azml/damaged, never deleted; what is missing is taken
/// from the project folder or fetched from the remote. Exits with 1 if something could not be mended.
///
/// Example: `azml project fsck --dry-run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Report damage, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask the remote for what is missing
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Checks and mends.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let options = Options { mend: !args.dry_run, offline: args.offline, token: args.project.token() };
    let report = check(ctx, args.project.path(), &options)?;
    finish(ui, ctx, &report, options.mend)
}

fn finish(ui: &Ui, ctx: &Context, report: &Report, mend: bool) -> Result<Output, CommandError> {
    let mut rows = Vec::new();
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| {
            let (outcome, how) = match &problem.outcome {
                Outcome::Mended(how) => ("mended", how.replace("{azml}", ctx.invoked.prefix())),
                Outcome::Found => ("found", String::new()),
                Outcome::Left(how) => ("left", how.replace("{azml}", ctx.invoked.prefix())),
            };
            let mut row = Map::new();
            row.insert("What".to_owned(), problem.subject.clone().into());
            row.insert("Trouble".to_owned(), problem.trouble.clone().into());
            row.insert("Outcome".to_owned(), outcome.into());
            row.insert("How".to_owned(), how.clone().into());
            rows.push(row);
            json!({"what": problem.subject, "trouble": problem.trouble, "outcome": outcome, "how": how})
        })
        .collect();
    ctx.notices.status(&format!(
        "Checked {} packs, {} objects, {} large files, {} snapshots and {} run records: {}",
        report.packs,
        report.objects,
        report.large,
        report.snapshots,
        report.runs,
        match problems.len() {
            0 => "all is well".to_owned(),
            1 => "one problem".to_owned(),
            count => format!("{count} problems"),
        }
    ));
    let value = json!({
        "packs": report.packs,
        "objects": report.objects,
        "large_files": report.large,
        "large_files_elsewhere": report.large_elsewhere,
        "snapshots": report.snapshots,
        "runs": report.runs,
        "missing": report.missing.len() + report.large_missing.len(),
        "sound": report.is_sound(),
        "problems": problems,
    });
    ui.result(Output::WithTable { value, rows, numbers: Numbers::AsText })?;
    if report.is_sound() {
        return Ok(Output::Nothing);
    }
    let error = CommandError::failed("the project's history is damaged");
    Err(if mend {
        error.hint(
        "what is missing may be on another computer: run {azml} history sync there, then {azml} project fsck here",
    )
    } else {
        error.hint("to mend what can be mended: {azml} project fsck")
    })
}
