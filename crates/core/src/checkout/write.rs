//! The writing half of a checkout: folders, then files in parallel, then symbolic links.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use gix::{
    Repository,
    bstr::{BStr, BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{
    Error, LargeMissing,
    listing::{self, Entry, Listing},
    path, stream,
};
use crate::{
    dir::{Dir, Opened, split},
    io_error::IoError,
    large::{Store, Tree},
};

/// Counts of what a checkout wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Files and symbolic links.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Commits of other repositories, whose files the tree does not hold: each is an empty folder.
    pub passed_over: Vec<BString>,
}

/// Writes `tree` into `folder`, which must be empty or missing.
///
/// After a failure the folder may hold a part of the tree; it is the caller's to remove.
pub fn checkout(repo: &Repository, tree: impl Into<Tree>, folder: &Path) -> Result<Written, Error> {
    let listing = listing::list(repo, tree)?;
    write_all(repo, &listing, folder, &Arc::new(make_empty(folder)?))
}

/// Writes `tree` as [`checkout`] does, with pointers in the places of the large files whose bytes are not here; gives those.
pub fn checkout_what_is_here(
    repo: &Repository,
    tree: impl Into<Tree>,
    folder: &Path,
) -> Result<(Written, LargeMissing), Error> {
    let mut listing = listing::list(repo, tree)?;
    let missing = super::missing_large(repo, listing.iter().map(|(path, entry)| (path.as_bstr(), *entry)))?;
    for (path, _) in &missing.files {
        if let Some(entry) = listing.get_mut(path) {
            entry.is_large = false;
        }
    }
    let written = write_all(repo, &listing, folder, &Arc::new(make_empty(folder)?))?;
    Ok((written, missing))
}

/// Writes what a listing has into a folder that has other files already: nothing may be at the places of these.
pub fn add(repo: &Repository, listing: &Listing, folder: &Path) -> Result<Written, Error> {
    let top = Dir::open(folder).map_err(IoError::of("open folder", folder))?;
    write_all(repo, listing, folder, &Arc::new(top))
}

fn write_all(repo: &Repository, listing: &Listing, folder: &Path, top: &Arc<Dir>) -> Result<Written, Error> {
    let missing = super::missing_large(repo, listing.iter().map(|(path, entry)| (path.as_bstr(), *entry)))?;
    if !missing.files.is_empty() {
        return Err(Error::LargeMissing(missing));
    }
    make_folders(folder, top, listing.iter().map(|(path, entry)| (path.as_bstr(), entry.kind)))?;
    let files: Vec<(&BString, &Entry)> = listing
        .iter()
        .filter(|(_, e)| matches!(e.kind, EntryKind::Blob | EntryKind::BlobExecutable))
        .collect();
    let opened = || Opened::below(Arc::clone(top));
    let write = |opened: &mut Opened, repo: &Repository, path: &BString, entry: Entry| {
        let path = path.as_bstr();
        let shown = || path::below(folder, path);
        let (above, name) = split(path);
        let above = opened.at(above).map_err(|source| IoError::of("open the folder of", &shown())(source))?;
        write_new(repo, (&above, name), entry, &shown)
    };
    let mut bytes =
        in_parallel(repo, &files, opened, |opened, repo, (path, entry)| write(opened, repo, path, **entry))?;
    let mut links = 0;
    let mut opened = opened();
    for (path, entry) in listing.iter().filter(|(_, e)| e.kind == EntryKind::Link) {
        bytes += write(&mut opened, repo, path, *entry)?;
        links += 1;
    }
    let commits = listing.iter().filter(|(_, entry)| entry.kind == EntryKind::Commit);
    let passed_over = commits.map(|(path, _)| path.clone()).collect();
    Ok(Written { files: files.len() + links, bytes, passed_over })
}

fn make_empty(folder: &Path) -> Result<Dir, Error> {
    fs::create_dir_all(folder).map_err(IoError::of("make folder", folder))?;
    let top = Dir::open(folder).map_err(IoError::of("open folder", folder))?;
    if !top.is_empty().map_err(IoError::of("read folder", folder))? {
        return Err(Error::NotEmpty { folder: folder.to_owned() });
    }
    Ok(top)
}

/// Makes the folders that `paths` need, parents first; a commit of another repository is an empty one.
fn make_folders<'a>(
    root: &Path,
    top: &Arc<Dir>,
    paths: impl Iterator<Item = (&'a BStr, EntryKind)>,
) -> Result<(), Error> {
    let mut folders = BTreeSet::new();
    for (path, kind) in paths {
        let ends = path.find_iter("/").chain((kind == EntryKind::Commit).then_some(path.len()));
        folders.extend(ends.map(|end| path[..end].as_bstr()));
    }
    let mut opened = Opened::below(Arc::clone(top));
    for folder in folders {
        let (above, name) = split(folder);
        let made = opened.at(above).and_then(|above| above.make(name));
        // One that is there may be ours; in what is no folder no file is made.
        made.map_err(|source| IoError::of("make folder", &path::below(root, folder))(source))?;
    }
    Ok(())
}

/// The fewest and the most items that follow each other and are one thread's: two that write into one folder would wait
/// for each other.
const RUN: (usize, usize) = (16, 256);
/// The runs that each thread takes, if there are enough: so all end at about the same time.
const RUNS: usize = 8;

/// Does `work` for each item on as many threads as the machine has processors; sums what it returns.
///
/// Each thread has a state of its own.
pub(crate) fn in_parallel<T: Sync, S, E: Send>(
    repo: &Repository,
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &Repository, &T) -> Result<u64, E> + Sync,
) -> Result<u64, E> {
    let threads =
        std::thread::available_parallelism().map_or(1, usize::from).min(items.len().div_ceil(RUN.0));
    if threads <= 1 {
        let mut state = state();
        return items.iter().map(|item| work(&mut state, repo, item)).sum();
    }
    let run_length = (items.len() / (threads * RUNS)).clamp(RUN.0, RUN.1);
    let repo = repo.clone().into_sync();
    let (next, sum, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let run = || {
            let (repo, mut state) = (repo.to_thread_local(), state());
            while !failed.load(Ordering::Relaxed)
                && let first = next.fetch_add(run_length, Ordering::Relaxed)
                && first < items.len()
            {
                for item in &items[first..items.len().min(first + run_length)] {
                    let done = work(&mut state, &repo, item)
                        .inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                    sum.fetch_add(done, Ordering::Relaxed);
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let results: Vec<_> = workers.into_iter().map(|w| w.join().expect("workers don't panic")).collect();
        results.into_iter().collect::<Result<(), E>>()
    })?;
    Ok(sum.into_inner())
}

/// Writes the content of a file somewhere else; of a big one, piece by piece.
pub fn copy(repo: &Repository, entry: Entry, out: &mut impl Write) -> Result<u64, Error> {
    let id = entry.id;
    let failed = |source| IoError { action: "write the content of", path: id.to_string().into(), source };
    if let Some(pointer) = entry.pointer(repo)? {
        let missing = |source| Error::Large { oid: pointer.oid, source };
        let mut object = Store::of(repo).open(&pointer).map_err(missing)?;
        return Ok(std::io::copy(&mut object, out).map_err(failed)?);
    }
    if let Some(large) = stream::Large::find(repo, id) {
        return Ok(large.write_to(out).map_err(failed)?);
    }
    let blob = repo.find_blob(id).map_err(|source| Error::Read { id, source })?;
    out.write_all(&blob.data).map_err(failed)?;
    Ok(blob.data.len() as u64)
}

/// Writes a file or symbolic link that must not exist yet into an open folder; `shown` is its path for an error.
pub(crate) fn write_new(
    repo: &Repository,
    (folder, name): (&Dir, &BStr),
    entry: Entry,
    shown: &dyn Fn() -> PathBuf,
) -> Result<u64, Error> {
    let failed = |action| move |source| IoError { action, path: shown(), source };
    let is_link = entry.kind == EntryKind::Link;
    let make = || {
        let mode = if entry.kind == EntryKind::BlobExecutable { 0o777 } else { 0o666 };
        folder.new_file(name, mode).map_err(failed("make file"))
    };
    if let Some(pointer) = entry.pointer(repo)? {
        let failed = |source| Error::Large { oid: pointer.oid, source };
        return Store::of(repo).copy_to(&pointer, &mut make()?).map_err(failed);
    }
    if !is_link && let Some(large) = stream::Large::find(repo, entry.id) {
        return Ok(large.write_to(&mut make()?).map_err(failed("write file"))?);
    }
    let blob = repo.find_blob(entry.id).map_err(|source| Error::Read { id: entry.id, source })?;
    if is_link {
        folder.new_link(blob.data.as_bstr(), name).map_err(failed("make symbolic link"))?;
    } else {
        make()?.write_all(&blob.data).map_err(failed("write file"))?;
    }
    Ok(blob.data.len() as u64)
}
