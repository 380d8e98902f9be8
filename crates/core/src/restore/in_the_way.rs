//! Files that no snapshot would have, where the tree to restore has something.

use std::{collections::BTreeSet, io};

use gix::bstr::{BStr, BString, ByteSlice};
use rustix::fs::FileType;

use super::{
    Change, Error,
    disk::{Expected, Folders, Found, Parent},
};
use crate::{
    checkout::{listing::Entry, path::is_reserved},
    dir::{Dir, split},
    history::HistoryRepo,
    io_error::IoError,
};

/// The files at the places of a restore that no snapshot of the folder has.
pub(super) struct Unseen {
    /// In the way.
    pub(super) in_the_way: Vec<BString>,
    /// Just what the restore would put there.
    pub(super) there_already: Vec<(BString, Entry)>,
}

/// Finds what is in the way of `changes`; takes out of them what is on the disk already.
pub(super) fn find(history: &HistoryRepo, changes: &mut Vec<Change>) -> Result<Unseen, Error> {
    let known: BTreeSet<BString> =
        changes.iter().filter(|c| c.before.is_some()).map(|c| c.path.clone()).collect();
    let folders = Folders::open(history.root())?;
    let mut found = BTreeSet::new();
    let mut there_already = Vec::new();
    let mut missing = None;
    for change in changes.iter().filter(|c| c.before.is_none()) {
        let path = change.path.as_bstr();
        let (above, name) = split(path);
        // Where there is no folder, nothing is in the way of any of its files.
        if missing == Some(above) {
            continue;
        }
        match folders.at(above)? {
            Parent::Folder(_) => {}
            Parent::Missing => {
                missing = Some(above);
                continue;
            }
            Parent::NotAFolder => {
                let parent = first_that_is_no_folder(&folders, path)?;
                found.extend(parent.filter(|parent| !known.contains(parent)));
                continue;
            }
        }
        let there = match folders.look(path, &Expected::of(history.git(), change)?) {
            // What can't be read is not what the restore would put there.
            Err(Error::Io(IoError { source, .. })) if source.kind() == io::ErrorKind::PermissionDenied => {
                Found::Special
            }
            there => there?,
        };
        match there {
            Found::Nothing | Found::NotReachable => {}
            Found::File(entry) if Some(entry) == change.after => {
                there_already.push((change.path.clone(), entry));
            }
            Found::File(_) | Found::Special => {
                found.insert(change.path.clone());
            }
            Found::Folder => {
                let Some(above) = folders.at(above)?.folder() else { continue };
                let failed = |error| folders.error("read folder", path)(error);
                unknown_below((&above, name), &change.path, &known, &mut found).map_err(failed)?;
            }
        }
    }
    changes.retain(|change| there_already.binary_search_by(|(path, _)| path.cmp(&change.path)).is_err());
    Ok(Unseen { in_the_way: found.into_iter().collect(), there_already })
}

/// Every file below the folder `name` at `path` that is not `known`; a repository counts as one file.
fn unknown_below(
    (above, name): (&Dir, &BStr),
    path: &BString,
    known: &BTreeSet<BString>,
    found: &mut BTreeSet<BString>,
) -> io::Result<()> {
    let folder = above.below(name)?;
    for (name, kind) in folder.names()? {
        let mut path = path.clone();
        path.push(b'/');
        path.extend_from_slice(&name);
        if kind == FileType::Directory && !is_reserved(&name) {
            unknown_below((&folder, name.as_bstr()), &path, known, found)?;
        } else if !known.contains(&path) {
            found.insert(path);
        }
    }
    Ok(())
}

fn first_that_is_no_folder(folders: &Folders<'_>, path: &BStr) -> Result<Option<BString>, Error> {
    for end in path.find_iter("/") {
        let parent = path[..end].as_bstr();
        if matches!(folders.at(parent)?, Parent::NotAFolder) {
            return Ok(Some(parent.to_owned()));
        }
    }
    Ok(None)
}
