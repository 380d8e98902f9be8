//! Files that are ignored now and would not be by the rules that a restore brings back: they are held back, so that no
//! snapshot takes them in before the user has said so.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use gix::bstr::{BStr, BString, ByteSlice};

use super::{Error, tree_rules::TreeRules};
use crate::{
    checkout::path::is_reserved,
    history::HistoryRepo,
    ignore::{Rules, Verdict},
    secret,
};

/// Files and folders (with a slash at their end) that a restore would make a part of snapshots though they are ignored now.
pub(super) fn find(history: &HistoryRepo, after: &mut TreeRules<'_>) -> Result<BTreeSet<BString>, Error> {
    let mut found = BTreeSet::new();
    let held = history.held_back().map_err(Error::History)?;
    let before = after.of_user().clone().holding(held);
    let mut folders = vec![Folder { path: BString::default(), rules: Some(before) }];
    while let Some(folder) = folders.pop() {
        look(history, after, folder, &mut folders, &mut found)?;
    }
    Ok(found)
}

/// A folder that the restored rules do not ignore.
struct Folder {
    path: BString,
    /// The rules of now above it; `None` if they ignore it.
    rules: Option<Rules>,
}

fn look(
    history: &HistoryRepo,
    after: &mut TreeRules<'_>,
    folder: Folder,
    folders: &mut Vec<Folder>,
    found: &mut BTreeSet<BString>,
) -> Result<(), Error> {
    let before = folder.rules.map(|rules| rules.read_folder(history.root(), &folder.path));
    for (path, is_folder) in entries(history, folder.path.as_bstr()) {
        let path = path.as_bstr();
        let excluded =
            before.as_ref().is_none_or(|rules| rules.verdict(path, is_folder) == Verdict::Excluded)
                && !after.is_tracked(path, is_folder);
        // A line `!…` in the restored `.amlignore` is the user's word.
        if after.verdict(path, is_folder)? != Verdict::Included
            || (!is_folder && secret::of_name(path).is_some())
        {
            continue;
        }
        if is_folder && (!excluded || after.has(path)?) {
            let rules = before.clone().filter(|_| !excluded);
            folders.push(Folder { path: path.to_owned(), rules });
        } else if excluded && !after.has(path)? && (!is_folder || has_any(history, after, path)?) {
            let mut path = path.to_owned();
            if is_folder {
                path.push(b'/');
            }
            found.insert(path);
        }
    }
    Ok(())
}

/// Returns whether the restored rules take in any file of a folder that the restored tree does not have.
fn has_any(history: &HistoryRepo, after: &mut TreeRules<'_>, folder: &BStr) -> Result<bool, Error> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for (path, is_folder) in entries(history, folder.as_bstr()) {
            if after.verdict(path.as_bstr(), is_folder)? == Verdict::Excluded {
                continue;
            }
            if !is_folder {
                return Ok(true);
            }
            folders.push(path);
        }
    }
    Ok(false)
}

/// The entries of a folder, each with a flag for folders; none where it can't be read.
fn entries(history: &HistoryRepo, folder: &BStr) -> Vec<(BString, bool)> {
    let Ok(listing) = fs::read_dir(history.root().join(OsStr::from_bytes(folder))) else { return Vec::new() };
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name().into_vec();
        if is_reserved(&name) {
            return None;
        }
        let path = if folder.is_empty() { name } else { [folder, b"/".as_slice(), &name].concat() };
        Some((path.into(), entry.file_type().ok()?.is_dir()))
    };
    listing.filter_map(Result::ok).filter_map(entry).collect()
}
