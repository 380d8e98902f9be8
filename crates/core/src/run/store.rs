//! The records of a project, on its runs ref.
//!
//! Guarantees: the ref moves by compare-and-swap and a lost race is tried again, so two writers lose
//! nothing; the tip alone is needed, so it works where only the newest commit is here.

use gix::{ObjectId, Repository, actor};

use super::{
    error::Error,
    merge::{self, Merged, Placing},
    record::RunRecord,
    shard::{self, NewestFirst},
    stored::{read_or_stand_in, read_record},
    tip::{Tip, Totals},
};
use crate::{
    history::{self, HistoryRepo},
    id::RunId,
    join,
};

/// The number of tries for a write that loses the race.
const TRIES: usize = 100;

/// The records of one project.
#[derive(Clone, Copy, Debug)]
pub struct RunStore<'h> {
    history: &'h HistoryRepo,
}

impl<'h> RunStore<'h> {
    /// The records in `history`.
    pub fn new(history: &'h HistoryRepo) -> Self {
        Self { history }
    }

    /// The newest `n` records, newest first; what can't be read has a stand-in.
    pub fn newest(&self, n: usize) -> Result<Vec<RunRecord>, Error> {
        self.records()?.take(n).collect()
    }

    /// All records, newest first; what can't be read has a stand-in.
    pub fn all(&self) -> Result<Vec<RunRecord>, Error> {
        self.records()?.collect()
    }

    /// The records, newest first, each read when it is asked for. One that can't be read has a stand-in that says so
    /// ([`RunRecord::why_unreadable`]), and stops nothing.
    pub fn records(&self) -> Result<impl Iterator<Item = Result<RunRecord, Error>> + use<'h>, Error> {
        let repo = self.history.git();
        Ok(self.entries()?.map(move |entry| entry.and_then(|(run, blob)| read_or_stand_in(repo, run, blob))))
    }

    /// The record of `run`.
    pub fn get(&self, run: &RunId) -> Result<Option<RunRecord>, Error> {
        let repo = self.history.git();
        let Some(tree) = self.tree()? else { return Ok(None) };
        shard::get(repo, tree, run)?.map(|blob| read_record(repo, run, blob)).transpose()
    }

    /// The record of the run that `record` is about, as it is kept by now.
    pub fn current(&self, record: &RunRecord) -> Result<Option<RunRecord>, Error> {
        let id = record.submitted_as();
        let kept = match self.get(&id) {
            // What somebody else has put there is no record of the run.
            Err(Error::Record { .. }) => None,
            kept => kept?,
        };
        let kept = kept.into_iter().chain(self.namesakes(&id)?);
        Ok(kept.into_iter().find(|kept| kept.is_same_run(record)))
    }

    /// The runs whose id begins with `prefix`, or whose number after the `_` does, newest first.
    ///
    /// An id that is `prefix` to the letter is the only one.
    pub fn find(&self, prefix: &str) -> Result<Vec<RunId>, Error> {
        // The whole id is looked up, not searched for.
        if let Ok(run) = RunId::parse(prefix)
            && let Some(tree) = self.tree()?
            && shard::get(self.history.git(), tree, &run)?.is_some()
        {
            return Ok(vec![run]);
        }
        let mut found = Vec::new();
        for entry in self.entries()? {
            let (run, _) = entry?;
            let number = run.as_str().rsplit('_').next().unwrap_or_default();
            if run.as_str() == prefix {
                return Ok(vec![run]);
            }
            if run.as_str().starts_with(prefix) || number.starts_with(prefix) {
                found.push(run);
            }
        }
        Ok(found)
    }

    /// The runs that were submitted as `run` on other computers, and had to leave the id to the one that has it.
    pub fn namesakes(&self, run: &RunId) -> Result<Vec<RunRecord>, Error> {
        let repo = self.history.git();
        let Some(tree) = self.tree()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (id, blob) in shard::siblings(repo, tree, run)? {
            if id != *run && id.epoch_ms() == run.epoch_ms() {
                match read_record(repo, &id, blob) {
                    Ok(record) if record.submitted_as() == *run => found.push(record),
                    Ok(_) | Err(Error::Record { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }

    /// Returns the number of records.
    pub fn count(&self) -> Result<u64, Error> {
        Ok(self.tip()?.totals.runs)
    }

    /// The number that the next run gets: one more than the highest.
    #[cfg(test)]
    pub(super) fn next_number(self) -> Result<u64, Error> {
        Ok(self.tip()?.totals.last_number.saturating_add(1))
    }

    /// Adds the record of a new run and gives it the next number; two that start at once get two. Gives the record
    /// as it is kept, also where another computer's run has its id already: then under an id of its own.
    pub fn start(&self, record: &RunRecord, by: &actor::Signature) -> Result<RunRecord, Error> {
        let repo = self.history.git();
        self.retry(|tip| {
            let mut record = record.clone();
            record.run_number = tip.totals.last_number.saturating_add(1);
            let mut placing = Placing::on(repo, tip.tree);
            if placing.find(&record.run_id)?.is_some_and(|found| found.origin() == record.origin()) {
                return Err(Error::Exists { run: record.run_id });
            }
            let (commit, mut kept) = commit_records(repo, &tip, placing, vec![record], by)?;
            Ok((commit, kept.remove(0)))
        })
    }

    /// Adds a record, or puts it in the place of the one of its run; gives the commit.
    pub fn put(&self, record: &RunRecord, by: &actor::Signature) -> Result<ObjectId, Error> {
        let repo = self.history.git();
        self.retry(|tip| {
            let placing = Placing::on(repo, tip.tree);
            let (commit, _) = commit_records(repo, &tip, placing, vec![record.clone()], by)?;
            let commit = commit.or(tip.commit).expect("a record was put, or the tip has it");
            Ok((Some(commit), commit))
        })
    }

    /// Changes the record of `run` as it is kept by now, also while its own process writes it; gives the changed record.
    pub fn edit(
        &self,
        run: &RunId,
        by: &actor::Signature,
        change: impl Fn(&mut RunRecord),
    ) -> Result<RunRecord, Error> {
        let mut changed = self.edit_all(std::slice::from_ref(run), by, |_, record| change(record))?;
        changed.pop().ok_or_else(|| Error::Unknown { run: run.clone() })
    }

    /// The same for several runs, in one commit; `change` is told which of them it is about.
    pub fn edit_all(
        &self,
        runs: &[RunId],
        by: &actor::Signature,
        change: impl Fn(usize, &mut RunRecord),
    ) -> Result<Vec<RunRecord>, Error> {
        let repo = self.history.git();
        self.retry(|tip| {
            let (mut placing, mut changed) = (Placing::on(repo, tip.tree), Vec::with_capacity(runs.len()));
            for (at, run) in runs.iter().enumerate() {
                let mut record = placing.find(run)?.ok_or_else(|| Error::Unknown { run: run.clone() })?;
                change(at, &mut record);
                changed.push(record);
            }
            commit_records(repo, &tip, placing, changed, by)
        })
    }

    /// Adds the records of runs that one process began, in one commit. Each gets the next number, or keeps the one that it
    /// has. Gives the records as they are kept.
    pub fn put_all(&self, records: &[RunRecord], by: &actor::Signature) -> Result<Vec<RunRecord>, Error> {
        let repo = self.history.git();
        self.retry(|tip| {
            let (mut placing, mut last) = (Placing::on(repo, tip.tree), tip.totals.last_number);
            let mut numbered = records.to_vec();
            for record in &mut numbered {
                let known = placing.find(&record.run_id)?.filter(|known| known.origin() == record.origin());
                record.run_number = known.map_or(record.run_number, |known| known.run_number);
                if record.run_number == 0 {
                    last = last.saturating_add(1);
                    record.run_number = last;
                }
            }
            commit_records(repo, &tip, placing, numbered, by)
        })
    }

    /// Takes in the records that runs elsewhere have written to refs of their own, in one commit; `theirs` are commits that are
    /// here. Unlike [`Self::merge`], the history of the records does not come along.
    pub fn take_in(&self, theirs: &[ObjectId], by: &actor::Signature) -> Result<(), Error> {
        let repo = self.history.git();
        self.retry(|tip| {
            let mut placing = Placing::on(repo, tip.tree);
            let (mut last, mut count) = (tip.totals.last_number, 0);
            for theirs in theirs {
                let their_tip = Tip::at(repo, Some(*theirs))?;
                let Some(tree) = their_tip.tree else { continue };
                last = last.max(their_tip.totals.last_number);
                count += placing.join(tree)?;
            }
            let (tree, change) = placing.write()?;
            if tip.tree == Some(tree) {
                return Ok((None, ()));
            }
            let runs = tip.totals.runs.saturating_add_signed(change);
            let message = Totals { runs, last_number: last }.message(&format!("{count} runs elsewhere"));
            join::write_commit(repo, tree, tip.commit.as_slice(), by, message.as_str().into())
                .map(|commit| (Some(commit), ()))
                .map_err(Error::WriteObject)
        })
    }

    /// Takes in the records of `theirs`, a commit that is here: the union by run id.
    pub fn merge(&self, theirs: ObjectId, by: &actor::Signature) -> Result<Merged, Error> {
        self.retry(|tip| {
            let merged = merge::merge(self.history.git(), &tip, theirs, by)?;
            Ok((Some(merged.tip()), merged))
        })
    }

    fn entries(self) -> Result<impl Iterator<Item = Result<(RunId, ObjectId), Error>> + use<'h>, Error> {
        let walk = self.tree()?.map(|tree| NewestFirst::new(self.history.git(), tree)).transpose()?;
        Ok(walk.into_iter().flatten())
    }

    pub(super) fn history(self) -> &'h HistoryRepo {
        self.history
    }

    pub(super) fn commit(self) -> Result<Option<ObjectId>, Error> {
        self.history.ref_tip(self.history.runs_ref().as_ref()).map_err(Error::Ref)
    }

    pub(super) fn tree(self) -> Result<Option<ObjectId>, Error> {
        self.commit()?
            .map(|commit| join::tree_of(self.history.git(), commit))
            .transpose()
            .map_err(Error::History)
    }

    fn tip(self) -> Result<Tip, Error> {
        Tip::at(self.history.git(), self.commit()?)
    }

    /// Builds a commit on the tip and moves the ref to it, again from the new tip if it lost the race.
    fn retry<T>(self, build: impl Fn(Tip) -> Result<(Option<ObjectId>, T), Error>) -> Result<T, Error> {
        let name = self.history.runs_ref();
        for turn in 0..TRIES {
            // Building needs no lock; a few lost races in a row do, so that everybody gets their turn.
            let lock = (turn > 2).then(|| self.history.lock()).transpose().map_err(Error::Ref)?;
            let tip = self.tip()?;
            let expected = tip.commit;
            let (new, value) = build(tip)?;
            let moved = match new {
                Some(new) if Some(new) != expected => self.history.update_ref(&name, expected, new),
                _ => Ok(()),
            };
            drop(lock);
            match moved {
                Ok(()) => return Ok(value),
                Err(history::Error::Moved { .. }) => {}
                Err(error) => return Err(Error::Ref(error)),
            }
        }
        Err(Error::Busy { tries: TRIES })
    }
}

/// Commits records on the tip, and nothing if the tip has them as they are. Gives the records as they are kept.
fn commit_records(
    repo: &Repository,
    tip: &Tip,
    mut placing: Placing<'_>,
    records: Vec<RunRecord>,
    by: &actor::Signature,
) -> Result<(Option<ObjectId>, Vec<RunRecord>), Error> {
    let last_number = records.iter().map(|record| record.run_number).max().unwrap_or_default();
    let about = match records.as_slice() {
        [record] => format!("{}: {}", record.run_id, record.status),
        several => format!("{} runs", several.len()),
    };
    let ids = records.into_iter().map(|record| placing.replace(record)).collect::<Result<Vec<_>, _>>()?;
    let mut kept = Vec::with_capacity(ids.len());
    for id in &ids {
        kept.push(placing.find(id)?.expect("it has been placed"));
    }
    let (tree, change) = placing.write()?;
    if tip.tree == Some(tree) || kept.is_empty() {
        return Ok((None, kept));
    }
    let totals = Totals {
        runs: tip.totals.runs.saturating_add_signed(change),
        last_number: tip.totals.last_number.max(last_number),
    };
    join::write_commit(repo, tree, tip.commit.as_slice(), by, totals.message(&about).as_str().into())
        .map(|commit| (Some(commit), kept))
        .map_err(Error::WriteObject)
}
