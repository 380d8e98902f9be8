//! The open repositories: one for each record at most, and no more of them at a time than the process has memory for.
//!
//! A [`Handle`] opens its repository when somebody needs it. [`OpenRepositories`] keeps those open that were used last
//! and closes the others; who still uses one that is closed keeps it, and who opens it again meanwhile gets the same one.

use std::fmt;
use std::fs::Metadata;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use git_wire::{KeptHead, Repository, RepositoryError, WeakRepository};

use crate::limits::OPEN_REPOSITORIES;

/// A repository's folder, which is opened when it is needed.
#[derive(Clone, Default)]
pub(crate) struct Handle(Arc<Kept>);

#[derive(Default)]
struct Kept {
    opened: Mutex<Opened>,
    /// The count of uses of all repositories when this one was used last.
    used: AtomicU64,
    /// The time that its refs took to show the last time, in microseconds and one more; 0 if they were not shown since it was opened.
    refs_took: AtomicU64,
    /// True if what killed processes left in it is removed, or about to be.
    is_swept: AtomicBool,
    head: KeptHead,
    /// The bytes of its objects as they were counted last, and one more; 0 if they have not been since the last push.
    size: AtomicU64,
}

#[derive(Default)]
struct Opened {
    kept: Option<Repository>,
    /// The repository as long as anybody uses it.
    used: WeakRepository,
}

/// The repositories of one server that are kept open.
#[derive(Default)]
pub(crate) struct OpenRepositories {
    open: Mutex<Vec<Handle>>,
    uses: AtomicU64,
    /// The count of uses when idle ones were looked for last.
    looked: AtomicU64,
    /// Those that were opened for the first time.
    unswept: Mutex<Vec<Handle>>,
}

impl Handle {
    /// The open repository, opened at this path if it isn't.
    pub(crate) fn open(&self, all: &OpenRepositories, path: &Path) -> Result<Repository, RepositoryError> {
        let mut opened = lock(&self.0.opened);
        self.0.used.store(all.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(repository) = &opened.kept {
            return Ok(repository.clone());
        }
        let repository = match opened.used.upgrade() {
            Some(repository) => repository,
            None => Repository::open(path)?,
        };
        *opened = Opened { used: repository.downgrade(), kept: Some(repository.clone()) };
        drop(opened);
        if !self.0.is_swept.swap(true, Ordering::Relaxed) {
            lock(&all.unswept).push(self.clone());
        }
        all.keep(self);
        Ok(repository)
    }

    /// The full name of the branch that `HEAD` names, read without opening the repository at this path; none if it is not
    /// born.
    pub(crate) fn default_branch(&self, path: &Path) -> Result<Option<String>, gix::Error> {
        Ok(self.0.head.branch(path)?.map(|branch| branch.as_bstr().to_string()))
    }

    /// The bytes that the objects of the repository at this path take on the disk, counted once between two pushes. What
    /// cannot be read counts nothing.
    pub(crate) fn size(&self, path: &Path) -> u64 {
        if let Some(known) = self.0.size.load(Ordering::Relaxed).checked_sub(1) {
            return known;
        }
        let size = object_bytes(&path.join("objects"));
        self.0.size.store(size.saturating_add(1), Ordering::Relaxed);
        size
    }

    /// Has the size counted anew: the repository has changed.
    pub(crate) fn forget_size(&self) {
        self.0.size.store(0, Ordering::Relaxed);
    }

    fn close(&self) {
        self.0.refs_took.store(0, Ordering::Relaxed);
        let closed = lock(&self.0.opened).kept.take();
        // What it has mapped is given back without the lock.
        drop(closed);
    }

    /// The time that its refs took to show the last time; `None` before the first, and when it is not open any more.
    pub(crate) fn refs_took(&self) -> Option<Duration> {
        self.0.refs_took.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
    }

    /// Records the time that its refs took to show.
    pub(crate) fn set_refs_took(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        self.0.refs_took.store(micros, Ordering::Relaxed);
    }

    fn last_use(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }
}

impl OpenRepositories {
    /// Keeps one more open, and closes the one that was not used for the longest time if they are too many.
    fn keep(&self, handle: &Handle) {
        let mut open = lock(&self.open);
        open.push(handle.clone());
        if open.len() <= OPEN_REPOSITORIES {
            return;
        }
        let oldest = (0..open.len()).min_by_key(|at| open[*at].last_use());
        let closed = oldest.map(|at| open.swap_remove(at));
        drop(open);
        if let Some(closed) = closed {
            closed.close();
        }
    }

    /// The repositories that were opened for the first time since this was called before. One that is closed already comes
    /// when it is opened again.
    pub(crate) fn take_unswept(&self) -> Vec<Repository> {
        let unswept = std::mem::take(&mut *lock(&self.unswept));
        let mut open = Vec::new();
        for handle in unswept {
            let repository = lock(&handle.0.opened).used.upgrade();
            handle.0.is_swept.store(repository.is_some(), Ordering::Relaxed);
            open.extend(repository);
        }
        open
    }

    /// Closes all: what is at their paths is another state's.
    pub(crate) fn close_all(&self) {
        lock(&self.unswept).clear();
        let open = std::mem::take(&mut *lock(&self.open));
        for handle in open {
            handle.close();
        }
    }

    /// Closes those that nobody used since this was called before.
    pub(crate) fn close_idle(&self) {
        let before = self.looked.swap(self.uses.load(Ordering::Relaxed), Ordering::Relaxed);
        let mut open = lock(&self.open);
        let idle: Vec<Handle> = open.extract_if(.., |handle| handle.last_use() < before).collect();
        drop(open);
        for handle in idle {
            handle.close();
        }
    }
}

/// The bytes of the files in `objects` and in the folders in it, which is as deep as Git goes.
fn object_bytes(objects: &Path) -> u64 {
    let files = |folder: &Path| -> u64 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .filter(Metadata::is_file)
            .map(|file| file.len())
            .sum()
    };
    let folders = std::fs::read_dir(objects).into_iter().flatten().flatten();
    folders.map(|folder| files(&folder.path())).sum()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Handles say nothing about what is known: they are all equal.
impl PartialEq for Handle {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(handle: &Handle) -> bool {
        lock(&handle.0.opened).kept.is_some()
    }

    #[test]
    fn the_last_used_stay_open_and_idle_ones_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        Repository::create_bare(folder.path(), "master").unwrap();
        let (all, path) = (OpenRepositories::default(), folder.path());
        let handles: Vec<Handle> = (0..OPEN_REPOSITORIES + 3).map(|_| Handle::default()).collect();
        for handle in &handles {
            handle.open(&all, path).unwrap();
            handles[0].open(&all, path).unwrap();
        }
        assert!(is_kept(&handles[0]), "it was used all the time");
        assert_eq!(handles.iter().filter(|handle| is_kept(handle)).count(), OPEN_REPOSITORIES);
        assert!(!handles[1..4].iter().any(is_kept), "the oldest are closed");
        assert_eq!(all.take_unswept().len(), OPEN_REPOSITORIES);
        handles[1].open(&all, path).unwrap();
        assert_eq!(all.take_unswept().len(), 1, "it was closed before it could be swept");

        all.close_idle();
        handles[0].open(&all, path).unwrap();
        all.close_idle();
        assert_eq!(handles.iter().filter(|handle| is_kept(handle)).count(), 1);
        all.close_idle();
        assert!(!is_kept(&handles[0]));
    }

    #[test]
    fn who_uses_a_closed_repository_shares_it_with_who_opens_it_again() {
        let folder = tempfile::tempdir().unwrap();
        Repository::create_bare(folder.path(), "master").unwrap();
        let (all, handle) = (OpenRepositories::default(), Handle::default());
        let reader = handle.open(&all, folder.path()).unwrap().read();
        all.close_idle();
        all.close_idle();
        assert!(!is_kept(&handle));
        std::fs::remove_dir_all(folder.path()).unwrap();
        handle.open(&all, folder.path()).expect("it is the one that the reader has open");
        all.close_idle();
        all.close_idle();
        drop(reader);
        assert!(handle.open(&all, folder.path()).is_err(), "it is opened anew");
    }
}
