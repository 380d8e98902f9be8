//! Writing at once, on all processors, what a restore brings: into places that are free, and beside those that are not.
//!
//! Nothing that is there is touched. A file that a kill leaves unfinished in a free place has nothing in it but a
//! beginning of what is to be there; that is how a recovery knows it for one of ours ([`is_unfinished`]).

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use gix::{
    Repository,
    bstr::{BStr, ByteSlice},
    objs::tree::EntryKind,
};

use super::{
    Change,
    apply::Work,
    disk::{self, Kind},
};
use crate::checkout::{self, listing::Entry, path::below};

/// Fewer files are written one after the other.
const WORTH_THREADS: usize = 32;

/// What is done of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// Nothing.
    Not,
    /// The content is whole, under the name beside its place.
    Beside,
    /// All of it.
    InPlace,
}

/// Writes what can be written at once; gives for each change what is done of it. What fails here is left for later, where
/// it is told.
pub(super) fn prepare(work: &Work<'_>) -> Vec<Ready> {
    let mut ready = vec![Ready::Not; work.changes.len()];
    if work.steps.watches() || work.changes.len() < WORTH_THREADS {
        return ready;
    }
    let wanted = |change: &Change| work.wanted(change).filter(|entry| entry.kind != EntryKind::Link);
    let folders = make_folders(work.root, work.changes.iter().filter(|change| wanted(change).is_some()));
    let items: Vec<(usize, &Change, Entry)> = work
        .changes
        .iter()
        .enumerate()
        .filter_map(|(i, change)| Some((i, change, wanted(change)?)))
        .filter(|(_, change, _)| folders.get(parent(change)).copied().unwrap_or(true))
        .collect();
    let done = std::sync::Mutex::new(&mut ready);
    let names: Vec<_> =
        items.iter().map(|(i, ..)| (work.beside(*i, "part"), work.beside(*i, "new"))).collect();
    let jobs: Vec<usize> = (0..items.len()).collect();
    let root = work.root;
    let written = checkout::in_parallel(work.repo, &jobs, |repo, job| {
        let (i, change, entry) = items[*job];
        let (part, new) = &names[*job];
        let place = below(root, change.path.as_ref());
        let state = write(repo, (&place, change.before.is_none()), (part, new), entry);
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[i] = state;
        Ok::<u64, std::convert::Infallible>(0)
    });
    match written {
        Ok(_) => ready,
    }
}

/// Writes one file; `is_free` says that nothing should be at its place.
fn write(
    repo: &Repository,
    (place, is_free): (&Path, bool),
    (part, new): (&Path, &Path),
    entry: Entry,
) -> Ready {
    if is_free && checkout::write_new(repo, place, entry).is_ok() {
        return Ready::InPlace;
    }
    match disk::kind_at(place) {
        Ok(None) if checkout::write_new(repo, place, entry).is_ok() => Ready::InPlace,
        Ok(Some(Kind::File)) if !is_free => {
            let written = checkout::write_new(repo, part, entry).is_ok() && fs::rename(part, new).is_ok();
            if !written {
                drop(fs::remove_file(part));
            }
            if written { Ready::Beside } else { Ready::Not }
        }
        _ => Ready::Not,
    }
}

fn parent(change: &Change) -> &BStr {
    change.path.rfind_byte(b'/').map_or(&b""[..], |end| &change.path[..end]).as_bstr()
}

/// Makes the folders that changes need; says of each folder whether it is one now, and no link in its place.
fn make_folders<'c>(root: &Path, changes: impl Iterator<Item = &'c Change>) -> HashMap<&'c BStr, bool> {
    let mut needed = BTreeSet::new();
    for change in changes {
        needed.extend(change.path.find_iter("/").map(|end| change.path[..end].as_bstr()));
    }
    let mut folders = HashMap::new();
    for folder in needed {
        let above = folder.rfind_byte(b'/').map(|end| folder[..end].as_bstr());
        let reachable = above.is_none_or(|above| folders.get(above).copied().unwrap_or(false));
        let path = below(root, folder);
        let is_folder = reachable
            && match disk::kind_at(&path) {
                Ok(Some(kind)) => kind == Kind::Folder,
                Ok(None) => fs::create_dir(&path).is_ok(),
                Err(_) => false,
            };
        folders.insert(folder, is_folder);
    }
    folders
}

/// Whether the file at `at` is what a kill or a power cut left of our writing into a free place: a beginning of what was
/// to be there, with nothing but zeros behind it.
pub(super) fn is_unfinished(repo: &Repository, at: &Path, change: &Change) -> bool {
    let (None, Some(after)) = (change.before, change.after) else { return false };
    if !matches!(after.kind, EntryKind::Blob | EntryKind::BlobExecutable) {
        return false;
    }
    let Ok(whole) = repo.find_blob(after.id) else { return false };
    let Ok(found) = disk::content(at, EntryKind::Blob) else { return false };
    let same = found.iter().zip(&whole.data).take_while(|(a, b)| a == b).count();
    found.len() <= whole.data.len() && found[same..].iter().all(|byte| *byte == 0)
}
