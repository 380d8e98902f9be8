//! Making new packs out of old ones.

use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BStr;
use gix::ObjectId;
use gix::refs::Target;

use super::{Error, Options, deltas};
use crate::Repository;
use crate::interrupt::{Interrupt, Until};
use crate::pack::{
    self, Closure, Commits, Connectivity, CountOptions, Counted, IdSet, IngestOptions, Pack, WriteOptions,
};

/// Chunks of a pack on their way from who makes it to who indexes it, and the size of one.
const CHUNKS_AHEAD: usize = 16;
const CHUNK: usize = 64 * 1024;

/// One pack of all the objects of `packs` and of the loose ones, with new deltas; its checksum.
pub(super) fn roll_up(
    repository: &Repository,
    packs: &[Arc<Pack>],
    loose: &[(ObjectId, PathBuf)],
    options: &Options,
    interrupt: &Interrupt,
) -> Result<ObjectId, Error> {
    let mut ids: Vec<ObjectId> =
        packs.iter().flat_map(|pack| pack.ids()).chain(loose.iter().map(|(id, _)| *id)).collect();
    ids.sort_unstable();
    ids.dedup();
    take_in(repository, ids.len(), options, interrupt, |out| {
        deltas::write(repository, &ids, options.threads, interrupt, out)
    })
}

/// One pack of all that branches and tags reach, recorded as their closure unless history is cut, and one with everything else that is in
/// `packs`. Deltas are kept as they are. Gives the new packs' checksums.
pub(super) fn consolidate(
    repository: &Repository,
    packs: &[Arc<Pack>],
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Vec<ObjectId>, Error> {
    let mut repo = repository.to_gix();
    repo.objects.ignore_replacements = true;
    let tips = tips(repository, &repo, is_branch_or_tag)?;
    let mut commits = Commits::new(&repo, &repo.objects).until(interrupt);
    let counted = pack::count_with(&mut commits, &tips, &[], &CountOptions::default(), &mut |_| Ok(()))
        .map_err(|source| failed(repository, source))?;
    let shown: IdSet = counted.objects.iter().copied().collect();
    let mut rest: Vec<ObjectId> = packs.iter().flat_map(|pack| pack.ids()).collect();
    rest.sort_unstable();
    rest.dedup();
    rest.retain(|id| !shown.contains(id));

    let store = |objects: Vec<ObjectId>| {
        if objects.is_empty() {
            return Ok(None);
        }
        let counted = Counted { objects, ..Counted::default() };
        let checksum = take_in(repository, counted.objects.len(), options, interrupt, |out| {
            pack::write_with(&repo.objects, repository.packs(), &counted, WriteOptions::default(), out)
                .map(|_| ())
        })?;
        Ok(Some(checksum))
    };
    let rest = store(rest)?;
    let shown_objects = u32::try_from(shown.len()).unwrap_or(u32::MAX);
    let pack = store(counted.objects)?;
    // Where history is cut, the pack is less than its tips reach once the rest has been fetched.
    if let Some(pack) = pack.filter(|_| matches!(repo.is_shallow(), Ok(false))) {
        let closure = Closure { rest, ..Closure::new(pack, shown_objects, tips) };
        repository.closure().set(&closure).map_err(|source| failed(repository, source))?;
    }
    Ok(pack.into_iter().chain(rest).collect())
}

/// Returns whether the name is that of a branch or tag.
fn is_branch_or_tag(name: &BStr) -> bool {
    name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/")
}

/// Returns the objects of the refs whose names `is_wanted` accepts. A ref that can't be read or points to nothing is
/// passed over, as when refs are listed.
pub(super) fn tips(
    repository: &Repository,
    repo: &gix::Repository,
    is_wanted: fn(&BStr) -> bool,
) -> Result<Vec<ObjectId>, Error> {
    let failed = |source| Error::Refs { repository: repository.git_dir().to_owned(), source };
    let refs = repo.refs.iter().map_err(failed)?;
    let mut tips = Vec::new();
    for reference in refs.all().map_err(|error| failed(gix::Error::from_error(error)))? {
        let Ok(reference) = reference else { continue };
        if let Target::Object(id) = reference.target
            && is_wanted(reference.name.as_bstr())
            && repo.has_object(id)
        {
            tips.push(id);
        }
    }
    Ok(tips)
}

/// Takes in the pack that `write` makes: indexed, every object inflated and hashed, and complete.
fn take_in(
    repository: &Repository,
    expected: usize,
    options: &Options,
    interrupt: &Interrupt,
    write: impl FnOnce(&mut dyn Write) -> Result<(), pack::Error>,
) -> Result<ObjectId, Error> {
    let ingest = IngestOptions {
        fsck: false,
        connectivity: Connectivity::Unchecked,
        thin: false,
        durable: options.durable,
        interrupt: interrupt.clone(),
        ..IngestOptions::default()
    };
    let repo = repository.to_gix().into_sync();
    let (written, received) = std::thread::scope(|scope| {
        let (pipe, pack) = gix_utils::io::pipe::unidirectional(CHUNKS_AHEAD);
        let indexing = scope.spawn(move || {
            let repo = repo.to_thread_local();
            pack::ingest(&repo, &mut BufReader::with_capacity(CHUNK, pack), &ingest, &mut |_| {})
        });
        let mut pipe = BufWriter::with_capacity(CHUNK, pipe);
        let written = write(&mut Until::new(&mut pipe, interrupt))
            .and_then(|()| pipe.flush().map_err(pack::Error::Send));
        let (pipe, _) = pipe.into_parts();
        drop(pipe);
        (written, indexing.join().expect("indexing a pack does not panic"))
    });
    let failed = |source| failed(repository, source);
    if interrupt.is_set() {
        return Err(failed(pack::Error::Interrupted));
    }
    // If the indexer gave up, that is why the writer could not go on.
    let quarantine = match (written, received) {
        (Err(pack::Error::Send(_)) | Ok(()), Err(error)) | (Err(error), _) => {
            return Err(failed(error));
        }
        (Ok(()), Ok(quarantine)) => quarantine,
    };
    let found = u64::from(quarantine.received().total);
    if found != expected as u64 {
        let repository = repository.git_dir().to_owned();
        return Err(Error::Incomplete { repository, found, expected: expected as u64 });
    }
    let checksum = quarantine.checksum().expect("a pack with objects has a checksum");
    quarantine.accept().map_err(failed)?;
    Ok(checksum)
}

fn failed(repository: &Repository, source: pack::Error) -> Error {
    Error::Pack { repository: repository.git_dir().to_owned(), source }
}
