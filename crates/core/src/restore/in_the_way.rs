//! Files that no snapshot would have, where the tree to restore has something.

use std::{collections::BTreeSet, fs, io, path::Path};

use gix::bstr::{BStr, BString, ByteSlice};

use super::{
    Change, Error,
    disk::{self, Found, lstat},
};
use crate::checkout::{
    listing::Entry,
    path::{below, from_native, is_reserved},
};

/// What no snapshot of the folder has at the places of a restore.
pub(super) struct Unseen {
    /// In the way.
    pub(super) in_the_way: Vec<BString>,
    /// Just what the restore would put there.
    pub(super) there_already: Vec<(BString, Entry)>,
}

/// Finds what is in the way of `changes`; takes out of them what is on the disk already.
pub(super) fn find(root: &Path, changes: &mut Vec<Change>) -> Result<Unseen, Error> {
    let known: BTreeSet<BString> =
        changes.iter().filter(|c| c.before.is_some()).map(|c| c.path.clone()).collect();
    let mut found = BTreeSet::new();
    let mut there_already = Vec::new();
    for change in changes.iter().filter(|c| c.before.is_none()) {
        let there = match disk::look(root, change.path.as_ref()) {
            // What can't be read is not what the restore would put there.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                Found::Special
            }
            there => there?,
        };
        match there {
            Found::Nothing => {}
            Found::File(entry) if Some(entry) == change.after => {
                there_already.push((change.path.clone(), entry));
            }
            Found::File(_) | Found::Special => {
                found.insert(change.path.clone());
            }
            Found::Folder => unknown_below(root, &change.path, &known, &mut found)?,
            Found::NotReachable => {
                let parent = first_that_is_no_folder(root, change.path.as_ref())?;
                found.extend(parent.filter(|parent| !known.contains(parent)));
            }
        }
    }
    changes.retain(|change| there_already.binary_search_by(|(path, _)| path.cmp(&change.path)).is_err());
    Ok(Unseen { in_the_way: found.into_iter().collect(), there_already })
}

/// Every file below the folder at `path` that is not `known`; a repository counts as one file.
fn unknown_below(
    root: &Path,
    path: &BString,
    known: &BTreeSet<BString>,
    found: &mut BTreeSet<BString>,
) -> Result<(), Error> {
    let folder = below(root, path.as_ref());
    for entry in fs::read_dir(&folder).map_err(Error::io("read folder", &folder))? {
        let entry = entry.map_err(Error::io("read folder", &folder))?;
        let kind = entry.file_type().map_err(Error::io("look at", &entry.path()))?;
        let name = entry.file_name();
        let mut path = path.clone();
        path.push(b'/');
        path.extend_from_slice(&from_native(Path::new(&name)));
        if kind.is_dir() && !is_reserved(path.rsplit(|b| *b == b'/').next().unwrap_or_default()) {
            unknown_below(root, &path, known, found)?;
        } else if !known.contains(&path) {
            found.insert(path);
        }
    }
    Ok(())
}

fn first_that_is_no_folder(root: &Path, path: &BStr) -> Result<Option<BString>, Error> {
    for end in path.find_iter("/") {
        let parent = path[..end].as_bstr();
        if lstat(&below(root, parent))?.is_some_and(|metadata| !metadata.is_dir()) {
            return Ok(Some(parent.to_owned()));
        }
    }
    Ok(None)
}
