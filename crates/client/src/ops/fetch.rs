//! Fetching what is not on this computer: snapshots, and what the runs of other computers left.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use azml_core::history::HistoryRepo;
use azml_core::large::{Pointer, Tree};
use azml_core::run::RunRecord;
use gix::ObjectId;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::attachments::{self, Attachments};
use crate::run::upload;
use crate::sync;

/// The number of other computers' runs whose attachments are kept here.
const KEPT: usize = 20;

/// The tree of a snapshot, if it is on this computer.
pub fn tree_here(opened: &Opened, commit: ObjectId) -> Result<Option<Tree>, CommandError> {
    let git = opened.history.git();
    if git.try_find_header(commit).map_err(CommandError::failed)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Tree::of_commit(git, commit).map_err(CommandError::failed)?))
}

/// Fetches those of the snapshots that are not here.
pub fn fetch_snapshots(
    ctx: &Context,
    opened: &Opened,
    commits: &[ObjectId],
    token: Option<&str>,
) -> Result<(), CommandError> {
    let missing: Vec<&ObjectId> = commits.iter().filter(|id| !opened.history.git().has_object(*id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let remote = ctx.remote(opened, token)?.ok_or(sync::SyncError::NotLinked)?;
    sync::with_progress(ctx, opened.project.root(), "Fetching", |context| {
        for commit in missing {
            sync::fetch_snapshot(&opened.history, &remote, *commit, context)?;
        }
        Ok(())
    })
}

/// The attachments of a recorded run, fetched if they are not here; large files are left to [`large_attachments`].
pub fn attachments(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    token: Option<&str>,
) -> Result<Attachments, CommandError> {
    let here = Attachments::of_record(&opened.history, record);
    let Some(commit) = record.attachments_id().filter(|_| !here.folder().is_dir()) else { return Ok(here) };
    let folder = attachments::fetched_folder(&opened.history, commit);
    let remote = ctx.remote(opened, token)?;
    sync::with_progress(ctx, opened.project.root(), "Fetching", |context| {
        sync::fetch_attachments(&opened.history, remote.as_ref(), commit, &folder, context)
    })?;
    prune(&opened.history);
    Ok(Attachments::at(folder))
}

/// Brings a record's large attachments that are missing in their folder there: those whose path is `wanted`.
pub fn large_attachments(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    attachments: &Attachments,
    token: Option<&str>,
    wanted: impl Fn(&Path) -> bool,
) -> Result<(), CommandError> {
    let is_here = |path: &Path| attachments.open(path).is_ok_and(|found| found.is_some());
    let large = record.large_attachments();
    let missing = large.iter().filter(|(path, _)| wanted(path) && !is_here(path));
    let missing: Vec<Pointer> = missing.map(|(_, pointer)| *pointer).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let store = opened.history.large_files();
    let fetched = match ctx.remote(opened, token)? {
        Some(remote) => sync::with_progress(ctx, opened.project.root(), "Fetching large files", |context| {
            sync::large::fetch(&opened.history, &remote, &missing, context)
        }),
        None if missing.iter().all(|pointer| store.has(pointer)) => Ok(()),
        None => Err(sync::SyncError::NotLinked),
    };
    // Those that have come are of use without the others.
    upload::share(&opened.history, attachments, record)?;
    Ok(fetched?)
}

/// Removes what was fetched longest ago: it can be fetched again.
fn prune(history: &HistoryRepo) {
    let Ok(entries) = std::fs::read_dir(history.own_folder().join("fetched")) else { return };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    found.sort_by(|one, two| two.cmp(one));
    for (_, old) in found.into_iter().skip(KEPT) {
        if let Err(error) = std::fs::remove_dir_all(&old) {
            tracing::debug!(%error, folder = %old.display(), "fetched attachments can't be removed");
        }
    }
}
