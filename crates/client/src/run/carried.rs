//! What of a run's attachments goes with its history to the remote, and bringing it back from there.
//!
//! Attachments travel in Git, a commit a run, up to a limit for each run: logs first, then the smallest files. What is
//! over the limit stays in the run's folder on its own computer, and the record names it.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use azml_core::checkout::path::check_name;
use azml_core::history::HistoryRepo;
use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::{self, RunRecord};
use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::attachments::{Attachments, is_log};
use crate::context::{Context, Opened, host_name};
use crate::error::CommandError;
use crate::settings;
use crate::sync;

/// Of how many runs of other computers the attachments are kept here.
const KEPT: usize = 20;

/// A size on the command line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    settings::size(text).ok_or_else(|| "it takes a size, for example 200MB".to_owned())
}

/// Commits those of the attachments that are to travel, and says so in the record.
pub fn carry(
    ctx: &Context,
    opened: &Opened,
    attachments: &Attachments,
    record: &mut RunRecord,
    limit: u64,
) -> Result<(), CommandError> {
    let mut files =
        attachments.files().map_err(|error| CommandError::file("read", attachments.folder(), error))?;
    files.sort_by_cached_key(|(name, size)| (Reverse(is_log(name)), *size, name.clone()));
    let (mut taken, mut left, mut sum) = (Vec::new(), Vec::new(), 0_u64);
    for (name, size) in files {
        let fits = sum.checked_add(size).is_some_and(|sum| sum <= limit);
        if fits && is_fit_for_git(&name) {
            sum += size;
            taken.push(name);
        } else {
            left.push(quoted_path(&name).into_owned());
        }
    }
    left.sort();
    if taken.is_empty() && left.is_empty() {
        return Ok(());
    }
    let by = ctx.signature(opened.project.root());
    let commit = run::attach(&opened.history, &record.submitted_as(), attachments.folder(), &taken, &by)?;
    record.set_attachments(commit, left);
    Ok(())
}

/// Whether every part of the path may stand in a tree.
fn is_fit_for_git(name: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    name.iter().all(|part| check_name(part.as_bytes().as_bstr(), false).is_ok())
}

/// A recorded run's attachments, brought from the remote if they are not here.
pub fn of_record(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    token: Option<&str>,
) -> Result<Attachments, CommandError> {
    let here = Attachments::of_record(&opened.history, record);
    let Some(commit) = record.attachments_id().filter(|_| !here.folder().is_dir()) else { return Ok(here) };
    let folder = fetched_folder(&opened.history, commit);
    let remote = ctx.remote(opened, token)?;
    let by = ctx.signature(opened.project.root());
    {
        let progress = ctx.ui.progress("Fetching");
        let watch = ctx.watch(&progress);
        let context = sync::Context::watched(&by, &watch);
        sync::fetch_attachments(&opened.history, remote.as_ref(), commit, &folder, context)?;
    }
    prune(&opened.history);
    Ok(Attachments::at(folder))
}

/// Where the attachments in `commit` are kept when they came from elsewhere.
pub fn fetched_folder(history: &HistoryRepo, commit: ObjectId) -> PathBuf {
    history.own_folder().join("fetched").join(commit.to_string())
}

/// Forgets what was fetched longest ago: it can be fetched again.
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

/// Why an attachment is neither here nor at the remote, in words for its user.
pub fn why_missing(record: &RunRecord, path: &Path) -> Option<String> {
    let host = record.host.clone().unwrap_or_else(|| "the computer of the run".to_owned());
    if record.attachments_left().into_iter().any(|left| unquoted_path(left) == path) {
        return Some(format!("it was over the limit of what is pushed, and stayed on {host}"));
    }
    if !record.status.is_over() && record.host.as_deref() != Some(&host_name()) {
        return Some(format!("the run goes on on {host}; what it leaves comes with its end"));
    }
    None
}
