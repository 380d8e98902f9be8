//! Counts how far versions are apart and finds where they parted: walks by rank, in which every commit comes before
//! its parents, and which end when all that is left is known to every side.

use std::collections::{BinaryHeap, HashMap};

use gix::ObjectId;

use super::commits::Commits;
use super::{Error, History, Marks};

/// Versions that are compared with a base in one walk: the bits of a mark, less that of the base.
const AT_ONCE: usize = 63;

/// The number of commits that a version has and its base lacks, and the reverse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Apart {
    /// Commits of the version alone.
    pub ahead: usize,
    /// Commits of the base alone.
    pub behind: usize,
}

/// Commits on the way, highest rank first, with marks that go on to their parents.
#[derive(Default)]
pub(super) struct Painter {
    marks: Marks<u64>,
    queue: BinaryHeap<(u64, u32)>,
    /// Once a commit has all of these marks, nothing more can be told from it.
    settled: u64,
    /// Commits in the queue that are not settled.
    open: usize,
    parents: Vec<u32>,
}

impl Painter {
    pub(super) fn new(settled: u64) -> Self {
        Self { settled, ..Self::default() }
    }

    pub(super) fn marks(&self, place: u32) -> u64 {
        self.marks.get(place)
    }

    pub(super) fn add(&mut self, commits: &mut Commits<'_>, place: u32, marks: u64) -> Result<(), Error> {
        let mark = self.marks.at(place, commits.len());
        let (before, after) = (*mark, *mark | marks);
        *mark = after;
        let is_settled = |marks: u64| marks & self.settled == self.settled;
        if before == 0 {
            self.queue.push((commits.rank(place)?, place));
            self.open += usize::from(!is_settled(after));
        } else if !is_settled(before) && is_settled(after) {
            // It is in the queue still: no commit comes after its parents.
            self.open -= 1;
        }
        Ok(())
    }

    /// The next commit with all its marks; `None` once only settled ones are left.
    pub(super) fn next(&mut self, commits: &mut Commits<'_>) -> Result<Option<(u32, u64)>, Error> {
        if self.open == 0 {
            return Ok(None);
        }
        commits.step()?;
        let Some((_, place)) = self.queue.pop() else { return Ok(None) };
        let marks = self.marks.get(place);
        self.open -= usize::from(marks & self.settled != self.settled);
        Ok(Some((place, marks)))
    }

    /// Gives marks to the parents of a commit.
    pub(super) fn pass_on(&mut self, commits: &mut Commits<'_>, place: u32, marks: u64) -> Result<(), Error> {
        let mut parents = std::mem::take(&mut self.parents);
        commits.parents(place, &mut parents)?;
        for parent in &parents {
            self.add(commits, *parent, marks)?;
        }
        self.parents = parents;
        Ok(())
    }
}

impl History<'_> {
    /// Counts the distance of each of `tips` from `base`, in their order.
    pub fn apart(&mut self, base: ObjectId, tips: &[ObjectId]) -> Result<Vec<Apart>, Error> {
        let mut all = Vec::with_capacity(tips.len());
        for tips in tips.chunks(AT_ONCE) {
            let commits = &mut self.commits;
            let mut painter = Painter::new(u64::MAX >> (AT_ONCE - tips.len()));
            let place = commits.place(base);
            painter.add(commits, place, 1)?;
            for (bit, tip) in tips.iter().enumerate() {
                let place = commits.place(*tip);
                painter.add(commits, place, 2 << bit)?;
            }
            // Few combinations of versions have commits of their own.
            let mut counts: HashMap<u64, usize> = HashMap::new();
            while let Some((place, marks)) = painter.next(commits)? {
                *counts.entry(marks).or_default() += 1;
                painter.pass_on(commits, place, marks)?;
            }
            all.extend((0..tips.len()).map(|bit| {
                let mut apart = Apart::default();
                for (marks, count) in &counts {
                    match (marks & 1 != 0, marks & (2 << bit) != 0) {
                        (true, false) => apart.behind += count,
                        (false, true) => apart.ahead += count,
                        _ => {}
                    }
                }
                apart
            }));
        }
        Ok(all)
    }

    /// The best common ancestors of two commits, newest first: those that are no ancestor of another common one.
    pub fn merge_bases(&mut self, one: ObjectId, other: ObjectId) -> Result<Vec<ObjectId>, Error> {
        const BOTH: u64 = 3;
        /// On commits below a common one.
        const BELOW: u64 = 4;
        let commits = &mut self.commits;
        let mut painter = Painter::new(BELOW);
        for (id, mark) in [(one, 1), (other, 2)] {
            let place = commits.place(id);
            painter.add(commits, place, mark)?;
        }
        let mut found = Vec::new();
        while let Some((place, marks)) = painter.next(commits)? {
            let is_common = marks & BOTH == BOTH;
            if is_common && marks & BELOW == 0 {
                found.push((commits.time(place)?, place));
            }
            painter.pass_on(commits, place, if is_common { marks | BELOW } else { marks })?;
        }
        found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        Ok(found.into_iter().map(|(_, place)| commits.id(place)).collect())
    }
}
