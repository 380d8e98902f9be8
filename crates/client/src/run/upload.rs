//! Committing a run's attachments, so that they are pushed with its history.
//!
//! Attachments travel in Git, a commit a run, up to a limit for each run: logs first, then the smallest files. The rest are
//! large files: Git has pointers to them. What holds a secret, or is more than large files may be, stays in the run's folder
//! on its own computer, and the record names it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use azml_core::checkout::path::check_name;
use azml_core::dir::Dir;
use azml_core::history::HistoryRepo;
use azml_core::large::{MAX_POINTER_BYTES, Pointer, Store, Tree};
use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::{self, RunRecord};
use gix::bstr::ByteSlice as _;

use super::attachments::{Attachments, is_log};
use super::secrets::{Fate, LeftOut, Secrets};
use crate::context::{Context, Opened};
use crate::env::host_name;
use crate::error::CommandError;

/// The most bytes of a run's attachments that travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In Git.
    pub in_git: u64,
    /// As large files.
    pub large: u64,
}

impl Limits {
    /// Those of the settings: where no file is a large one, no attachment is.
    pub fn of(ctx: &Context) -> Self {
        let settings = &ctx.settings;
        let large = if settings.large_file() == u64::MAX { 0 } else { settings.large_limit() };
        Self { in_git: settings.attachments_limit(), large }
    }
}

/// Commits those of the attachments that are to travel, and says so in the record.
pub fn commit(
    ctx: &Context,
    opened: &Opened,
    attachments: &Attachments,
    record: &mut RunRecord,
    limits: Limits,
    secrets: &Secrets,
) -> Result<(), CommandError> {
    if let Some(written) = write(opened, attachments, record, limits, secrets)? {
        commit_all(ctx, opened, [(record, written)])?;
    }
    Ok(())
}

/// The attachments of a run that are to travel, as objects, and those that are not.
pub struct Written {
    /// Their tree.
    pub tree: Tree,
    /// Those that are large files.
    pub large: BTreeMap<PathBuf, Pointer>,
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
        record.set_large_attachments(&written.large);
    }
    Ok(())
}

/// Writes those of the attachments that are to travel as objects; gives none if there are no attachments.
pub fn write(
    opened: &Opened,
    attachments: &Attachments,
    record: &mut RunRecord,
    limits: Limits,
    secrets: &Secrets,
) -> Result<Option<Written>, CommandError> {
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    let history = &opened.history;
    let (mut large, mut large_sum) = (BTreeMap::new(), 0_u64);
    let mut files = attachments.files().map_err(failed)?;
    files.sort_by_cached_key(|(name, size)| (Reverse(is_log(name)), *size, name.clone()));
    let (mut taken, mut left, mut sum) = (Vec::new(), Vec::new(), 0_u64);
    let mut masked = BTreeMap::new();
    let mut left_out = LeftOut { files: Vec::new(), ..LeftOut::of(record) };
    for (name, size) in files {
        let fits = |sum: u64, limit| sum.checked_add(size).is_some_and(|sum| sum <= limit);
        let is_large = !fits(sum, limits.in_git);
        if (is_large && (size == 0 || !fits(large_sum, limits.large))) || !is_fit_for_git(&name) {
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
        if is_large {
            let mut copy = masked.remove(&name);
            match take(history, copy.as_mut().unwrap_or(&mut file)).map_err(failed)? {
                Some(pointer) => _ = large.insert(name, pointer),
                None => left.push(quoted_path(&name).into_owned()),
            }
            large_sum += size;
        } else {
            sum += size;
            taken.push(name);
        }
    }
    left.sort();
    left_out.put(record);
    if taken.is_empty() && left.is_empty() && large.is_empty() {
        return Ok(None);
    }
    if !large.is_empty() {
        texts_of_pointers(history, attachments, &mut taken, &mut large).map_err(failed)?;
        let pointers: Vec<_> = large.values().copied().collect();
        history.add_large_unpushed(&pointers)?;
    }
    let mut open = |name: &Path| match masked.remove(name) {
        Some(copy) => Ok(copy),
        None => attachments.open(name)?.ok_or_else(|| io::ErrorKind::NotFound.into()),
    };
    let tree = run::attachments_tree(history, &record.submitted_as(), (&taken, &large), &mut open)?;
    Ok(Some(Written { tree, large, left }))
}

/// Stores a large file's bytes; `None` if it changes meanwhile.
fn take(history: &HistoryRepo, file: &mut File) -> io::Result<Option<Pointer>> {
    file.rewind()?;
    let size = file.metadata()?.len();
    let scratch = history.workspace().map_err(io::Error::other)?;
    let taken = Store::take(file, size, &scratch.join("large"), &mut |_| {})?;
    if taken.pointer.size != size {
        return Ok(None);
    }
    taken.keep(&history.large_files()).map(Some)
}

/// Makes large files of those whose text is a pointer: beside large files such a text would stand for one.
fn texts_of_pointers(
    history: &HistoryRepo,
    attachments: &Attachments,
    taken: &mut Vec<PathBuf>,
    large: &mut BTreeMap<PathBuf, Pointer>,
) -> io::Result<()> {
    let mut texts = Vec::new();
    for (at, name) in taken.iter().enumerate() {
        let Some(mut file) = attachments.open(name)? else { continue };
        let mut text = Vec::new();
        (&mut file).take(MAX_POINTER_BYTES as u64 + 1).read_to_end(&mut text)?;
        if Pointer::parse(&text).is_some()
            && let Some(pointer) = take(history, &mut file)?
        {
            texts.push((at, pointer));
        }
    }
    for (at, pointer) in texts.into_iter().rev() {
        large.insert(taken.remove(at), pointer);
    }
    Ok(())
}

/// Makes a record's large attachments that are here files of the folder of its attachments, so that they take no space
/// twice. The logs that azml writes to stay files of their own, and what is pushed with secrets masked stays as it is.
pub fn share(
    history: &HistoryRepo,
    attachments: &Attachments,
    record: &RunRecord,
) -> Result<(), CommandError> {
    let large = record.large_attachments();
    if large.is_empty() {
        return Ok(());
    }
    let failed = |error| CommandError::file("write into", attachments.folder(), error);
    let (store, left_out) = (history.large_files(), LeftOut::of(record));
    let folder = Dir::open(attachments.folder()).map_err(failed)?;
    for (path, pointer) in large {
        let is_own = is_log(&path) || left_out.files.iter().any(|file| unquoted_path(&file.path) == path);
        if !is_own && store.has(&pointer) {
            folder.link_file_below(&store.path(&pointer.oid), &path).map_err(failed)?;
        }
    }
    Ok(())
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
    if let Some(pointer) = record.large_attachments().get(path) {
        let size = crate::text::size(pointer.size);
        return Some(format!(
            "its {size} are not on this computer; they come from the remote, if {host} has pushed them"
        ));
    }
    if record.attachments_left().into_iter().any(|left| unquoted_path(left) == path) {
        return Some(format!("it was over the limit of what is pushed, and stayed on {host}"));
    }
    if !record.status.is_over() && record.host.as_deref() != Some(&host_name()) {
        return Some(format!("the run goes on on {host}; what it leaves comes with its end"));
    }
    None
}
