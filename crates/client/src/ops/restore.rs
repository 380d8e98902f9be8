//! Making the project folder equal to the snapshot of a run, and going back.

use azml_core::restore::{self, Backup, Done, Plan};
use azml_core::run::RunRecord;
use gix::ObjectId;

use super::faults::Faults;
use super::fetch::tree_here;
use super::{push, runs};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::sync;

/// The snapshot of a run, on this computer.
pub struct Snapshot {
    /// The run.
    pub record: RunRecord,
    /// The snapshot's commit.
    pub commit: ObjectId,
    /// Its files.
    pub tree: ObjectId,
}

/// Finds a run and its snapshot; what is not on this computer is fetched from the remote.
pub fn find_snapshot(
    ctx: &Context,
    opened: &Opened,
    run: &str,
    token: Option<&str>,
) -> Result<Snapshot, CommandError> {
    let record = find_run(ctx, opened, run, token)?;
    let commit = record.commit_id().ok_or_else(|| {
        CommandError::not_found(format!("run {} has no snapshot", record.run_id)).hint("{azml} history list")
    })?;
    let tree = snapshot_tree(ctx, opened, commit, token)?;
    Ok(Snapshot { record, commit, tree })
}

/// Plans what restoring a tree would change.
pub fn plan(opened: &Opened, tree: ObjectId) -> Result<Plan, CommandError> {
    Ok(restore::plan(&opened.history, tree)?)
}

/// Plans what going back to the newest backup would change.
pub fn plan_undo(opened: &Opened) -> Result<(Backup, Plan), CommandError> {
    Ok(restore::plan_undo(&opened.history)?)
}

/// Carries out a plan that was shown. With `force` it also replaces ignored files that are in the way.
pub fn carry_out(ctx: &Context, opened: &Opened, plan: &Plan, force: bool) -> Result<Done, CommandError> {
    Ok(restore::execute(&opened.history, plan, &context(ctx, opened, force), &Faults::of(&ctx.env))?)
}

/// Plans and carries out.
pub fn restore(
    ctx: &Context,
    opened: &Opened,
    tree: ObjectId,
    force: bool,
) -> Result<(Plan, Done), CommandError> {
    Ok(restore::restore(&opened.history, tree, &context(ctx, opened, force), &Faults::of(&ctx.env))?)
}

/// Goes back to what the last restore overwrote.
pub fn undo(ctx: &Context, opened: &Opened, force: bool) -> Result<(Backup, Plan, Done), CommandError> {
    Ok(restore::go_back(&opened.history, &context(ctx, opened, force), &Faults::of(&ctx.env))?)
}

/// Counts the files that a restore changed.
pub fn counted(done: &Done) -> String {
    format!("{} added, {} changed, {} removed", done.added, done.changed, done.removed)
}

pub(super) fn context(ctx: &Context, opened: &Opened, force: bool) -> restore::Context {
    restore::Context { by: ctx.signature(opened.project.root()), force }
}

/// The run's record; if it is not known here and there is a remote, that is asked for news.
fn find_run(
    ctx: &Context,
    opened: &Opened,
    run_id: &str,
    token: Option<&str>,
) -> Result<RunRecord, CommandError> {
    let unknown = match runs::resolve(ctx, opened, run_id) {
        Err(error @ runs::Error::Unknown { .. }) => error.into(),
        found => return Ok(found?),
    };
    let Some(remote) = ctx.remote(opened, token)? else { return Err(unknown) };
    let pulled = sync::with_progress(ctx, opened.project.root(), "Asking the remote for news", |context| {
        sync::pull(&opened.history, &remote, context)
    });
    match pulled {
        Ok(_) => {
            push::push_unpushed(ctx, opened, &remote);
            Ok(runs::resolve(ctx, opened, run_id)?)
        }
        Err(error) => {
            ctx.notices.warning(&format!("the remote could not be asked for news: {error}"));
            Err(unknown)
        }
    }
}

/// The tree of a snapshot, which is fetched if it is not here.
fn snapshot_tree(
    ctx: &Context,
    opened: &Opened,
    commit: ObjectId,
    token: Option<&str>,
) -> Result<ObjectId, CommandError> {
    if let Some(tree) = tree_here(opened, commit)? {
        return Ok(tree);
    }
    let missing = || CommandError::from(sync::SyncError::NoSnapshot { commit });
    let remote = ctx.remote(opened, token)?.ok_or_else(missing)?;
    sync::with_progress(ctx, opened.project.root(), "Fetching the snapshot", |context| {
        sync::fetch_snapshot(&opened.history, &remote, commit, context)
    })?;
    push::push_unpushed(ctx, opened, &remote);
    tree_here(opened, commit)?.ok_or_else(missing)
}
