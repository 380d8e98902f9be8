//! Finds the commits that both sides have, and whether they are enough to make a pack.

use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::objs::Kind;

use crate::Error;
use crate::pack::objects::{Objects, peel, see_new_packs};
use crate::pack::{Commits, IdSet};

/// The state of a negotiation.
pub(super) struct Common<'a> {
    repo: &'a gix::Repository,
    wants: Vec<ObjectId>,
    /// The objects that both sides have, in the order told.
    pub(super) ids: Vec<ObjectId>,
    /// Commits whose parents the client lacks.
    shallow: IdSet,
    commits: IdSet,
    oldest: i64,
    /// True if the packs that there are now are known.
    is_fresh: bool,
    /// The number of common commits when it was last asked whether that's enough, and the answer.
    asked: Option<(usize, bool)>,
}

impl<'a> Common<'a> {
    /// Nothing is known to be common yet.
    pub(super) fn new(repo: &'a gix::Repository, wants: &[ObjectId], shallow: &IdSet) -> Self {
        Self {
            repo,
            shallow: shallow.clone(),
            wants: wants.to_vec(),
            ids: Vec::new(),
            commits: IdSet::default(),
            oldest: i64::MAX,
            is_fresh: false,
            asked: None,
        }
    }

    /// Takes in that the client has `id`; whether we have it too.
    pub(super) fn add(&mut self, commits: &mut Commits<'_>, id: ObjectId) -> Result<bool, Error> {
        if !self.is_here(id) {
            return Ok(false);
        }
        self.ids.push(id);
        let mut buffer = Vec::new();
        if let Some((commit, Kind::Commit)) = peel(&self.repo.objects, id, &mut buffer, &mut |_| {})? {
            self.note(commits, commit)?;
            // Who has a commit has its parents.
            if !self.shallow.contains(&commit) {
                for parent in &commits.get(commit)?.parents {
                    if self.repo.objects.has(parent) {
                        self.note(commits, *parent)?;
                    }
                }
            }
        }
        Ok(true)
    }

    fn is_here(&mut self, id: ObjectId) -> bool {
        if self.repo.objects.exists_without_refresh(&id) {
            return true;
        }
        // A client has much that we don't: that must not make us look at the disk's packs anew each time, but once.
        if std::mem::replace(&mut self.is_fresh, true) {
            return false;
        }
        see_new_packs(&self.repo.objects);
        self.repo.objects.exists_without_refresh(&id)
    }

    fn note(&mut self, commits: &mut Commits<'_>, commit: ObjectId) -> Result<(), Error> {
        if self.commits.insert(commit) {
            self.oldest = self.oldest.min(commits.get(commit)?.time);
        }
        Ok(())
    }

    /// Returns whether each wanted commit descends from a common one, so that further haves would gain little.
    pub(super) fn is_enough(&mut self, commits: &mut Commits<'_>) -> Result<bool, Error> {
        match self.asked {
            Some((_, true)) => return Ok(true),
            Some((count, false)) if count == self.commits.len() => return Ok(false),
            _ => {}
        }
        let answer = !self.commits.is_empty() && self.all_wants_reach(commits)?;
        self.asked = Some((self.commits.len(), answer));
        Ok(answer)
    }

    fn all_wants_reach(&self, commits: &mut Commits<'_>) -> Result<bool, Error> {
        let mut buffer = Vec::new();
        for want in &self.wants {
            let Some((want, Kind::Commit)) = peel(&self.repo.objects, *want, &mut buffer, &mut |_| {})?
            else {
                continue;
            };
            if !self.reaches(commits, want)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reaches(&self, commits: &mut Commits<'_>, want: ObjectId) -> Result<bool, Error> {
        let mut seen = IdSet::default();
        let mut queue = BinaryHeap::from([(i64::MAX, want)]);
        while let Some((_, id)) = queue.pop() {
            if self.commits.contains(&id) {
                return Ok(true);
            }
            let info = commits.get(id)?;
            if info.time < self.oldest {
                continue;
            }
            for parent in &info.parents {
                if seen.insert(*parent) && self.repo.objects.has(parent) {
                    queue.push((commits.get(*parent)?.time, *parent));
                }
            }
        }
        Ok(false)
    }
}
