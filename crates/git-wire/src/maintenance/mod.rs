//! Keeping a repository fast that is pushed to often: many small packs and loose objects become few packs with real
//! deltas, and walks find the commits in a commit-graph.
//!
//! Runs beside clients and never in their way. Nothing that is stored is ever lost: a new pack is complete, verified and
//! on the disk before what it replaces goes, objects that no ref reaches are kept in a pack of their own, and a killed
//! process leaves at most something twice. One process at a time does it, whoever else reads or writes.

mod deltas;
mod filters;
mod graph;
mod plan;
mod rewrite;
mod sweep;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gix::ObjectId;

use crate::pack::{self, Pack};
use crate::{Interrupt, Repository, RepositoryError};
use graph::When;
use plan::Work;

/// The time to wait for readers of replaced files; files still in use then are removed by the next maintenance.
const READERS_TIMEOUT: Duration = Duration::from_secs(2);

/// The thresholds at which maintenance is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Packs beside the large one.
    pub small_packs: usize,
    /// Loose objects.
    pub loose_objects: usize,
    /// Commits; with fewer, walks are as fast without a commit-graph.
    pub commits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { small_packs: 32, loose_objects: 2_000, commits: 100 }
    }
}

/// The options of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The thresholds at which maintenance is due.
    pub limits: Limits,
    /// Makes one pack of everything, whether due or not.
    pub everything: bool,
    /// True if new packs are written through to the disk before the files that they replace are removed.
    pub durable: bool,
    /// Threads that look for deltas and compute changed-path filters.
    pub threads: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), everything: false, durable: true, threads: 1 }
    }
}

/// The result of a maintenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// True if another maintenance was under way, and nothing was done.
    pub busy: bool,
    /// Packs that were replaced.
    pub packs_replaced: usize,
    /// Loose objects that went into a pack.
    pub loose_packed: usize,
    /// True if all that branches and tags reach is in one pack now.
    pub consolidated: bool,
    /// Commits in the new commit-graph; 0 if none was written.
    pub commits_in_graph: usize,
    /// Files and folders that were of no use any more.
    pub removed: usize,
    /// True if it ended early, because that was asked for. The rest waits for the next time.
    pub interrupted: bool,
}

/// Why maintenance could not be done. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pack couldn't be made.
    #[error("couldn't consolidate the packs of '{repository}'")]
    Pack {
        /// The repository.
        repository: PathBuf,
        /// The cause.
        #[source]
        source: pack::Error,
    },
    /// It can't be opened again with what was stored.
    #[error("couldn't open the repository with its new packs")]
    Open(#[source] RepositoryError),
    /// The refs can't be read.
    #[error("couldn't read the refs of '{repository}'")]
    Refs {
        /// The repository.
        repository: PathBuf,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// The disk failed.
    #[error("couldn't {what} '{path}'")]
    Disk {
        /// The action that was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The new pack doesn't hold what it should: nothing was replaced.
    #[error("the new pack in '{repository}' has {found} objects where {expected} were written")]
    Incomplete {
        /// The repository.
        repository: PathBuf,
        /// Objects found.
        found: u64,
        /// Objects expected.
        expected: u64,
    },
}

impl Error {
    fn is_interruption(&self) -> bool {
        matches!(self, Self::Pack { source: pack::Error::Interrupted, .. })
    }
}

/// Returns whether maintenance is due. Cheap: to be asked after each push.
pub fn is_due(repository: &Repository, options: &Options) -> bool {
    let Ok(packs) = repository.packs().packs(false) else { return false };
    let (base, small) = split(repository, &packs);
    let objects: Vec<u32> = small.iter().map(|pack| pack.objects()).collect();
    let loose = sweep::guess_loose(repository.packs().objects_folder());
    plan::plan(&objects, base, loose, options.limits) != Work::Nothing
}

/// Removes what killed processes have left in the repository: quarantines, temporary files, locks. Returns how much that
/// was.
///
/// To be called when a server opens a repository for the first time. It is safe beside living pushes, of this process and
/// of others: the process that fills a quarantine holds a lock in it, and what has no such lock goes when it is a day old.
pub fn sweep(repository: &Repository) -> usize {
    sweep::leftovers(repository.git_dir(), repository.packs().objects_folder())
}

/// Writes a commit-graph with all that walks through history can use, if the one that is there lacks any of it. How many
/// commits it has; 0 if none was written, which is so for small repositories too. When `interrupt` is set, this ends soon:
/// without a new commit-graph, or with one that lacks filters.
///
/// # Errors
/// If the disk fails or a commit is damaged; then everything is as it was.
pub fn write_commit_graph(
    repository: &Repository,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<usize, Error> {
    let Some(_lock) = lock(repository)? else { return Ok(0) };
    match graph::update(repository, When::Changed, options, interrupt) {
        Err(error) if error.is_interruption() => Ok(0),
        done => done,
    }
}

/// Does what is due.
///
/// # Errors
/// If the disk fails or an object is damaged; then everything is as it was.
pub fn maintain(repository: &Repository, options: &Options) -> Result<Report, Error> {
    maintain_until(repository, options, &Interrupt::default())
}

/// Does what is due. When `interrupt` is set, this ends soon: a pack that is not complete by then goes, and the packs that it
/// was to replace stay.
///
/// # Errors
/// If the disk fails or an object is damaged; then everything is as it was.
pub fn maintain_until(
    repository: &Repository,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Report, Error> {
    let mut report = Report::default();
    let Some(_lock) = lock(repository)? else { return Ok(Report { busy: true, ..report }) };
    match run(repository, options, interrupt, &mut report) {
        Err(error) if error.is_interruption() => Ok(Report { interrupted: true, ..report }),
        done => done.map(|()| report),
    }
}

/// [`maintain_until()`], under the lock.
fn run(
    repository: &Repository,
    options: &Options,
    interrupt: &Interrupt,
    report: &mut Report,
) -> Result<(), Error> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Disk { what: "tidy", path, source }
    };
    let folder = repository.packs().objects_folder();
    report.removed += repository.readers().remove_retired(Duration::ZERO).map_err(disk(folder))?;
    report.removed += sweep::leftovers(repository.git_dir(), folder);

    let failed = |source| Error::Pack { repository: repository.git_dir().to_owned(), source };
    let packs = repository.packs().packs(true).map_err(failed)?;
    let (base, small) = split(repository, &packs);
    let loose = sweep::loose_objects(folder).map_err(disk(folder))?;
    let objects: Vec<u32> = small.iter().map(|pack| pack.objects()).collect();
    let work = plan::plan(&objects, base, loose.len(), options.limits);
    let is_one = small.is_empty() && loose.is_empty() && base.is_some();
    let work = if options.everything && !is_one { Work::Everything } else { work };
    match work {
        Work::Nothing => return Ok(()),
        Work::RollUp(which) => {
            let which: Vec<Arc<Pack>> = which.into_iter().map(|at| Arc::clone(small[at])).collect();
            let new = rewrite::roll_up(repository, &which, &loose, options, interrupt)?;
            replace(repository, &which, &loose, &[new], report)?;
        }
        Work::Everything => {
            let which: Vec<Arc<Pack>> = small.into_iter().cloned().collect();
            let rolled_up = if which.len() + loose.len() > 1 {
                let new = rewrite::roll_up(repository, &which, &loose, options, interrupt)?;
                replace(repository, &which, &loose, &[new], report)?;
                true
            } else {
                false
            };
            let packs = repository.packs().packs(rolled_up).map_err(failed)?;
            let replaced: Vec<Arc<Pack>> =
                packs.iter().filter(|pack| is_ours_to_replace(repository, pack)).cloned().collect();
            let new = rewrite::consolidate(repository, &replaced, options, interrupt)?;
            replace(repository, &replaced, &[], &new, report)?;
            report.consolidated = true;
        }
    }
    let when = if report.consolidated { When::Changed } else { When::ManyChanged };
    report.commits_in_graph = graph::update(repository, when, options, interrupt)?;
    report.removed += repository.readers().remove_retired(READERS_TIMEOUT).map_err(disk(folder))?;
    Ok(())
}

/// Returns the number of objects of the last full repack, and the packs that came since and may be replaced.
fn split<'p>(repository: &Repository, packs: &'p [Arc<Pack>]) -> (Option<u32>, Vec<&'p Arc<Pack>>) {
    let closure = repository.closure().get();
    let is_base = |pack: &Pack| {
        closure.as_ref().is_some_and(|closure| {
            pack.has_checksum(&closure.pack) || closure.rest.is_some_and(|rest| pack.has_checksum(&rest))
        })
    };
    let mut base: Option<u32> = None;
    let mut small = Vec::new();
    for pack in packs.iter().filter(|pack| is_ours_to_replace(repository, pack)) {
        if is_base(pack) {
            base = Some(base.unwrap_or_default().saturating_add(pack.objects()));
        } else {
            small.push(pack);
        }
    }
    (base, small)
}

/// Not one of another repository, not one that somebody marked to be kept, not one that is on its way out.
fn is_ours_to_replace(repository: &Repository, pack: &Pack) -> bool {
    let path = pack.path();
    path.parent() == Some(&repository.packs().objects_folder().join("pack"))
        && !["keep", "promisor"].iter().any(|extension| path.with_extension(extension).exists())
        && !repository.readers().is_retired(path)
}

/// Retires what the packs `new` hold as well. Who begins from then on knows those packs, and finds all of it there.
fn replace(
    repository: &Repository,
    packs: &[Arc<Pack>],
    loose: &[(ObjectId, PathBuf)],
    new: &[ObjectId],
    report: &mut Report,
) -> Result<(), Error> {
    let mut files = Vec::new();
    for pack in packs.iter().filter(|pack| !new.iter().any(|new| pack.has_checksum(new))) {
        // The index first: without it the pack isn't looked at.
        files.extend(["idx", "rev", "bitmap", "pack"].map(|extension| pack.path().with_extension(extension)));
        report.packs_replaced += 1;
    }
    files.extend(loose.iter().map(|(_, path)| path.clone()));
    report.loose_packed += loose.len();
    repository.refresh().map_err(Error::Open)?;
    repository.readers().retire(files);
    Ok(())
}

/// The lock that one process has at a time; `None` if another has it.
fn lock(repository: &Repository) -> Result<Option<File>, Error> {
    let folder = repository.git_dir().join(pack::OWN_FOLDER);
    let path = folder.join("maintenance.lock");
    let failed = |source| Error::Disk { what: "lock", path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
