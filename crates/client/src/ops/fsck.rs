//! Checking everything that azml keeps of a project, and mending what can be mended.

use std::path::Path;

use azml_core::fsck::{self, Effort, Outcome, Report};
use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use azml_core::project::Project;
use azml_core::run::RunStore;
use azml_core::snapshot::{self, Limits, TreeRequest};

use super::open::{find_project, open_and_recover};
use crate::context::{Context, NamedBy};
use crate::error::CommandError;
use crate::run::live;
use crate::sync;

/// The extent of a check.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// Mend what can be mended.
    pub mend: bool,
    /// Do not ask the remote for what is missing.
    pub offline: bool,
    /// A token for the remote.
    pub token: Option<&'a str>,
}

/// Checks the project at `path`, else the one that the current folder is in.
pub fn check(ctx: &Context, path: Option<&Path>, options: &Options<'_>) -> Result<Report, CommandError> {
    // Opening and recovering would stop at the first damage.
    let project = find_project(ctx, path)?;
    let mend = options.mend;
    let (mut history, mut first) = match fsck::open(project.root(), *project.id(), mend) {
        Err(fsck::Error::History(history::Error::NotFound { .. })) if mend => {
            let opened = open_and_recover(ctx, path)?;
            (opened.history, Report::default())
        }
        opened => opened?,
    };
    history.set_large_from(ctx.settings.large_file());
    let progress = ctx.notices.progress("Checking");
    let by = ctx.signature(project.root());
    let effort = if mend { Effort::Mend } else { Effort::Look };
    let (mut history, mut report) = fsck::check(&history, effort, &by)?;
    if mend && (!report.missing.is_empty() || !report.large_missing.is_empty()) {
        progress.say("storing the folder's files again");
        from_folder(ctx, &history);
        (history, report) = again(&history, report, Effort::Mend, &by)?;
    }
    if mend && !options.offline && !report.missing.is_empty() && history.remote_url()?.is_some() {
        progress.say("fetching what is missing");
        if let Err(error) = from_remote(ctx, &project, &history, options.token) {
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
    Ok(report)
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
    let fetched = was_missing.saturating_sub(report.missing.len());
    if fetched > 0 {
        problems.push(fsck::Problem {
            subject: format!("{fetched} objects"),
            trouble: "missing".to_owned(),
            outcome: Outcome::Mended("stored again".to_owned()),
        });
    }
    problems.append(&mut report.problems);
    report.problems = problems;
    tracing::info!(fetched, "checked again");
    Ok((history, report))
}

/// Stores every file of the folder: what the newest snapshot lacks is most likely still there.
fn from_folder(ctx: &Context, history: &HistoryRepo) {
    let request =
        TreeRequest { home: ctx.env.home().map(Path::to_owned), limits: Limits::NONE, keeps_pointers: true };
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
