//! The bytes of large files, to and from the remote: each object by itself, so that what is cut off goes on where it was.
//!
//! A folder gets them as stock git-lfs puts them there, an HTTP remote by its Git LFS API.

use std::collections::HashMap;
use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use azml_core::history::{HistoryRepo, sweep_large};
use azml_core::large::{Hashing, Oid, Pointer, Store};
use git_wire::Service;
use lfs_wire::batch::{Actions, Operation};

use super::{Context, Event, SyncError};
use crate::env::Pace;
use crate::limits;
use crate::transport::Remote;
use crate::transport::lfs::{Lfs, Planned, Timed, Transfers};

/// Bytes that are received and written at once.
const PIECE: usize = 256 << 10;
/// The beginning of the names of files that azml writes in the folder of a remote, before they are objects there.
const TEMPORARY: &str = "azml-";
/// Tries of a transfer, each with fresh actions.
const ROUNDS: usize = 2;

/// The result of bringing large files to the remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LargePushed {
    /// Files that the remote has now.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are on this computer alone.
    pub left: usize,
    /// Their bytes.
    pub left_bytes: u64,
}

/// Brings to the remote what it lacks. That it does not take them stops nothing: the reason is kept with the history.
pub fn push(history: &HistoryRepo, remote: &Remote, context: Context<'_>) -> Result<LargePushed, SyncError> {
    let unpushed = history.large_unpushed()?;
    let mut pushed = LargePushed::default();
    if unpushed.is_empty() {
        return Ok(pushed);
    }
    let mut delivered = |pointer: &Pointer| {
        pushed.files += 1;
        pushed.bytes += pointer.size;
        (context.observer)(Event::Sent(pushed.bytes));
        Ok(history.large_delivered(&[*pointer])?)
    };
    let why = match to_remote(history, remote, &unpushed, &mut delivered) {
        Ok(why) => why,
        // Nothing else can be pushed either.
        Err(error @ SyncError::Unreachable { .. }) => return Err(error),
        Err(error) => Some(with_causes(&error)),
    };
    let left = history.large_unpushed()?;
    pushed.left = left.len();
    pushed.left_bytes = left.iter().map(|pointer| pointer.size).sum();
    history.set_large_error(why.filter(|_| !left.is_empty()).as_deref())?;
    Ok(pushed)
}

/// An error with its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

type Delivered<'d> = dyn FnMut(&Pointer) -> Result<(), SyncError> + 'd;

/// Brings objects to the remote; gives the reason why it does not have all of them, if that is so.
fn to_remote(
    history: &HistoryRepo,
    remote: &Remote,
    unpushed: &[Pointer],
    delivered: &mut Delivered<'_>,
) -> Result<Option<String>, SyncError> {
    let store = history.large_files();
    if let Some(folder) = remote.folder(Service::ReceivePack)? {
        let mut why = None;
        for pointer in unpushed {
            match to_folder(&store, &folder, pointer) {
                Ok(()) => delivered(pointer)?,
                Err(error) => {
                    why.get_or_insert(format!(
                        "the large file {} can't be copied there: {error}",
                        pointer.oid
                    ));
                }
            }
        }
        return Ok(why);
    }
    let Some(mut lfs) = remote.lfs(Service::ReceivePack)? else {
        return Ok(Some(format!("{} takes no large files", remote.url().without_secret())));
    };
    let work = |transfers: &Transfers, pointer: &Pointer, actions: &Actions| {
        transfers.upload(actions, pointer, &|| {
            store.open(pointer).map_err(|error| format!("it is not here: {error}"))
        })
    };
    let reference = history.history_ref().as_bstr().to_string();
    exchange(&mut lfs, Operation::Upload, unpushed, &reference, &work, delivered)
}

/// Brings objects from the remote into the store. Each is hashed before it gets its name there.
pub fn fetch(
    history: &HistoryRepo,
    remote: &Remote,
    pointers: &[Pointer],
    context: Context<'_>,
) -> Result<(), SyncError> {
    let store = history.large_files();
    let mut wanted: Vec<Pointer> = pointers.iter().copied().filter(|pointer| !store.has(pointer)).collect();
    wanted.sort_unstable_by_key(|pointer| pointer.oid);
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut received = 0;
    let mut arrived = |pointer: &Pointer| {
        received += pointer.size;
        (context.observer)(Event::Received(received));
        Ok(())
    };
    if let Some(folder) = remote.folder(Service::UploadPack)? {
        // One that is not there keeps no other from coming.
        let mut first = None;
        for pointer in &wanted {
            match from_folder(history, &Store::at(&folder), pointer) {
                Ok(()) => arrived(pointer)?,
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        return first.map_or(Ok(()), Err);
    }
    let none = || format!("{} gives out no large files", remote.url().without_secret());
    let mut lfs = remote.lfs(Service::UploadPack)?.ok_or_else(|| SyncError::LargeRefused { why: none() })?;
    let incomplete = history.path().join("lfs/incomplete");
    std::fs::create_dir_all(&incomplete).map_err(SyncError::io("make folder", &incomplete))?;
    let work = |transfers: &Transfers, pointer: &Pointer, actions: &Actions| {
        receive(transfers, actions, pointer, (&store, &incomplete), context.pace)
    };
    let reference = history.history_ref().as_bstr().to_string();
    match exchange(&mut lfs, Operation::Download, &wanted, &reference, &work, &mut arrived)? {
        Some(why) => Err(SyncError::LargeRefused { why }),
        None => Ok(()),
    }
}

/// Asks the remote which of the objects it can give out; a folder's are hashed.
pub fn confirmed(
    history: &HistoryRepo,
    remote: &Remote,
    pointers: &[Pointer],
) -> Result<Vec<Pointer>, SyncError> {
    if let Some(folder) = remote.folder(Service::UploadPack)? {
        let store = Store::at(&folder);
        let has = |pointer: &&Pointer| store.is_whole(pointer).unwrap_or(false);
        return Ok(pointers.iter().filter(has).copied().collect());
    }
    let Some(mut lfs) = remote.lfs(Service::UploadPack)? else { return Ok(Vec::new()) };
    let reference = history.history_ref().as_bstr().to_string();
    let mut confirmed = Vec::new();
    for batch in pointers.chunks(limits::LFS_BATCH) {
        let planned = lfs.batch(Operation::Download, batch, &reference)?;
        let has = |(_, actions): &Planned| actions.as_ref().is_ok_and(|actions| actions.download.is_some());
        confirmed.extend(planned.into_iter().filter(has).map(|(pointer, _)| pointer));
    }
    Ok(confirmed)
}

/// Asks what to do with objects, and does it for several at once; gives the reason why it was not done for all.
fn exchange(
    lfs: &mut Lfs,
    operation: Operation,
    pointers: &[Pointer],
    reference: &str,
    work: &(dyn Fn(&Transfers, &Pointer, &Actions) -> Result<(), String> + Sync),
    done: &mut Delivered<'_>,
) -> Result<Option<String>, SyncError> {
    let mut left = pointers.to_vec();
    let mut why = None;
    let mut reasons = Reasons::default();
    for _ in 0..ROUNDS {
        let mut failed = Vec::new();
        let mut fail = |pointer: Pointer, error: &str| {
            failed.push(pointer);
            reasons.add(pointer.oid, error)
        };
        let first: Option<String> = why.take();
        for batch in left.chunks(limits::LFS_BATCH) {
            let mut jobs = Vec::new();
            let mut unanswered: Vec<Pointer> = batch.to_vec();
            let planned = match (lfs.batch(operation, batch, reference), &first) {
                (Err(error), Some(first)) => return Ok(Some(again(first, &with_causes(&error)))),
                (planned, _) => planned?,
            };
            for (pointer, actions) in planned {
                unanswered.retain(|left| *left != pointer);
                match actions {
                    Ok(actions) => jobs.push((pointer, actions)),
                    Err(error) => drop(why.get_or_insert(fail(pointer, &error))),
                }
            }
            for pointer in unanswered {
                why.get_or_insert(fail(pointer, "the server did not answer about it"));
            }
            let transfers = lfs.transfers();
            let next = AtomicUsize::new(0);
            let (sender, results) = crossbeam_channel::unbounded();
            std::thread::scope(|scope| {
                for _ in 0..transfers.at_once().min(jobs.len()) {
                    let (sender, jobs, next, transfers) = (sender.clone(), &jobs, &next, &transfers);
                    scope.spawn(move || {
                        while let Some((pointer, actions)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                            let result = work(transfers, pointer, actions);
                            if sender.send((*pointer, result)).is_err() {
                                return;
                            }
                        }
                    });
                }
                drop(sender);
                let results = results;
                for (pointer, result) in &results {
                    match result {
                        Ok(()) => done(&pointer)?,
                        Err(error) => drop(why.get_or_insert(fail(pointer, &error))),
                    }
                }
                Ok::<(), SyncError>(())
            })?;
        }
        left = failed;
        if left.is_empty() {
            return Ok(None);
        }
    }
    Ok(why)
}

/// The reasons why objects were not transferred, each with the one of the first try: the second may hide it.
#[derive(Default)]
struct Reasons {
    first: HashMap<Oid, String>,
}

impl Reasons {
    /// Takes the reason of a try; gives what is told of the object.
    fn add(&mut self, oid: Oid, error: &str) -> String {
        let first = self.first.entry(oid).or_insert_with(|| error.to_owned());
        if first == error {
            return format!("large file {oid}: {error}");
        }
        again(&format!("large file {oid}: {first}"), error)
    }
}

/// The reasons of two tries, in one line.
fn again(first: &str, second: &str) -> String {
    format!("{first}; when it was tried again: {second}")
}

/// Receives an object; what is cut off stays in the folder `incomplete`, and the next time begins there.
fn receive(
    transfers: &Transfers,
    actions: &Actions,
    pointer: &Pointer,
    (store, incomplete): (&Store, &Path),
    pace: &dyn Pace,
) -> Result<(), String> {
    let action = actions.download.as_ref().ok_or("the server has no such object")?;
    let path = incomplete.join(pointer.oid.to_string());
    let local = |error: io::Error| format!("{}: {error}", path.display());
    let options = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = options().map_err(local)?;
    // Another process may receive it, too: then it is here afterwards.
    file.lock().map_err(local)?;
    if store.has(pointer) {
        drop(std::fs::remove_file(&path));
        return Ok(());
    }
    let mut have = file.metadata().map_err(local)?.len();
    if have > pointer.size {
        file.set_len(0).map_err(local)?;
        have = 0;
    }
    let mut hashing = Hashing::default();
    let mut buffer = vec![0; PIECE];
    if have < pointer.size || pointer.size == 0 {
        let (start, content) = transfers.download(action, pointer, have)?;
        file.set_len(start).map_err(local)?;
        // What is here already leads to the place to write at.
        hash_rest(&mut file, &mut hashing, &mut buffer).map_err(local)?;
        let mut content = Timed::new(content, pace);
        let mut room = pointer.size - start;
        loop {
            let count = content.read(&mut buffer).map_err(|error| format!("it was cut off: {error}"))?;
            if count == 0 {
                break;
            }
            room = room.checked_sub(count as u64).ok_or_else(|| {
                drop(std::fs::remove_file(&path));
                other_content(pointer)
            })?;
            hashing.feed(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(local)?;
        }
        if room > 0 {
            return Err(format!("it was cut off, {room} bytes before its end"));
        }
    } else {
        hash_rest(&mut file, &mut hashing, &mut buffer).map_err(local)?;
    }
    if hashing.end() != *pointer {
        std::fs::remove_file(&path).map_err(local)?;
        return Err(other_content(pointer));
    }
    file.set_permissions(Permissions::from_mode(0o444)).and_then(|()| file.sync_all()).map_err(local)?;
    store.place(pointer, &path).map_err(local)
}

/// Hashes a file from where it is to its end.
fn hash_rest(file: &mut File, hashing: &mut Hashing, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        match file.read(buffer)? {
            0 => return Ok(()),
            count => hashing.feed(&buffer[..count]),
        }
    }
}

fn other_content(pointer: &Pointer) -> String {
    format!("the remote has other content in the place of the large file {}", pointer.oid)
}

/// Brings an object from the store of a repository's folder.
fn from_folder(history: &HistoryRepo, from: &Store, pointer: &Pointer) -> Result<(), SyncError> {
    let failed = |source| SyncError::Large { oid: pointer.oid.to_string(), source };
    let scratch = history.workspace()?;
    let object = from.open(pointer).map_err(failed)?;
    let taken = Store::take(&object, pointer.size, &scratch.join("large"), &mut |_| {}).map_err(failed)?;
    if taken.pointer != *pointer {
        return Err(SyncError::LargeRefused { why: other_content(pointer) });
    }
    taken.keep(&history.large_files()).map(drop).map_err(failed)
}

/// Puts an object where stock git-lfs has it in a repository's folder.
fn to_folder(store: &Store, folder: &Path, pointer: &Pointer) -> io::Result<()> {
    let to = Store::at(folder);
    if to.is_whole(pointer).unwrap_or(false) {
        return Ok(());
    }
    let tmp = folder.join("lfs/tmp");
    std::fs::create_dir_all(&tmp)?;
    let mut named = tempfile::Builder::new();
    let mut file = named.prefix(TEMPORARY).permissions(Permissions::from_mode(0o444)).tempfile_in(&tmp)?;
    sweep_large(&tmp, TEMPORARY, file.as_file().metadata()?.modified()?);
    store.copy_to(pointer, file.as_file_mut())?;
    file.as_file().sync_all()?;
    let (_, path) = file.keep().map_err(|failed| failed.error)?;
    if to.has(pointer) {
        // It is not what its name says.
        std::fs::remove_file(to.path(&pointer.oid))?;
    }
    to.place(pointer, &path)
}

#[cfg(test)]
mod tests;
