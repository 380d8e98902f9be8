//! Looking at the whole folder: what is there, and what the index already knows of it.
//!
//! Several threads look at folders ([`look`]); each goes down by itself and shares what it has left when another has
//! nothing. Nothing is read but ignore files. No recursion: a tree may be as deep as the file system allows.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use gix::bstr::BString;

use super::{
    Error, LeftOut, Observer,
    look::{Buffers, look},
    node::{Found, Node},
};
use crate::{
    ignore::Rules,
    stat_index::StatIndex,
    user_repo::{Tracked, UserRepo, nested::Nested},
};

/// What all threads share.
pub(super) struct Walk<'a> {
    pub(super) root: &'a OwnedFd,
    pub(super) root_path: PathBuf,
    pub(super) rules: Rules,
    /// Asked at most once, by whichever thread comes first.
    pub(super) user: Mutex<Option<UserRepo>>,
    pub(super) index: Option<&'a StatIndex>,
    /// Whether a folder's own stat data says that its names are the same.
    pub(super) trusts_folders: bool,
    pub(super) threads: usize,
    pub(super) observer: &'a dyn Observer,
}

/// A folder to look at.
pub(super) struct Task {
    pub(super) number: usize,
    pub(super) path: BString,
    /// Those that hold where it is.
    pub(super) rules: Rules,
    /// Its number in the index.
    pub(super) known: Option<u32>,
    /// A rule leaves the folder out: only what the user's Git tracks in it is in.
    pub(super) tracked_only: bool,
    /// The nested repositories that it lies in.
    pub(super) nested: Nested,
}

struct Heap {
    tasks: Vec<Task>,
    busy: usize,
    failed: Option<Error>,
}

/// What the threads of one walk share.
pub(super) struct Shared<'a> {
    pub(super) walk: &'a Walk<'a>,
    heap: Mutex<Heap>,
    more: Condvar,
    /// Threads that wait for something to do.
    idle: AtomicUsize,
    /// Folders found so far, and so the next one's number.
    pub(super) folders: AtomicUsize,
    /// Files seen so far.
    pub(super) files: AtomicUsize,
    tracked: OnceLock<Result<Tracked, Error>>,
}

/// What one thread found.
#[derive(Default)]
pub(super) struct Harvest {
    pub(super) nodes: Vec<(usize, Node)>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Looks at the whole folder.
pub(super) fn walk(walk: &Walk<'_>) -> Result<Found, Error> {
    let shared = Shared {
        walk,
        heap: Mutex::new(Heap {
            tasks: vec![Task {
                number: 0,
                path: BString::default(),
                rules: walk.rules.clone(),
                known: walk.index.map(StatIndex::root),
                tracked_only: false,
                nested: Nested::default(),
            }],
            busy: 0,
            failed: None,
        }),
        more: Condvar::new(),
        idle: AtomicUsize::new(0),
        folders: AtomicUsize::new(1),
        files: AtomicUsize::new(0),
        tracked: OnceLock::new(),
    };
    let harvests: Vec<Harvest> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..walk.threads).map(|_| scope.spawn(|| work(&shared))).collect();
        let mut harvests = vec![work(&shared)];
        harvests.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        harvests
    });
    let heap = shared.heap.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = heap.failed {
        return Err(error);
    }
    let mut numbered = Vec::with_capacity(shared.folders.load(Ordering::Relaxed));
    let mut left_out = Vec::new();
    for harvest in harvests {
        numbered.extend(harvest.nodes);
        left_out.extend(harvest.left_out);
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    debug_assert!(
        numbered.iter().enumerate().all(|(at, (number, _))| at == *number),
        "every folder is here once"
    );
    left_out.sort_unstable();
    Ok(Found { nodes: numbered.into_iter().map(|(_, node)| node).collect(), left_out })
}

fn work(shared: &Shared<'_>) -> Harvest {
    let mut harvest = Harvest::default();
    let mut buffers = Buffers::default();
    while let Some(task) = shared.take() {
        let mut tasks = vec![task];
        while let Some(task) = tasks.pop() {
            let done = look(shared, task, &mut buffers, &mut harvest, &mut tasks);
            if let Err(error) = done {
                shared.heap().failed.get_or_insert(error);
                tasks.clear();
            }
            // The oldest are nearest to the top, and likely to be the most work.
            if tasks.len() > 1 && shared.idle.load(Ordering::Relaxed) > 0 {
                let keep = tasks.split_off(tasks.len().div_ceil(2));
                shared.heap().tasks.append(&mut tasks);
                tasks = keep;
                shared.more.notify_all();
            }
        }
        shared.heap().busy -= 1;
    }
    // Whoever ends first tells those that wait for more.
    shared.more.notify_all();
    harvest
}

impl Shared<'_> {
    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something to do, waited for as long as another thread may find more; `None` at the end of the walk.
    fn take(&self) -> Option<Task> {
        let mut heap = self.heap();
        loop {
            if heap.failed.is_some() {
                return None;
            }
            if let Some(task) = heap.tasks.pop() {
                heap.busy += 1;
                return Some(task);
            }
            if heap.busy == 0 {
                return None;
            }
            self.idle.fetch_add(1, Ordering::Relaxed);
            heap = self.more.wait(heap).unwrap_or_else(PoisonError::into_inner);
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Read when a rule first leaves something out, and then once.
    pub(super) fn tracked(&self) -> Result<&Tracked, Error> {
        let user = || self.walk.user.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || match &*user() {
            Some(user) => user.tracked().map_err(|source| Error::UserRepo(Box::new(source))),
            None => Ok(Tracked::default()),
        };
        match self.tracked.get_or_init(read) {
            Ok(tracked) => Ok(tracked),
            // The first to meet it reports it; the error itself can't be shared.
            Err(_) => match read() {
                Err(error) => Err(error),
                Ok(_) => Err(Error::Io {
                    action: "read the Git index of",
                    path: self.walk.root_path.clone(),
                    source: std::io::ErrorKind::Interrupted.into(),
                }),
            },
        }
    }
}
