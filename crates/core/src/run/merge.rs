//! Merging the records of two computers: the union by run id.
//!
//! Where both have a run, [`newer`] picks one. It is the maximum of a total order, so merging is
//! commutative, associative and idempotent: whoever merges with whom, in whatever order, all end with
//! the same records.

use std::cmp::Ordering;

use gix::{ObjectId, Repository, actor};

use super::{
    record::RunRecord,
    shard::{self, Difference},
    store::{Error, Tip, Totals, read_record},
};
use crate::join;

/// What merging came to.
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
    /// Where the runs ref is now.
    pub fn tip(self) -> ObjectId {
        match self {
            Self::Ours(id) | Self::Theirs(id) | Self::Both(id) => id,
        }
    }
}

/// Which of two records of one run stays: who knows more of its end, then the later end, the later
/// start, then the larger bytes.
pub fn newer<'a>(one: &'a RunRecord, two: &'a RunRecord) -> &'a RunRecord {
    if order(one, two).is_ge() { one } else { two }
}

fn order(one: &RunRecord, two: &RunRecord) -> Ordering {
    let key = |r: &RunRecord| (r.status.knowledge(), r.end_time_utc, r.start_time_utc);
    key(one).cmp(&key(two)).then_with(|| one.to_stored().cmp(&two.to_stored()))
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
    let mut runs = ours.totals.runs;
    let mut taken = Vec::new();
    for Difference { run, ours, theirs } in shard::differences(repo, ours.tree, their_tree)? {
        match ours {
            None => {
                runs += 1;
                taken.push((run, theirs));
            }
            Some(ours) => {
                let (one, two) = (read_record(repo, &run, ours)?, read_record(repo, &run, theirs)?);
                if order(&one, &two).is_lt() {
                    taken.push((run, theirs));
                }
            }
        }
    }
    let tree = shard::put(repo, ours.tree, taken)?;
    let totals = Totals { runs, last_number: ours.totals.last_number.max(their_tip.totals.last_number) };
    let message = totals.message("Merge run records of two computers");
    join::write_commit(repo, tree, &[theirs, our_commit], by, message.as_str().into())
        .map(Merged::Both)
        .map_err(Error::WriteObject)
}
