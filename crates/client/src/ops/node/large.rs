//! Large files in the store of a project on this node: what it lacks, taking it in, giving out what runs left.
//!
//! Objects stay from run to run, so that a snapshot with the same files sends nothing. What a run left goes when the azml that
//! submitted it has it, unless a snapshot here needs it, too.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use azml_core::fsck;
use azml_core::history::HistoryRepo;
use azml_core::id::{ProjectId, RunId};
use azml_core::large::{Oid, Pointer, Store};
use azml_core::refs::{self, InboxPart};
use azml_core::run::RunStore;

use super::Base;
use crate::context::Context;
use crate::engine::objects;
use crate::error::CommandError;
use crate::limits;

/// Keeps others from removing objects until it is dropped.
fn lock(store: &HistoryRepo) -> Result<File, CommandError> {
    let path = store.own_folder().join("large.lock");
    let failed = |error| CommandError::file("lock", &path, error);
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Gives those of the objects in a list that are not here. What the folder `from` of this computer's own has is linked from there.
pub fn lacks(
    ctx: &Context,
    project: ProjectId,
    list: &str,
    from: Option<&Path>,
) -> Result<String, CommandError> {
    let history = Base::of(ctx)?.store(project)?;
    let pointers = objects::parse_list(list).map_err(CommandError::usage)?;
    // Whoever asks has pushed the snapshot: from here on nothing removes what it needs.
    let _lock = lock(&history)?;
    let store = history.large_files();
    let scratch = history.workspace()?;
    let own = from.map(Store::at);
    let mut lacking = Vec::new();
    for pointer in pointers.into_iter().filter(|pointer| !store.has(pointer)) {
        let linked = own.as_ref().and_then(|own| own.take_from(&pointer, &scratch.join("linked")));
        match linked {
            Some(taken) => {
                taken
                    .keep(&store)
                    .map_err(|error| CommandError::file("write into", store.folder(), error))?;
            }
            None => lacking.push(pointer),
        }
    }
    let wanted: u64 = lacking.iter().map(|pointer| pointer.size).sum();
    if let Some(why) = no_room(history.path(), wanted) {
        return Err(CommandError::failed(why));
    }
    Ok(objects::list(&lacking))
}

/// Takes in all objects of another store.
pub(super) fn link_all(history: &HistoryRepo, from: &Path) -> io::Result<()> {
    let (store, own) = (Store::at(from), history.large_files());
    let scratch = history.workspace().map_err(io::Error::other)?;
    for pointer in store.all()?.iter().filter(|pointer| !own.has(pointer)) {
        let to = scratch.join("large");
        let taken = match store.take_from(pointer, &to) {
            Some(taken) => taken,
            // It is on another disk.
            None => Store::take(&store.open(pointer)?, pointer.size, &to, &mut |_| {})?,
        };
        if taken.pointer == *pointer {
            taken.keep(&own)?;
        }
    }
    Ok(())
}

/// The reason why there is no room for so many bytes.
fn no_room(folder: &Path, wanted: u64) -> Option<String> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    (wanted > 0 && free < wanted.saturating_add(limits::NODE_FREE)).then(|| {
        format!(
            "there is no room on the disk of {} for the {} of large files: {} are free",
            folder.display(),
            crate::text::size(wanted),
            crate::text::size(free)
        )
    })
}

/// Takes in a stream of objects from standard input.
pub fn take(ctx: &Context, project: ProjectId) -> Result<(), CommandError> {
    let history = Base::of(ctx)?.store(project)?;
    objects::receive(&history, &mut BufReader::new(io::stdin()), &mut |_| {})
        .map(drop)
        .map_err(CommandError::failed)
}

/// Gives out the objects of a list, as a stream on standard output; those that are not here are left out.
pub fn give(ctx: &Context, project: ProjectId, list: &str) -> Result<(), CommandError> {
    let history = Base::of(ctx)?.store(project)?;
    let pointers = objects::parse_list(list).map_err(CommandError::usage)?;
    let mut told = |_| {};
    let mut stream = objects::Sending::new(history.large_files(), &pointers, &mut told);
    io::copy(&mut stream, &mut io::stdout().lock())
        .map(drop)
        .map_err(|error| CommandError::file("send from", history.large_files().folder(), error))
}

/// Reads a list from standard input.
pub fn list_of_stdin() -> Result<String, CommandError> {
    let mut text = String::new();
    io::stdin().take(limits::NODE_ANSWER).read_to_string(&mut text).map_err(CommandError::failed)?;
    Ok(text)
}

/// The large files of every snapshot that this node has a ref to: of jobs that are here, and the one that came last.
pub(super) fn needed(store: &HistoryRepo) -> Result<BTreeSet<Oid>, CommandError> {
    let mut commits = Vec::new();
    let git = store.git();
    let all = git.references().map_err(CommandError::failed)?;
    let code = refs::code(store.id());
    for found in all.all().map_err(CommandError::failed)?.flatten() {
        let name = found.name();
        let is_code = name == code.as_ref()
            || refs::inbox_of(store.id(), name).is_some_and(|(_, part)| part == InboxPart::Code);
        if is_code && let Some(id) = found.try_id() {
            commits.push(id.detach());
        }
    }
    Ok(fsck::large_files_of(store, commits).into_keys().collect())
}

/// The large files that a run left, by its records.
pub(super) fn left_by(store: &HistoryRepo, run: &RunId) -> Result<Vec<Pointer>, CommandError> {
    let records = RunStore::new(&store.for_run(run.clone())).all()?;
    Ok(records.iter().flat_map(|record| record.large_attachments().into_values()).collect())
}

/// Removes objects that no snapshot here needs; gives the bytes that this freed.
pub(super) fn remove(store: &HistoryRepo, pointers: &[Pointer]) -> Result<u64, CommandError> {
    if pointers.is_empty() {
        return Ok(0);
    }
    let _lock = lock(store)?;
    let needed = needed(store)?;
    let files = store.large_files();
    let mut freed = 0;
    for pointer in pointers.iter().filter(|pointer| !needed.contains(&pointer.oid)) {
        match files.remove(pointer) {
            Ok(bytes) => freed += bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(CommandError::file("remove", &files.path(&pointer.oid), error)),
        }
    }
    store.large_delivered(pointers)?;
    Ok(freed)
}
