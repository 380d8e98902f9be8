//! Committing a run's attachments, so that they are pushed with its history.
//!
//! Attachments travel in Git, a commit a run, up to a limit for each run: logs first, then the smallest files. What is
//! over the limit, or holds a secret, stays in the run's folder on its own computer, and the record names it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use azml_core::checkout::path::check_name;
use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::{self, RunRecord};
use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::attachments::{Attachments, is_log};
use super::secrets::{Fate, LeftOut, Secrets};
use crate::context::{Context, Opened};
use crate::env::host_name;
use crate::error::CommandError;

/// Commits those of the attachments that are to travel, and says so in the record.
pub fn commit(
    ctx: &Context,
    opened: &Opened,
    attachments: &Attachments,
    record: &mut RunRecord,
    limit: u64,
    secrets: &Secrets,
) -> Result<(), CommandError> {
    if let Some(written) = write(opened, attachments, record, limit, secrets)? {
        commit_all(ctx, opened, [(record, written)])?;
    }
    Ok(())
}

/// The attachments of a run that are to travel, as objects, and those that are not.
pub struct Written {
    /// Their tree.
    pub tree: ObjectId,
    /// The paths of those that do not travel.
    pub left: Vec<String>,
}

/// Commits what was written of the attachments of several runs, a commit a run, and says so in the records.
pub fn commit_all<'r>(
    ctx: &Context,
    opened: &Opened,
    written: impl IntoIterator<Item = (&'r mut RunRecord, Written)>,
) -> Result<(), CommandError> {
    let by = ctx.signature(opened.project.root());
    let (records, written): (Vec<_>, Vec<_>) = written.into_iter().unzip();
    let trees: Vec<_> =
        records.iter().zip(&written).map(|(record, written)| (record.submitted_as(), written.tree)).collect();
    let commits = run::attach_trees(&opened.history, &trees, &by)?;
    for ((record, written), commit) in records.into_iter().zip(written).zip(commits) {
        record.set_attachments(commit, written.left);
    }
    Ok(())
}

/// Writes those of the attachments that are to travel as objects; gives none if there are no attachments.
pub fn write(
    opened: &Opened,
    attachments: &Attachments,
    record: &mut RunRecord,
    limit: u64,
    secrets: &Secrets,
) -> Result<Option<Written>, CommandError> {
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    let mut files = attachments.files().map_err(failed)?;
    files.sort_by_cached_key(|(name, size)| (Reverse(is_log(name)), *size, name.clone()));
    let (mut taken, mut left, mut sum) = (Vec::new(), Vec::new(), 0_u64);
    let mut masked = BTreeMap::new();
    let mut left_out = LeftOut { files: Vec::new(), ..LeftOut::of(record) };
    for (name, size) in files {
        let fits = sum.checked_add(size).is_some_and(|sum| sum <= limit);
        if !(fits && is_fit_for_git(&name)) {
            left.push(quoted_path(&name).into_owned());
            continue;
        }
        // One that went or became a link meanwhile is none.
        let Some(mut file) = attachments.open(&name).map_err(failed)? else { continue };
        match secrets.inspect(&name, &mut file).map_err(failed)? {
            Fate::AsItIs => {}
            Fate::Masked(copy, found) => {
                masked.insert(name.clone(), copy);
                left_out.files.push(found);
            }
            Fate::NotAtAll(found) => {
                left.push(found.path.clone());
                left_out.files.push(found);
                continue;
            }
        }
        sum += size;
        taken.push(name);
    }
    left.sort();
    left_out.put(record);
    if taken.is_empty() && left.is_empty() {
        return Ok(None);
    }
    let mut open = |name: &Path| match masked.remove(name) {
        Some(copy) => Ok(copy),
        None => attachments.open(name)?.ok_or_else(|| io::ErrorKind::NotFound.into()),
    };
    let tree = run::attachments_tree(&opened.history, &record.submitted_as(), &taken, &mut open)?;
    Ok(Some(Written { tree, left }))
}

/// Returns whether every part of the path may stand in a tree.
fn is_fit_for_git(name: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    name.iter().all(|part| check_name(part.as_bytes().as_bstr(), false).is_ok())
}

/// Why an attachment is neither here nor at the remote, in words for its user.
pub fn why_missing(record: &RunRecord, path: &Path) -> Option<String> {
    let host = record.host.clone().unwrap_or_else(|| "the computer of the run".to_owned());
    if let Some(rule) = LeftOut::of(record).why_not_pushed(path) {
        return Some(format!("it looks like a secret ({rule}), and stayed on {host}"));
    }
    if record.attachments_left().into_iter().any(|left| unquoted_path(left) == path) {
        return Some(format!("it was over the limit of what is pushed, and stayed on {host}"));
    }
    if !record.status.is_over() && record.host.as_deref() != Some(&host_name()) {
        return Some(format!("the run goes on on {host}; what it leaves comes with its end"));
    }
    None
}
