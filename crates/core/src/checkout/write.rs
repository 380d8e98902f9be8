//! The writing half of a checkout: folders, then files in parallel, then symbolic links.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{Error, listing, listing::Entry, path, stream};

/// What a checkout wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Files and symbolic links.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes `tree` into `folder`, which must be empty or missing.
///
/// After a failure the folder may hold a part of the tree; it is the caller's to remove.
pub fn checkout(repo: &Repository, tree: ObjectId, folder: &Path) -> Result<Written, Error> {
    let listing = listing::list(repo, tree)?;
    make_empty(folder)?;
    make_folders(folder, listing.iter().map(|(path, entry)| (path.as_bstr(), entry.kind)))?;
    let files: Vec<(&BString, &Entry)> = listing
        .iter()
        .filter(|(_, e)| matches!(e.kind, EntryKind::Blob | EntryKind::BlobExecutable))
        .collect();
    let mut bytes = in_parallel(repo, &files, |repo, (path, entry)| {
        write_new_file(repo, &path::below(folder, path.as_bstr()), **entry)
    })?;
    let mut links = 0;
    for (path, entry) in listing.iter().filter(|(_, e)| e.kind == EntryKind::Link) {
        bytes += write_new_link(repo, &path::below(folder, path.as_bstr()), entry.id)?;
        links += 1;
    }
    Ok(Written { files: files.len() + links, bytes })
}

fn make_empty(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(io("make folder", folder))?;
    let mut entries = fs::read_dir(folder).map_err(io("read folder", folder))?;
    if entries.next().is_some() {
        return Err(Error::NotEmpty { folder: folder.to_owned() });
    }
    Ok(())
}

/// Makes the folders that `paths` need, parents first; a commit of another repository is an empty one.
fn make_folders<'a>(root: &Path, paths: impl Iterator<Item = (&'a BStr, EntryKind)>) -> Result<(), Error> {
    let mut folders = BTreeSet::new();
    for (path, kind) in paths {
        let ends = path.find_iter("/").chain((kind == EntryKind::Commit).then_some(path.len()));
        folders.extend(ends.map(|end| &path[..end]));
    }
    for folder in folders {
        let folder = path::below(root, folder.as_bstr());
        fs::create_dir(&folder).map_err(io("make folder", &folder))?;
    }
    Ok(())
}

/// So many items that follow each other are one thread's: two that write into one folder would wait for each other.
const RUN: usize = 16;

/// Does `work` for each item on as many threads as the machine has processors; sums what it returns.
pub(crate) fn in_parallel<T: Sync, E: Send>(
    repo: &Repository,
    items: &[T],
    work: impl Fn(&Repository, &T) -> Result<u64, E> + Sync,
) -> Result<u64, E> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len().div_ceil(16));
    if threads <= 1 {
        return items.iter().map(|item| work(repo, item)).sum();
    }
    let repo = repo.clone().into_sync();
    let (next, sum, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let run = || {
            let repo = repo.to_thread_local();
            while !failed.load(Ordering::Relaxed)
                && let first = next.fetch_add(RUN, Ordering::Relaxed)
                && first < items.len()
            {
                for item in &items[first..items.len().min(first + RUN)] {
                    let done = work(&repo, item).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
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

/// Writes a file or symbolic link that must not exist yet.
pub(crate) fn write_new(repo: &Repository, path: &Path, entry: Entry) -> Result<u64, Error> {
    match entry.kind {
        EntryKind::Link => write_new_link(repo, path, entry.id),
        _ => write_new_file(repo, path, entry),
    }
}

/// Writes a file that must not exist yet.
fn write_new_file(repo: &Repository, path: &Path, entry: Entry) -> Result<u64, Error> {
    if let Some(large) = stream::Large::find(repo, entry.id) {
        let mut file =
            create_new(path, entry.kind == EntryKind::BlobExecutable).map_err(io("make file", path))?;
        return large.write_to(&mut file).map_err(io("write file", path));
    }
    let blob = repo.find_blob(entry.id).map_err(|source| Error::Read { id: entry.id, source })?;
    let mut file =
        create_new(path, entry.kind == EntryKind::BlobExecutable).map_err(io("make file", path))?;
    file.write_all(&blob.data).map_err(io("write file", path))?;
    Ok(blob.data.len() as u64)
}

fn create_new(path: &Path, executable: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if executable { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    options.open(path)
}

/// Makes a symbolic link that must not exist yet.
fn write_new_link(repo: &Repository, at: &Path, id: ObjectId) -> Result<u64, Error> {
    let blob = repo.find_blob(id).map_err(|source| Error::Read { id, source })?;
    let target = path::to_native(blob.data.as_bstr());
    make_link(&target, at).map_err(io("make symbolic link", at))?;
    Ok(blob.data.len() as u64)
}

#[cfg(unix)]
fn make_link(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn make_link(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
