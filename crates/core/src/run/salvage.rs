//! Reading run records of which some are damaged, and writing the whole ones anew.

use std::collections::{BTreeMap, BTreeSet};

use gix::{ObjectId, Repository, actor};

use super::{
    error::Error,
    record::RecordError,
    shard,
    store::RunStore,
    stored::{read_or_stand_in, read_record},
    tip::Totals,
};
use crate::{id::RunId, join};

/// The readable part of the records.
#[derive(Debug, Default)]
pub struct Salvage {
    /// Records that are whole, with their objects.
    pub sound: BTreeMap<RunId, ObjectId>,
    /// Records that are damaged, with the newest object of an older state that is whole.
    pub older: BTreeMap<RunId, ObjectId>,
    /// Those of `sound` that are of a newer version.
    pub newer: BTreeSet<RunId>,
    /// Records that can't be read in any state that is here, with their objects: they stay as they are.
    pub unreadable: BTreeMap<RunId, ObjectId>,
    /// Records whose objects are missing in every state that is here.
    pub lost: BTreeSet<RunId>,
    /// The name of an entry that a newer azml has put beside the layout that this one knows.
    pub newer_layout: Option<String>,
}

impl RunStore<'_> {
    /// Looks at every record, and for each that can't be read at the states before.
    pub fn look(&self) -> Result<Salvage, Error> {
        let repo = self.history().git();
        let mut salvage = Salvage::default();
        let mut next = self.commit()?;
        let mut is_newest = true;
        while let Some(commit) = next {
            let tree = join::tree_of(repo, commit);
            let mut complete = false;
            if let Ok(tree) = tree {
                match shard::load_root(repo, tree) {
                    Err(Error::NewerLayout { found }) if is_newest => {
                        salvage.newer_layout = Some(found);
                        return Ok(salvage);
                    }
                    Err(_) => {}
                    Ok(_) => complete = salvage.take(repo, tree, is_newest),
                }
            }
            if complete && salvage.lost.is_empty() && salvage.unreadable.is_empty() {
                break;
            }
            is_newest = false;
            next = repo
                .find_commit(commit)
                .ok()
                .and_then(|commit| commit.parent_ids().next().map(gix::Id::detach))
                .filter(|parent| repo.has_object(*parent));
        }
        Ok(salvage)
    }

    /// Writes a state of the records that has exactly these, after the one that is there.
    pub(crate) fn write_anew(
        self,
        records: impl IntoIterator<Item = (RunId, ObjectId)>,
        by: &actor::Signature,
    ) -> Result<ObjectId, Error> {
        let repo = self.history().git();
        let records: Vec<_> = records.into_iter().collect();
        let mut totals = Totals { runs: records.len() as u64, last_number: 0 };
        for (run, blob) in &records {
            totals.last_number =
                totals.last_number.max(read_or_stand_in(repo, run.clone(), *blob)?.run_number);
        }
        let tree = shard::put(repo, None, records)?;
        let name = self.history().runs_ref();
        let tip = self.commit()?;
        let message = totals.message("Damaged records mended");
        let commit = join::write_commit(repo, tree, tip.as_slice(), by, message.as_str().into())
            .map_err(Error::WriteObject)?;
        self.history().update_ref(&name, tip, commit).map_err(Error::Ref)?;
        Ok(commit)
    }
}

impl Salvage {
    /// Takes what one state has; whether all of its folders could be read.
    fn take(&mut self, repo: &Repository, tree: ObjectId, is_newest: bool) -> bool {
        let (entries, complete) = shard::readable(repo, tree);
        for (run, blob) in entries {
            if self.sound.contains_key(&run) || self.older.contains_key(&run) {
                continue;
            }
            let read = read_record(repo, &run, blob);
            match read {
                Ok(_) | Err(Error::Record { source: RecordError::Newer { .. }, .. }) => {
                    if read.is_err() && is_newest {
                        self.newer.insert(run.clone());
                    }
                    self.lost.remove(&run);
                    self.unreadable.remove(&run);
                    if is_newest { &mut self.sound } else { &mut self.older }.insert(run, blob);
                }
                Err(Error::Record { .. }) => {
                    self.lost.remove(&run);
                    self.unreadable.entry(run).or_insert(blob);
                }
                Err(_) if self.unreadable.contains_key(&run) => {}
                Err(_) => {
                    self.lost.insert(run);
                }
            }
        }
        complete
    }
}
