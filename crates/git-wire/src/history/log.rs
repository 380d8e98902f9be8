//! Commits from some versions back, newest first: all of them, or those that changed a path, as `git log -- PATH` shows them.
//!
//! With a path, history is simplified as Git does by default: a merge at which the path is as in one parent is not shown, and
//! only that parent is followed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;

use super::apart::Painter;
use super::commits::Commits;
use super::paths::PathQuery;
use super::{Error, History, Marks};

/// Selects the commits of a [`Log`].
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// The commits where it begins.
    pub tips: Vec<ObjectId>,
    /// These commits and their ancestors are left out.
    pub hidden: Vec<ObjectId>,
    /// Follows only the first parent of each merge.
    pub first_parent: bool,
    /// Leaves out what did not change the path.
    pub path: Option<PathQuery>,
}

/// Commits, newest first.
pub struct Log<'h, 'r> {
    commits: &'h mut Commits<'r>,
    options: LogOptions,
    queue: BinaryHeap<(i64, Reverse<u32>, u32)>,
    /// The number of commits put into the queue: of one time, the first comes first.
    queued: u32,
    seen: Marks<bool>,
    /// Tells which commits are left out, if any are.
    shown: Option<Painter>,
    /// The hidden commits that were named.
    bottoms: Vec<u32>,
    parents: Vec<u32>,
}

const SHOWN: u64 = 1;
const HIDDEN: u64 = 2;

impl<'r> History<'r> {
    /// Begins a walk.
    pub fn log<'h>(&'h mut self, options: LogOptions) -> Result<Log<'h, 'r>, Error> {
        let commits = &mut self.commits;
        let tips: Vec<u32> = options.tips.iter().map(|tip| commits.place(*tip)).collect();
        let bottoms: Vec<u32> = options.hidden.iter().map(|id| commits.place(*id)).collect();
        let mut shown = None;
        if !bottoms.is_empty() {
            let mut painter = Painter::new(HIDDEN);
            for place in &tips {
                painter.add(commits, *place, SHOWN)?;
            }
            for place in &bottoms {
                painter.add(commits, *place, HIDDEN)?;
            }
            while let Some((place, marks)) = painter.next(commits)? {
                painter.pass_on(commits, place, marks)?;
            }
            shown = Some(painter);
        }
        let mut log = Log {
            commits,
            options,
            queue: BinaryHeap::new(),
            queued: 0,
            seen: Marks::default(),
            shown,
            bottoms,
            parents: Vec::new(),
        };
        for tip in tips {
            log.add(tip)?;
        }
        Ok(log)
    }
}

impl Log<'_, '_> {
    fn is_hidden(&self, place: u32) -> bool {
        // A commit that the first walk did not come to is an ancestor of hidden ones alone.
        self.shown.as_ref().is_some_and(|painter| painter.marks(place) != SHOWN)
    }

    fn add(&mut self, place: u32) -> Result<(), Error> {
        if self.is_hidden(place) || std::mem::replace(self.seen.at(place, self.commits.len()), true) {
            return Ok(());
        }
        let time = self.commits.time(place)?;
        self.queue.push((time, Reverse(self.queued), place));
        self.queued += 1;
        Ok(())
    }

    /// The next commit that is shown.
    pub fn next_commit(&mut self) -> Result<Option<ObjectId>, Error> {
        while let Some((_, _, place)) = self.queue.pop() {
            self.commits.step()?;
            let mut parents = std::mem::take(&mut self.parents);
            self.commits.parents(place, &mut parents)?;
            if self.options.first_parent {
                parents.truncate(1);
            }
            let is_shown = self.is_shown(place, &mut parents)?;
            for parent in &parents {
                self.add(*parent)?;
            }
            self.parents = parents;
            if is_shown {
                return Ok(Some(self.commits.id(place)));
            }
        }
        Ok(None)
    }

    /// Returns whether a commit is shown; leaves only those of its `parents` that are followed.
    fn is_shown(&mut self, place: u32, parents: &mut Vec<u32>) -> Result<bool, Error> {
        let Some(path) = &self.options.path else { return Ok(true) };
        let shown = self.shown.as_ref();
        // Of the commits that are left out, only those that were named count in a comparison.
        let counts = |place: u32| {
            shown.is_none_or(|painter| painter.marks(place) == SHOWN) || self.bottoms.contains(&place)
        };
        if parents.is_empty() {
            let tree = self.commits.tree(place)?;
            return Ok(path.find(self.commits, tree)?.is_some());
        }
        let (mut relevant, mut differs_from_relevant, mut differs_from_others) = (0, false, false);
        for (number, parent) in parents.iter().copied().enumerate() {
            let is_relevant = counts(parent);
            relevant += usize::from(is_relevant);
            if !changes(self.commits, path, place, parent, number == 0)? {
                if is_relevant {
                    *parents = vec![parent];
                    return Ok(false);
                }
            } else if is_relevant {
                differs_from_relevant = true;
            } else {
                differs_from_others = true;
            }
        }
        Ok(if relevant > 0 { differs_from_relevant } else { differs_from_others })
    }
}

/// Returns whether the path in a commit is another than in one of its parents.
pub(super) fn changes(
    commits: &mut Commits<'_>,
    path: &PathQuery,
    place: u32,
    parent: u32,
    is_first_parent: bool,
) -> Result<bool, Error> {
    // Filters are about the first parent.
    if is_first_parent
        && let Some(graph) = commits.in_graph(place)
        && !path.may_change(graph, place)
    {
        return Ok(false);
    }
    let (before, after) = (commits.tree(parent)?, commits.tree(place)?);
    path.differs(commits, before, after)
}

impl std::fmt::Debug for Log<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("options", &self.options).finish_non_exhaustive()
    }
}
