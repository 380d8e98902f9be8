//! What of a run's attachments goes with its history to the remote, and bringing it back from there.
//!
//! Attachments travel in Git, a commit a run, up to a limit for each run: logs first, then the smallest files. What is
//! over the limit stays in the run's folder on its own computer, and the record names it.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::time::SystemTime;

use azml_core::checkout::path::check_name;
use azml_core::history::HistoryRepo;
use azml_core::run::{self, RunRecord};
use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::attachments::{Attachments, is_log};
use crate::context::{Context, Opened, host_name};
use crate::env::AZML_ATTACHMENTS_LIMIT;
use crate::error::CommandError;
use crate::sync;

/// How many bytes of one run's attachments are pushed, unless something else is asked for.
pub const LIMIT: u64 = 50_000_000;
/// Of how many runs of other computers the attachments are kept here.
const KEPT: usize = 20;

/// How much of a run's attachments is pushed: as the option says, else the environment, else [`LIMIT`].
pub fn limit(ctx: &Context, option: Option<u64>) -> Result<u64, CommandError> {
    let Some(text) = ctx.env.text(AZML_ATTACHMENTS_LIMIT) else { return Ok(option.unwrap_or(LIMIT)) };
    match (option, parse_size(text)) {
        (Some(limit), _) | (None, Ok(limit)) => Ok(limit),
        (None, Err(why)) => Err(CommandError::usage(format!("{AZML_ATTACHMENTS_LIMIT}: {why}"))
            .hint(format!("for example: {AZML_ATTACHMENTS_LIMIT}=200MB"))),
    }
}

/// A size as people write it: `50MB`, `1.5 GB`, `800000`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        _ => return Err(format!("`{text}` is not a size")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits have no sign, and `as` saturates"
    )]
    Ok((number * factor).round() as u64)
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
            left.push(name.to_string_lossy().into_owned());
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
fn is_fit_for_git(name: &std::path::Path) -> bool {
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
        let context = sync::Context { by: &by, observer: &watch };
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
pub fn why_missing(record: &RunRecord, path: &str) -> Option<String> {
    let host = record.host.clone().unwrap_or_else(|| "the computer of the run".to_owned());
    if record.attachments_left().contains(&path) {
        return Some(format!("it was over the limit of what is pushed, and stayed on {host}"));
    }
    if !record.status.is_over() && record.host.as_deref() != Some(&host_name()) {
        return Some(format!("the run goes on on {host}; what it leaves comes with its end"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("0", Ok(0)),
            ("800000", Ok(800_000)),
            ("50MB", Ok(50_000_000)),
            (" 1.5 gb ", Ok(1_500_000_000)),
            ("2k", Ok(2_000)),
            ("12 bytes", Ok(12)),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_size(text), expect, "{text}");
        }
        for text in ["", "MB", "-1", "1XB", "1.2.3", "many"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
