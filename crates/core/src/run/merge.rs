//! Merging the records of two computers: the union by run id.
//!
//! Where both have a run, [`newer`] picks one, the maximum of a total order; where two runs have one id,
//! [`Placing`] keeps both. So merging is commutative, associative and idempotent: whoever merges with
//! whom, in whatever order, all end with the same records.

use std::{cmp::Ordering, collections::BTreeMap};

use gix::{ObjectId, Repository, actor};

use super::{
    origin::SUBMITTED_AS,
    record::{RecordError, RunRecord},
    shard::{self, Difference},
    store::{Error, Tip, Totals, read_record},
};
use crate::{id::RunId, join};

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
    let mut placing = Placing::on(repo, ours.tree);
    for Difference { run, theirs, .. } in shard::differences(repo, ours.tree, their_tree)? {
        let theirs = Placed::read(repo, &run, theirs)?;
        placing.place_at(run, theirs)?;
    }
    let (tree, added) = placing.write()?;
    let totals = Totals {
        runs: ours.totals.runs.saturating_add(added),
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
    placed: BTreeMap<RunId, Placed>,
    added: u64,
}

/// One run's entry after a merge.
enum Placed {
    Record(Box<RunRecord>),
    /// A record that this version can't read: kept byte for byte. One of a newer version goes before every record that can be read,
    /// one that is damaged goes after them; of two the higher version stays, and then the larger id.
    AsIs {
        newer: Option<u64>,
        blob: ObjectId,
    },
}

impl Placed {
    fn read(repo: &Repository, run: &RunId, blob: ObjectId) -> Result<Self, Error> {
        match read_record(repo, run, blob) {
            Ok(record) => Ok(Self::Record(Box::new(record))),
            Err(Error::Record { source: RecordError::Newer { version }, .. }) => {
                Ok(Self::AsIs { newer: Some(version), blob })
            }
            Err(Error::Record { .. }) => Ok(Self::AsIs { newer: None, blob }),
            Err(error) => Err(error),
        }
    }
}

impl<'r> Placing<'r> {
    /// Into the runs tree `tree`; without one, into a new one.
    pub(super) fn on(repo: &'r Repository, tree: Option<ObjectId>) -> Self {
        Self { repo, tree, placed: BTreeMap::new(), added: 0 }
    }

    /// Lets a record take its place: the newer of two about one run stays, and of two runs with one id the later one
    /// gets an id of its own. The id that the record's run has now.
    fn place(&mut self, record: RunRecord) -> Result<RunId, Error> {
        let id = record.run_id.clone();
        let found = match self.at(&id)? {
            None => {
                self.added += 1;
                self.insert(record);
                return Ok(id);
            }
            Some(Placed::AsIs { newer: Some(_), .. }) => return Ok(id),
            Some(Placed::AsIs { newer: None, .. }) => {
                self.insert(record);
                return Ok(id);
            }
            Some(Placed::Record(found)) => *found,
        };
        let (one, two) = (found.origin(), record.origin());
        if one == two || is_moved(&record) {
            if order(&found, &record).is_lt() {
                self.insert(record);
            }
            Ok(id)
        } else if one < two {
            self.place(record.moved())
        } else {
            self.insert(record);
            self.place(found.moved())?;
            Ok(id)
        }
    }

    /// Lets what is kept of the run `id` elsewhere take its place.
    fn place_at(&mut self, id: RunId, theirs: Placed) -> Result<(), Error> {
        let (newer, blob) = match theirs {
            Placed::Record(record) => return self.place(*record).map(drop),
            Placed::AsIs { newer, blob } => (newer, blob),
        };
        let stays = match self.at(&id)? {
            None => {
                self.added += 1;
                false
            }
            Some(Placed::Record(_)) => newer.is_none(),
            Some(Placed::AsIs { newer: ours, blob: our_blob }) => (ours, our_blob) > (newer, blob),
        };
        if !stays {
            self.placed.insert(id, theirs);
        }
        Ok(())
    }

    /// Puts the record of a run in the place of the one that is there, also of one that knows more. One of a newer version
    /// stays; the record is kept beside it, under an id of its own.
    pub(super) fn replace(&mut self, record: RunRecord) -> Result<RunId, Error> {
        let record = match self.at(&record.run_id)? {
            Some(Placed::AsIs { newer: Some(_), .. }) => record.moved(),
            _ => record,
        };
        let id = self.place(record.clone())?;
        let record = if id == record.run_id { record } else { record.moved() };
        self.insert(record);
        Ok(id)
    }

    fn insert(&mut self, record: RunRecord) {
        self.placed.insert(record.run_id.clone(), Placed::Record(Box::new(record)));
    }

    /// The record at `id`, as it is by now, if there is one that can be read.
    pub(super) fn find(&self, id: &RunId) -> Result<Option<RunRecord>, Error> {
        Ok(match self.at(id)? {
            Some(Placed::Record(record)) => Some(*record),
            Some(Placed::AsIs { .. }) | None => None,
        })
    }

    fn at(&self, id: &RunId) -> Result<Option<Placed>, Error> {
        match self.placed.get(id) {
            Some(Placed::Record(record)) => return Ok(Some(Placed::Record(record.clone()))),
            Some(Placed::AsIs { newer, blob }) => {
                return Ok(Some(Placed::AsIs { newer: *newer, blob: *blob }));
            }
            None => {}
        }
        let blob = self.tree.map(|tree| shard::get(self.repo, tree, id)).transpose()?.flatten();
        blob.map(|blob| Placed::read(self.repo, id, blob)).transpose()
    }

    /// Writes the tree; gives it, and how many records came to those that were there.
    pub(super) fn write(self) -> Result<(ObjectId, u64), Error> {
        let mut blobs = Vec::with_capacity(self.placed.len());
        for (id, placed) in self.placed {
            let blob = match placed {
                Placed::AsIs { blob, .. } => blob,
                Placed::Record(record) => {
                    self.repo.write_blob(record.to_stored()).map_err(Error::WriteObject)?.detach()
                }
            };
            blobs.push((id, blob));
        }
        Ok((shard::put(self.repo, self.tree, blobs)?, self.added))
    }
}

/// Whether it has an id of its own already: then nobody else has that.
fn is_moved(record: &RunRecord) -> bool {
    record.properties.contains_key(SUBMITTED_AS)
}
