//! Merging the records of two computers: the union by run id.
//!
//! A run that both have gets one record, the maximum of a total order ([`newer`](super::joined::newer)); two runs with one id are both
//! kept ([`Group`]). So merging is commutative, associative and idempotent: whoever merges with whom, in whatever
//! order, all end with the same records.

use std::collections::{BTreeMap, BTreeSet};

use gix::{ObjectId, Repository, actor};

use super::{
    error::Error,
    group::{Content, Group},
    record::RunRecord,
    shard::{self, Difference},
    stored::read_record,
    tip::{Tip, Totals},
};
use crate::{id::RunId, join};

/// The result of merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// Ours had theirs in it already.
    Ours(ObjectId),
    /// Theirs had ours in it; the ref is at theirs now.
    Theirs(ObjectId),
    /// A commit with the records of both, whose parents are theirs and ours.
    Both(ObjectId),
}

impl Merged {
    /// Returns the commit that the runs ref points to now.
    pub fn tip(self) -> ObjectId {
        match self {
            Self::Ours(id) | Self::Theirs(id) | Self::Both(id) => id,
        }
    }
}

/// Merges the records of `theirs` into those of `ours`; moves no ref.
pub(super) fn merge(
    repo: &Repository,
    ours: &Tip,
    theirs: ObjectId,
    by: &actor::Signature,
) -> Result<Merged, Error> {
    let their_tip = Tip::at(repo, Some(theirs))?;
    let Some(our_commit) = ours.commit else { return Ok(Merged::Theirs(theirs)) };
    if join::contains(repo, our_commit, theirs).map_err(Error::History)? {
        return Ok(Merged::Ours(our_commit));
    }
    if join::contains(repo, theirs, our_commit).map_err(Error::History)? {
        return Ok(Merged::Theirs(theirs));
    }
    let their_tree = their_tip.tree.expect("a commit has a tree");
    let mut placing = Placing::on(repo, ours.tree);
    let mut seen = BTreeSet::new();
    for Difference { run, .. } in shard::differences(repo, ours.tree, their_tree)? {
        if seen.insert(run.epoch_ms()) {
            let theirs = Group::read(repo, shard::of_moment(repo, Some(their_tree), &run)?)?;
            placing.group(&run)?.join(theirs);
        }
    }
    let (tree, change) = placing.write()?;
    let totals = Totals {
        runs: ours.totals.runs.saturating_add_signed(change),
        last_number: ours.totals.last_number.max(their_tip.totals.last_number),
    };
    let message = totals.message("Merge run records of two computers");
    join::write_commit(repo, tree, &[theirs, our_commit], by, message.as_str().into())
        .map(Merged::Both)
        .map_err(Error::WriteObject)
}

/// Records on their way into a runs tree.
pub(super) struct Placing<'r> {
    repo: &'r Repository,
    tree: Option<ObjectId>,
    /// By its millisecond: the objects that the tree has of it, and what it comes to.
    groups: BTreeMap<u64, (BTreeMap<RunId, ObjectId>, Group)>,
}

impl<'r> Placing<'r> {
    /// Into the runs tree `tree`; without one, into a new one.
    pub(super) fn on(repo: &'r Repository, tree: Option<ObjectId>) -> Self {
        Self { repo, tree, groups: BTreeMap::new() }
    }

    /// The records of a run's millisecond, as they are by now.
    fn group(&mut self, run: &RunId) -> Result<&mut Group, Error> {
        let moment = run.epoch_ms();
        if !self.groups.contains_key(&moment) {
            let kept = shard::of_moment(self.repo, self.tree, run)?;
            let group = Group::read(self.repo, kept.clone())?;
            self.groups.insert(moment, (kept.into_iter().collect(), group));
        }
        Ok(&mut self.groups.get_mut(&moment).expect("it is there by now").1)
    }

    /// Takes in the records of another runs tree, a small one; gives how many it has.
    pub(super) fn join(&mut self, theirs: ObjectId) -> Result<usize, Error> {
        let mut seen = BTreeSet::new();
        for entry in shard::NewestFirst::new(self.repo, theirs)? {
            let (run, _) = entry?;
            if seen.insert(run.epoch_ms()) {
                let theirs = Group::read(self.repo, shard::of_moment(self.repo, Some(theirs), &run)?)?;
                self.group(&run)?.join(theirs);
            }
        }
        Ok(seen.len())
    }

    /// Puts the record of a run in the place of the one that is there, also of one that knows more. One of a newer version
    /// stays; the record is kept beside it, under an id of its own. Gives the id that the record has.
    pub(super) fn replace(&mut self, record: RunRecord) -> Result<RunId, Error> {
        Ok(self.group(&record.submitted_as())?.replace(record))
    }

    /// The record at `id`, as it is by now, if there is one that can be read.
    pub(super) fn find(&mut self, id: &RunId) -> Result<Option<RunRecord>, Error> {
        match self.group(id)?.layout().remove(id) {
            Some(Content::Record(record)) => Ok(Some(*record)),
            Some(Content::Blob(blob)) => match read_record(self.repo, id, blob) {
                Err(Error::Record { .. }) => Ok(None),
                read => read.map(Some),
            },
            None => Ok(None),
        }
    }

    /// Writes the tree; gives it, and by how much the number of records has changed.
    pub(super) fn write(self) -> Result<(ObjectId, i64), Error> {
        let (mut changes, mut change) = (Vec::new(), 0);
        for (mut kept, group) in self.groups.into_values() {
            for (id, content) in group.layout() {
                let blob = match content {
                    Content::Blob(blob) => blob,
                    Content::Record(record) => {
                        self.repo.write_blob(record.to_stored()).map_err(Error::WriteObject)?.detach()
                    }
                };
                let before = kept.remove(&id);
                change += i64::from(before.is_none());
                if before != Some(blob) {
                    changes.push((id, Some(blob)));
                }
            }
            for id in kept.into_keys() {
                change -= 1;
                changes.push((id, None));
            }
        }
        Ok((shard::change(self.repo, self.tree, changes)?, change))
    }
}
