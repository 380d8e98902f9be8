//! Writing at once, on all processors, what a restore brings: into places that are free, and beside those that are not.
//!
//! Nothing that is there is touched. A file that a kill leaves unfinished in a free place has nothing in it but a
//! beginning of what is to be there; that is how a recovery knows it for one of ours ([`is_unfinished`]).

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, BufRead, BufReader},
    sync::{Arc, Mutex, PoisonError},
};

use gix::{
    Repository,
    bstr::{BStr, BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{
    Change,
    disk::{self, Kind},
    work::Work,
};
use crate::{
    checkout::{self, listing::Entry},
    dir::{Dir, Opened, split},
    large::{Pointer, Store},
};

/// Fewer files are written one after the other.
const WORTH_THREADS: usize = 32;

/// The part of a change that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staged {
    /// Nothing.
    Not,
    /// The content is whole, under the name beside its place.
    Beside,
    /// All of it.
    InPlace,
}

/// Writes what can be written at once; gives for each change what is done of it. What fails here is left for later, where
/// it is told.
pub(super) fn prepare(work: &Work<'_>) -> Vec<Staged> {
    let mut ready = vec![Staged::Not; work.changes.len()];
    if work.steps.watches() || work.changes.len() < WORTH_THREADS {
        return ready;
    }
    let wanted = |change: &Change| work.wanted(change).filter(|entry| entry.kind != EntryKind::Link);
    let top = work.folders.top();
    let folders =
        make_folders(work.repo, &top, work.changes.iter().filter(|change| wanted(change).is_some()));
    let items: Vec<(usize, &Change, Entry)> = work
        .changes
        .iter()
        .enumerate()
        .filter_map(|(i, change)| Some((i, change, wanted(change)?)))
        .filter(|(_, change, _)| folders.get(split(change.path.as_bstr()).0).copied().unwrap_or(false))
        .collect();
    let done = Mutex::new(&mut ready);
    let names = |i| (work.beside(i, "part"), work.beside(i, "new"));
    let jobs: Vec<_> = items.into_iter().map(|(i, change, entry)| (i, change, entry, names(i))).collect();
    let opened = || Opened::below(Arc::clone(&top));
    let written = checkout::in_parallel(work.repo, &jobs, opened, |opened, repo, job| {
        let (i, change, entry, names) = job;
        let state = write(repo, opened, change, names, *entry);
        done.lock().unwrap_or_else(PoisonError::into_inner)[*i] = state;
        Ok::<u64, std::convert::Infallible>(0)
    });
    match written {
        Ok(_) => ready,
    }
}

/// Writes one file.
fn write(
    repo: &Repository,
    opened: &mut Opened,
    change: &Change,
    (part, new): &(BString, BString),
    entry: Entry,
) -> Staged {
    let (folder, name) = split(change.path.as_bstr());
    let Ok(folder) = opened.at(folder) else { return Staged::Not };
    // What fails is tried again, and told, by [`Work`].
    let write = |name: &BStr| checkout::write_new(repo, (&folder, name), entry, &|| "".into());
    let is_free = change.before.is_none();
    if is_free && write(name).is_ok() {
        return Staged::InPlace;
    }
    match disk::kind_at(&folder, name) {
        Ok(None) if write(name).is_ok() => Staged::InPlace,
        Ok(Some(Kind::File)) if !is_free => {
            let (part, new) = (part.as_bstr(), new.as_bstr());
            if write(part).is_ok() && folder.rename(part, new).is_ok() {
                return Staged::Beside;
            }
            drop(folder.remove_file(part));
            Staged::Not
        }
        _ => Staged::Not,
    }
}

/// Makes the folders that changes need; says of each folder whether it is one now, and no link in its place. Those that
/// lie equally deep are made at once.
fn make_folders<'c>(
    repo: &Repository,
    top: &Arc<Dir>,
    changes: impl Iterator<Item = &'c Change>,
) -> HashMap<&'c BStr, bool> {
    let mut levels: Vec<BTreeSet<&BStr>> = Vec::new();
    let mut last = None;
    for change in changes {
        let above = split(change.path.as_bstr()).0;
        if last.replace(above) == Some(above) {
            continue;
        }
        for (depth, end) in change.path.find_iter("/").enumerate() {
            levels.resize_with(levels.len().max(depth + 1), BTreeSet::new);
            levels[depth].insert(change.path[..end].as_bstr());
        }
    }
    let made = Mutex::new(HashMap::from([(BStr::new(b""), true)]));
    for mut level in levels {
        let known = made.lock().unwrap_or_else(PoisonError::into_inner);
        level.retain(|path: &&'c BStr| known.get(split(path).0) == Some(&true));
        drop(known);
        let level: Vec<&BStr> = level.into_iter().collect();
        let opened = || Opened::below(Arc::clone(top));
        let done = checkout::in_parallel(repo, &level, opened, |opened, _, path| {
            let is_folder = make_folder(opened, path);
            made.lock().unwrap_or_else(PoisonError::into_inner).insert(path, is_folder);
            Ok::<u64, std::convert::Infallible>(0)
        });
        match done {
            Ok(_) => {}
        }
    }
    made.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Makes one folder; says whether it is there now.
fn make_folder(opened: &mut Opened, path: &BStr) -> bool {
    let (above, name) = split(path);
    opened.at(above).is_ok_and(|above| match above.make(name) {
        Ok(true) => true,
        Ok(false) => disk::kind_at(&above, name).is_ok_and(|kind| kind == Some(Kind::Folder)),
        Err(_) => false,
    })
}

/// Returns whether the file `name` of a folder is what a kill or a power cut left of our writing into a free place:
/// a beginning of what was to be there, with nothing but zeros behind it.
pub(super) fn is_unfinished(repo: &Repository, (folder, name): (&Dir, &BStr), change: &Change) -> bool {
    let (None, Some(after)) = (change.before, change.after) else { return false };
    if !matches!(after.kind, EntryKind::Blob | EntryKind::BlobExecutable) {
        return false;
    }
    if let Ok(Some(pointer)) = after.pointer(repo) {
        return is_beginning(repo, &pointer, folder, name).unwrap_or(false);
    }
    let Ok(whole) = repo.find_blob(after.id) else { return false };
    let Ok(found) = disk::content(folder, name, EntryKind::Blob) else { return false };
    let same = found.iter().zip(&whole.data).take_while(|(a, b)| a == b).count();
    found.len() <= whole.data.len() && found[same..].iter().all(|byte| *byte == 0)
}

/// [`is_unfinished`] for a large file.
fn is_beginning(repo: &Repository, pointer: &Pointer, folder: &Dir, name: &BStr) -> io::Result<bool> {
    let found = folder.open_file(name)?;
    if found.metadata()?.len() > pointer.size {
        return Ok(false);
    }
    let (mut found, mut whole) = (BufReader::new(found), BufReader::new(Store::of(repo).open(pointer)?));
    let mut is_same = true;
    loop {
        let (here, there) = (found.fill_buf()?, whole.fill_buf()?);
        let count = here.len().min(there.len());
        if count == 0 {
            return Ok(here.is_empty());
        }
        let same = if is_same { here.iter().zip(there).take_while(|(a, b)| a == b).count() } else { 0 };
        is_same = same == count;
        if here[same..count].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        found.consume(count);
        whole.consume(count);
    }
}
