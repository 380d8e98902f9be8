//! Opening a project, and repairing what a killed azml left in it.
//!
//! Every command that works in a project begins with [`open_and_recover`]. Its steps may write, also for a command that only
//! reads: a project without a run history gets one, an interrupted restore is finished, and runs whose azml died are recorded
//! as `NotResponding`.

use std::path::Path;

use azml_core::history::{self, HistoryRepo};
use azml_core::project::Project;
use azml_core::restore::{self, Recovered};
use azml_core::user_repo::UserRepo;

use super::faults::Faults;
use crate::context::{Context, Opened};
use crate::env::{AZML_STATE_DIR, Unusable};
use crate::error::CommandError;
use crate::run::recovery;

/// Opens the project at `path`, else the one that the current folder is in.
pub fn open_and_recover(ctx: &Context, path: Option<&Path>) -> Result<Opened, CommandError> {
    let project = find_project(ctx, path)?;
    check_state_dir(ctx, &project)?;
    let history = match HistoryRepo::open(project.root(), *project.id()) {
        Err(history::Error::NotFound { .. }) => create_history(ctx, &project)?,
        opened => opened?,
    };
    let mut opened = Opened { project, history };
    opened.history.set_large_from(ctx.settings.large_file());
    finish_restore(ctx, &opened)?;
    recovery::dead_runs(ctx, &opened)?;
    Ok(opened)
}

/// Finds the project at `path`, else the one that the current folder is in. Reads its files alone.
pub fn find_project(ctx: &Context, path: Option<&Path>) -> Result<Project, CommandError> {
    Ok(match path {
        Some(path) => Project::open(&ctx.env.cwd.join(path))?,
        None => Project::find(&ctx.env.cwd)?,
    })
}

/// Refuses a state folder in the project: every run's folder would be part of the next run.
fn check_state_dir(ctx: &Context, project: &Project) -> Result<(), CommandError> {
    match ctx.env.unusable_state_dir(project.root()) {
        Some((place, Unusable::InProject)) if place.variable == AZML_STATE_DIR => {
            Err(CommandError::usage(format!(
                "{AZML_STATE_DIR} ({}) is in the project folder: every run's folder would be part of the next run",
                place.dir.display()
            ))
            .hint(format!(
                "unset {AZML_STATE_DIR}, or set it to a folder outside {}",
                project.root().display()
            )))
        }
        _ => Ok(()),
    }
}

/// Creates the history of a project that came here by a plain `git clone`; its remote is then the project's.
fn create_history(ctx: &Context, project: &Project) -> Result<HistoryRepo, CommandError> {
    let root = project.root();
    let history = HistoryRepo::init(root, *project.id())?;
    let user = UserRepo::open(root)?;
    // A larger repository's remote need not be the project's.
    let is_around = user.as_ref().is_some_and(UserRepo::is_around);
    match user.and_then(|user| user.remote_url()) {
        Some(url) if is_around => {
            ctx.notices.status(&format!("Made a run history in {}", root.display()));
            ctx.notices.hint(&format!(
                "if its run history is at the repository's remote: {{azml}} project update -r {}",
                url.without_secret()
            ));
        }
        Some(url) => {
            history.set_remote(&url)?;
            ctx.notices.status(&format!("Made a run history in {}, with the remote {url}", root.display()));
            ctx.notices.hint("{azml} history sync");
        }
        None => ctx.notices.status(&format!("Made a run history in {}", root.display())),
    }
    Ok(history)
}

/// Finishes a restore that was cut off, or rolls it back.
fn finish_restore(ctx: &Context, opened: &Opened) -> Result<(), CommandError> {
    match restore::recover(&opened.history, &Faults::of(&ctx.env))? {
        Recovered::Nothing => {}
        Recovered::Finished(_) => {
            ctx.notices.warning("a restore was cut off; it has been finished now");
            ctx.notices.hint("to go back: {azml} project restore --undo");
        }
        Recovered::RolledBack { .. } => ctx
            .notices
            .warning("a restore was cut off and could not be finished; the folder is as it was before it"),
    }
    Ok(())
}
