//! Dropping the bytes of large files that the remote has and the newest snapshots don't need.
//!
//! An object goes from this computer only after the remote has confirmed in this very moment that it can give it out. One
//! that the remote should have and lacks is to be pushed again.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use azml_core::fsck;
use azml_core::large::{Oid, Pointer};
use azml_core::run::{RunRecord, RunStore};
use azml_core::{restore, revision};

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::attachments::{self, Attachments};
use crate::sync::{self, SyncError};

/// The large files of this computer, by what becomes of them.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Those that the remote has, which are dropped.
    pub dropped: Vec<Pointer>,
    /// The bytes that this freed, or would free.
    pub freed: u64,
    /// Those that the newest snapshots, their runs or an undo need.
    pub needed: Vec<Pointer>,
    /// Those that the remote is not known to have.
    pub unpushed: Vec<Pointer>,
    /// Those that the remote should have, and did not confirm.
    pub not_confirmed: Vec<Pointer>,
}

/// Drops what the newest `keep` snapshots don't need; `dry_run`, only says what it would drop.
pub fn prune(
    ctx: &Context,
    opened: &Opened,
    keep: usize,
    dry_run: bool,
    token: Option<&str>,
) -> Result<Pruned, CommandError> {
    let history = &opened.history;
    let remote = ctx.remote(opened, token)?.ok_or(SyncError::NotLinked)?;
    let store = history.large_files();
    let here = store.all().map_err(|error| CommandError::file("list", store.folder(), error))?;
    let records: Vec<RunRecord> = RunStore::new(history).all()?;
    let needed = needed(opened, keep, &records)?;
    let unpushed: HashSet<Oid> = history.large_unpushed()?.into_iter().map(|pointer| pointer.oid).collect();
    let mut pruned = Pruned::default();
    let mut asked = Vec::new();
    for pointer in here {
        let list = match (unpushed.contains(&pointer.oid), needed.contains(&pointer.oid)) {
            (true, _) => &mut pruned.unpushed,
            (false, true) => &mut pruned.needed,
            (false, false) => &mut asked,
        };
        list.push(pointer);
    }
    let confirmed = sync::with_progress(ctx, opened.project.root(), "Asking the remote", |_| {
        sync::large::confirmed(history, &remote, &asked)
    })?;
    let confirmed: HashSet<Oid> = confirmed.into_iter().map(|pointer| pointer.oid).collect();
    let (confirmed, not_confirmed): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|pointer| confirmed.contains(&pointer.oid));
    pruned.not_confirmed = not_confirmed;
    if dry_run {
        pruned.freed = confirmed.iter().map(|pointer| pointer.size).sum();
        pruned.dropped = confirmed;
        return Ok(pruned);
    }
    // What a snapshot needs and the remote has lost is on this computer alone.
    let of_snapshots: HashSet<Oid> = fsck::large_files(history).iter().map(|pointer| pointer.oid).collect();
    let lost: Vec<Pointer> =
        pruned.not_confirmed.iter().filter(|pointer| of_snapshots.contains(&pointer.oid)).copied().collect();
    history.add_large_unpushed(&lost)?;
    let names = names_of_outputs(opened, &records);
    for pointer in confirmed {
        let failed = |path: PathBuf| move |error| CommandError::file("remove", &path, error);
        // The object last: while it is there, what was removed comes back from it.
        for path in names.get(&pointer.oid).into_iter().flatten() {
            if store.is_same_file(&pointer, path) {
                std::fs::remove_file(path).map_err(failed(path.clone()))?;
            }
        }
        pruned.freed += store.remove(&pointer).map_err(failed(store.path(&pointer.oid)))?;
        pruned.dropped.push(pointer);
    }
    Ok(pruned)
}

/// The large files of the newest snapshots, of what their runs left, and of what an undo needs.
fn needed(opened: &Opened, keep: usize, records: &[RunRecord]) -> Result<HashSet<Oid>, CommandError> {
    let history = &opened.history;
    let snapshots = revision::log(history)?.into_iter().filter(|commit| !commit.is_join()).take(keep);
    let snapshots: HashSet<_> = snapshots.map(|commit| commit.id).collect();
    let is_kept = |record: &&RunRecord| {
        !record.status.is_over() || record.commit_id().is_some_and(|commit| snapshots.contains(&commit))
    };
    let mut needed: HashSet<Oid> = HashSet::new();
    let mut commits: Vec<_> = restore::backups(history)?.into_iter().map(|backup| backup.commit).collect();
    for record in records.iter().filter(is_kept) {
        needed.extend(record.large_attachments().values().map(|pointer| pointer.oid));
        commits.extend(record.commit_id());
    }
    commits.extend(snapshots);
    needed.extend(fsck::large_files_of(history, commits).into_keys());
    Ok(needed)
}

/// The places in which runs have large outputs, by their ids.
fn names_of_outputs(opened: &Opened, records: &[RunRecord]) -> BTreeMap<Oid, Vec<PathBuf>> {
    let mut names: BTreeMap<Oid, Vec<PathBuf>> = BTreeMap::new();
    for record in records {
        let own = Attachments::of(&opened.history, &record.submitted_as()).folder().to_owned();
        let fetched = record.attachments_id().map(|id| attachments::fetched_folder(&opened.history, id));
        for (path, pointer) in record.large_attachments() {
            let places = [Some(&own), fetched.as_ref()].into_iter().flatten();
            names.entry(pointer.oid).or_default().extend(places.map(|folder| folder.join(&path)));
        }
    }
    names
}
