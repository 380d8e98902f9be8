//! Describing a project: where it is, what it is linked to, what it holds. Needs no network.

use std::collections::HashSet;

use azml_core::history::{DiskUse, HistoryRepo};
use azml_core::large::Pointer;
use azml_core::restore;
use azml_core::run::RunStore;
use azml_core::user_repo::{Base, UserRepo};
use gix::ObjectId;
use gix::bstr::BString;

use super::runs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::keeping::{self, Totals};

/// The state of a project.
pub struct Description {
    /// The commit and the branch that the user's own repository is at.
    pub head: Option<Base>,
    /// The remote, without a password.
    pub remote: Option<String>,
    /// The newest snapshot.
    pub newest: Option<ObjectId>,
    /// The number of snapshots on this computer.
    pub snapshots: usize,
    /// The number of runs.
    pub runs: u64,
    /// The ids of the runs in progress on this computer.
    pub running: Vec<String>,
    /// The refs that the remote lacks or has older.
    pub unpushed: Vec<String>,
    /// The large files on this computer.
    pub large: Vec<Pointer>,
    /// Those of them that the remote lacks.
    pub large_unpushed: Vec<Pointer>,
    /// The number of backups that restores made.
    pub backups: usize,
    /// The paths that snapshots leave out until the user decides.
    pub held_back: Vec<BString>,
    /// The files that runs wrote beside their outputs.
    pub kept: Totals,
    /// The disk use of the history.
    pub disk: DiskUse,
}

/// Describes a project.
pub fn describe(ctx: &Context, opened: &Opened) -> Result<Description, CommandError> {
    let Opened { project, history } = opened;
    let user = UserRepo::open(project.root())?;
    let remote = history.remote_url()?.map(|url| url.without_secret().to_string());
    let newest = history.tip()?;
    let unpushed = if remote.is_some() { history.unpushed()? } else { Vec::new() };
    let running = runs::unclosed(ctx, opened)?;
    Ok(Description {
        head: user.as_ref().map(UserRepo::head).transpose()?.flatten(),
        remote,
        newest,
        snapshots: newest.map_or(Ok(0), |newest| count(history, newest))?,
        runs: RunStore::new(history).count()?,
        running: running.iter().map(|run| run.record.run_id.to_string()).collect(),
        unpushed: unpushed.iter().map(|unpushed| unpushed.name.to_string()).collect(),
        large: here(history)?,
        large_unpushed: if history.remote_url()?.is_some() { history.large_unpushed()? } else { Vec::new() },
        backups: restore::backups(history)?.len(),
        held_back: history.held_back()?.lines().into_iter().collect(),
        kept: keeping::totals(ctx, project.root(), project.id())?,
        disk: history.disk_use()?,
    })
}

/// The large files on this computer.
fn here(history: &HistoryRepo) -> Result<Vec<Pointer>, CommandError> {
    let store = history.large_files();
    store.all().map_err(|error| CommandError::file("list", store.folder(), error))
}

/// Counts the snapshots on this computer: all commits of the history branch that are not joins.
fn count(history: &HistoryRepo, newest: ObjectId) -> Result<usize, CommandError> {
    let mut seen = HashSet::from([newest]);
    let mut next = vec![newest];
    let mut count = 0;
    while let Some(id) = next.pop() {
        // A cloned project has the newest snapshots only.
        let Some(object) = history.git().try_find_object(id).map_err(CommandError::failed)? else { continue };
        let commit = object.try_into_commit().map_err(CommandError::failed)?;
        let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
        count += usize::from(parents.len() < 2);
        next.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    Ok(count)
}
