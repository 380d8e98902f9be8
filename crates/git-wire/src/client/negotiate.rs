//! Chooses the commits to offer as known: newest first, and nothing below what the server has as well.

use std::collections::{BinaryHeap, HashMap};

use gix::ObjectId;

use super::Error;

/// Offers commits of the local history, newest first.
pub(super) struct Negotiator<'r> {
    repository: &'r gix::Repository,
    /// Commits whose parents count as absent, even if they are here.
    boundary: &'r [ObjectId],
    /// Commits to look at: by time, then by id so that the order is one; and whether it counts as open.
    queue: BinaryHeap<(i64, ObjectId, bool)>,
    /// Every commit that was ever queued, and whether the server is known to have it.
    seen: HashMap<ObjectId, bool>,
    /// Entries of the queue that count as open: not known to be the server's when they were queued.
    open: usize,
}

impl<'r> Negotiator<'r> {
    /// Starts from tips of what is here. Ids that are not here, or no commits, are passed over.
    pub(super) fn new(
        repository: &'r gix::Repository,
        boundary: &'r [ObjectId],
        tips: impl IntoIterator<Item = ObjectId>,
    ) -> Self {
        let mut new = Self { repository, boundary, queue: BinaryHeap::new(), seen: HashMap::new(), open: 0 };
        for tip in tips {
            new.add(tip, false);
        }
        new
    }

    fn add(&mut self, id: ObjectId, is_common: bool) {
        // Queued again when it turns out to be common, so that its parents learn it.
        let was = self.seen.insert(id, is_common || self.seen.get(&id).copied().unwrap_or_default());
        if was.is_none_or(|was_common| is_common && !was_common) {
            self.enqueue(id, is_common);
        }
    }

    fn enqueue(&mut self, id: ObjectId, is_common: bool) {
        let time = self
            .repository
            .find_commit(id)
            .ok()
            .and_then(|commit| commit.time().ok())
            .map(|time| time.seconds);
        if let Some(time) = time {
            self.queue.push((time, id, !is_common));
            self.open += usize::from(!is_common);
        }
    }

    /// The server has this commit, and so all that it is made upon.
    pub(super) fn is_common(&mut self, id: ObjectId) {
        self.add(id, true);
    }

    /// The next commit to offer; `None` when there is nothing left that the server might have.
    pub(super) fn next(&mut self) -> Result<Option<ObjectId>, Error> {
        let mut offered = None;
        while offered.is_none() && self.open > 0 {
            let Some((_, id, was_open)) = self.queue.pop() else { break };
            self.open -= usize::from(was_open);
            let is_common = self.seen.get(&id).copied().unwrap_or_default();
            if was_open && !is_common {
                offered = Some(id);
            }
            if self.boundary.contains(&id) {
                continue;
            }
            let commit = self
                .repository
                .find_commit(id)
                .map_err(|source| Error::repository("reading a commit", self.repository, source))?;
            // Parents that are absent (a shallow boundary) are passed over by `enqueue`.
            let parents: Vec<_> = commit.parent_ids().map(gix::Id::detach).collect();
            for parent in parents {
                self.add(parent, is_common);
            }
        }
        Ok(offered)
    }
}
