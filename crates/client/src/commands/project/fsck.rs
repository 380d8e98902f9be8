//! `azml project fsck`.

use std::path::PathBuf;

use azml_core::fsck::{self, Effort, Outcome, Report};
use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use azml_core::project::Project;
use azml_core::run::RunStore;
use azml_core::snapshot::{self, Limits, TreeRequest};
use serde_json::{Map, Value, json};

use crate::context::{Context, NamedBy};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::run::live;
use crate::sync;
use crate::ui::{Numbers, Output, Ui};

/// Check everything that azml keeps of the project, and mend what can be mended
///
/// Looks at the history repository's packs and objects, its refs, the run records, the stat index and a restore that
/// was cut off. What is damaged is moved to .azuremlhistory_git/azml/damaged, never deleted; what is missing is taken
/// from the project folder or fetched from the remote. Exit code 1 if something stays that could not be mended.
///
/// Example: `azml project fsck --dry-run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say what is wrong, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask the remote for what is missing
    #[arg(long)]
    offline: bool,
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Checks and mends.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let start = args.path.as_ref().map_or_else(|| ctx.env.cwd.clone(), |path| ctx.env.cwd.join(path));
    // Not by way of `Context::open`, which would stop at the first damage.
    let project = match &args.path {
        Some(_) => Project::open(&start)?,
        None => Project::find(&start)?,
    };
    let mend = !args.dry_run;
    let (history, mut first) = match fsck::open(project.root(), *project.id(), mend) {
        Err(fsck::Error::History(history::Error::NotFound { .. })) if mend => {
            let opened = open_and_recover(ctx, args.path.as_deref())?;
            (opened.history, Report::default())
        }
        opened => opened?,
    };
    let progress = ctx.notices.progress("Checking");
    let by = ctx.signature(project.root());
    let effort = if mend { Effort::Mend } else { Effort::Look };
    let (mut history, mut report) = fsck::check(&history, effort, &by)?;
    if mend && !report.missing.is_empty() {
        progress.say("storing the folder's files again");
        from_folder(ctx, &history);
        (history, report) = again(&history, report, Effort::Mend, &by)?;
    }
    if mend && !args.offline && !report.missing.is_empty() && history.remote_url()?.is_some() {
        progress.say("fetching what is missing");
        if let Err(error) = from_remote(ctx, &project, &history, args.vststoken.as_deref()) {
            ctx.notices
                .warning(&format!("what is missing could not be fetched: {}", error.chain().join(": ")));
        } else {
            (history, report) = again(&history, report, Effort::LastResort, &by)?;
        }
    }
    if mend && !report.missing.is_empty() && history.remote_url()?.is_none() {
        (history, report) = again(&history, report, Effort::LastResort, &by)?;
    }
    drop(progress);
    first.problems.append(&mut report.problems);
    report.problems = first.problems;
    live_records(ctx, &history, mend, &mut report)?;
    finish(ui, ctx, &report, mend)
}

/// Checks once more; what was mended before is still told.
fn again(
    history: &HistoryRepo,
    before: Report,
    effort: Effort,
    by: &gix::actor::Signature,
) -> Result<(HistoryRepo, Report), CommandError> {
    let was_missing = before.missing.len();
    let (history, mut report) = fsck::check(history, effort, by)?;
    let mut problems: Vec<_> =
        before.problems.into_iter().filter(|problem| matches!(problem.outcome, Outcome::Mended(_))).collect();
    let brought = was_missing.saturating_sub(report.missing.len());
    if brought > 0 {
        problems.push(fsck::Problem {
            subject: format!("{brought} objects"),
            trouble: "missing".to_owned(),
            outcome: Outcome::Mended("stored again".to_owned()),
        });
    }
    problems.append(&mut report.problems);
    report.problems = problems;
    tracing::info!(brought, "checked again");
    Ok((history, report))
}

/// Stores every file of the folder: what the newest snapshot lacks is most likely still there.
fn from_folder(ctx: &Context, history: &HistoryRepo) {
    let request = TreeRequest { home: ctx.env.home().map(std::path::Path::to_owned), limits: Limits::NONE };
    if let Err(error) = snapshot::tree(history, &request, &snapshot::Silent) {
        tracing::warn!(%error, "the folder's files can't be stored again");
    }
}

fn from_remote(
    ctx: &Context,
    project: &Project,
    history: &HistoryRepo,
    token: Option<&str>,
) -> Result<(), CommandError> {
    let Some(url) = history.remote_url()? else { return Ok(()) };
    let remote = ctx.remote_at(url, NamedBy::Folder(project.root()), token)?;
    let by = ctx.signature(project.root());
    // Beside it: what this repository says that it has would not be sent.
    let scratch = history.workspace()?;
    let whole = HistoryRepo::init(scratch.path(), *history.id())?;
    sync::fetch_everything(&whole, &remote, sync::Context::quiet(&by))?;
    Ok(fsck::take_objects(history, &whole)?)
}

/// Records of runs in progress that can't be read: the history's own take their place.
fn live_records(
    ctx: &Context,
    history: &HistoryRepo,
    mend: bool,
    report: &mut Report,
) -> Result<(), CommandError> {
    let dir = live::runs_dir(&ctx.env.state_dir_for(history.root()), history.id());
    for file in live::damaged(&dir).map_err(|error| CommandError::file("look at", &dir, error))? {
        let outcome = if mend {
            let aside = file.with_extension("json.damaged");
            std::fs::rename(&file, &aside).map_err(|error| CommandError::file("move away", &file, error))?;
            let folder = file.parent().unwrap_or(&dir);
            let run = folder.file_name().and_then(|name| RunId::parse(name.to_str()?).ok());
            let known = run.and_then(|run| RunStore::new(history).get(&run).ok().flatten());
            let moved = format!("moved to {}", aside.display());
            match known {
                Some(record) => {
                    live::write_record(folder, &record)
                        .map_err(|error| CommandError::file("write", &file, error))?;
                    Outcome::Mended(format!("{moved}, and written anew from the history"))
                }
                None => Outcome::Mended(format!("{moved}; the history has no record of that run")),
            }
        } else {
            Outcome::Found
        };
        let subject = file.display().to_string();
        report.problems.push(fsck::Problem { subject, trouble: "is no run record".to_owned(), outcome });
    }
    Ok(())
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
        "Checked {} packs, {} objects, {} snapshots and {} run records: {}",
        report.packs,
        report.objects,
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
        "snapshots": report.snapshots,
        "runs": report.runs,
        "missing": report.missing.len(),
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
