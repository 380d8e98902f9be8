//! Computing changed-path filters for a commit-graph: what each commit changed against its first parent, as far as the last
//! commit-graph does not say it.

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicUsize};

use bstr::BStr;
use gix::ObjectId;
use gix::objs::tree::{EntryRef, name_order};
use gix::objs::{Kind, TreeRefIter};

use crate::history::bloom::{ChangedPaths, Settings};
use crate::limits::{MAX_FILTER_DEPTH, MAX_NEW_FILTERS};
use crate::pack::objects::Objects as _;
use crate::{Interrupt, Repository, pack};

/// Filters that a thread computes in a row: those of neighbours, whose trees are much the same.
const IN_A_ROW: usize = 256;
/// Bytes of trees that each thread keeps.
const TREE_CACHE: usize = 32 << 20;

/// A commit whose filter is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// Its place in the commit-graph.
    pub(super) place: usize,
    pub(super) tree: ObjectId,
    /// The tree of its first parent.
    pub(super) before: Option<ObjectId>,
}

/// Computes the filters of `jobs`, those first that come first, and calls `done` with the place of each. Commits whose trees
/// can't be read get none, and those that are left when `interrupt` is set.
pub(super) fn compute(
    repository: &Repository,
    jobs: &[Job],
    threads: u32,
    interrupt: &Interrupt,
    mut done: impl FnMut(usize, Vec<u8>),
) {
    let jobs = &jobs[..jobs.len().min(MAX_NEW_FILTERS)];
    let next = AtomicUsize::new(0);
    let work = || {
        let mut repo = repository.to_gix();
        repo.object_cache_size(Some(TREE_CACHE));
        let mut filters = Vec::new();
        loop {
            let start = next.fetch_add(IN_A_ROW, atomic::Ordering::Relaxed);
            let Some(rest) = jobs.get(start..).filter(|rest| !rest.is_empty()) else { return filters };
            for job in &rest[..rest.len().min(IN_A_ROW)] {
                if interrupt.is_set() {
                    return filters;
                }
                if let Ok(paths) = changed_paths(&repo, job.before, Some(job.tree)) {
                    filters.push((job.place, Settings::OURS.filter(&paths)));
                }
            }
        }
    };
    let all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            // Who panicked computed nothing: its commits wait for the next commit-graph.
            all.extend(other.join().unwrap_or_default());
        }
        all
    });
    for (place, filter) in all {
        done(place, filter);
    }
}

/// A pair of trees to compare, one of which may be missing.
struct Pair {
    before: Option<ObjectId>,
    after: Option<ObjectId>,
    /// The path of the folder, with a slash at its end unless it is the root.
    folder: Vec<u8>,
    depth: usize,
}

/// The files that differ between two trees, until there are too many for a filter.
fn changed_paths(
    repo: &gix::Repository,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
) -> Result<ChangedPaths, pack::Error> {
    let mut paths = ChangedPaths::default();
    let mut pending = vec![Pair { before, after, folder: Vec::new(), depth: 0 }];
    let (mut old, mut new) = (Vec::new(), Vec::new());
    while let Some(pair) = pending.pop() {
        if pair.before == pair.after {
            continue;
        }
        for (id, buffer) in [(pair.before, &mut old), (pair.after, &mut new)] {
            buffer.clear();
            if let Some(id) = id {
                repo.objects.expect(&id, Kind::Tree, buffer)?;
            }
        }
        let tree = pair.after.or(pair.before).expect("one of the two differs from none");
        let malformed = || pack::Error::Malformed { id: tree, expected: "tree" };
        let mut befores =
            TreeRefIter::from_bytes(&old, tree.kind()).map(|entry| entry.map_err(|_| malformed()));
        let mut afters =
            TreeRefIter::from_bytes(&new, tree.kind()).map(|entry| entry.map_err(|_| malformed()));
        let (mut before, mut after) = (befores.next().transpose()?, afters.next().transpose()?);
        loop {
            let order = match (&before, &after) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree()),
            };
            let (mut from, mut to) = (None, None);
            if order != Ordering::Greater {
                from = std::mem::replace(&mut before, befores.next().transpose()?);
            }
            if order != Ordering::Less {
                to = std::mem::replace(&mut after, afters.next().transpose()?);
            }
            differ(&pair, from, to, &mut paths, &mut pending);
            if paths.are_too_many() {
                return Ok(paths);
            }
        }
    }
    Ok(paths)
}

/// Adds what differs in one entry of a pair of trees: a file's path, or the next pair.
fn differ(
    pair: &Pair,
    before: Option<EntryRef<'_>>,
    after: Option<EntryRef<'_>>,
    paths: &mut ChangedPaths,
    pending: &mut Vec<Pair>,
) {
    if let (Some(before), Some(after)) = (&before, &after)
        && before.oid == after.oid
        && before.mode.kind() == after.mode.kind()
    {
        return;
    }
    let Some(either) = after.or(before) else { return };
    let mut path = pair.folder.clone();
    path.extend_from_slice(either.filename);
    let tree_of = |entry: Option<EntryRef<'_>>| {
        entry.filter(|entry| entry.mode.is_tree()).map(|entry| entry.oid.to_owned())
    };
    // In one pair both are folders or both are none, by the order of names.
    if !either.mode.is_tree() {
        paths.add(BStr::new(&path));
    } else if pair.depth == MAX_FILTER_DEPTH {
        paths.give_up();
    } else {
        path.push(b'/');
        pending.push(Pair {
            before: tree_of(before),
            after: tree_of(after),
            folder: path,
            depth: pair.depth + 1,
        });
    }
}
