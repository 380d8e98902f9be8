//! All runs of a project without all their records in memory: those of the history as a list of which parts are read, and those
//! that go on, brought up to date.

use std::sync::{Arc, Mutex, PoisonError};

use azml_core::run::{Parts, RunList, RunRecord, RunStore};
use gix::ObjectId;

use super::runs::{Error, InProgress};
use crate::context::{Context, Opened};
use crate::error::CommandError;

/// The list of one state of the history, kept until the history moves on.
#[derive(Debug, Default)]
pub struct Lists(Mutex<Option<(ObjectId, Arc<RunList>)>>);

/// All runs, newest first. A run's place stays the same.
#[derive(Default)]
pub struct Listed {
    in_progress: InProgress,
    unrecorded: Vec<RunRecord>,
    list: Arc<RunList>,
}

impl Lists {
    /// The runs of now.
    pub fn now(&self, ctx: &Context, opened: &Opened) -> Result<Listed, CommandError> {
        let in_progress = InProgress::read(ctx, opened)?;
        let tip = opened.history.ref_tip(opened.history.runs_ref().as_ref())?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match (&*kept, tip) {
            (Some((at, list)), Some(tip)) if *at == tip => Arc::clone(list),
            (_, tip) => {
                // Read after the tip: what comes in between is read again next time, and never missed.
                let list = Arc::new(RunStore::new(&opened.history).list()?);
                *kept = tip.map(|tip| (tip, Arc::clone(&list)));
                list
            }
        };
        Ok(Listed::new(in_progress, list))
    }
}

impl Listed {
    /// Reads them.
    pub fn read(ctx: &Context, opened: &Opened) -> Result<Self, Error> {
        let in_progress = InProgress::read(ctx, opened)?;
        Ok(Self::new(in_progress, Arc::new(RunStore::new(&opened.history).list()?)))
    }

    fn new(in_progress: InProgress, list: Arc<RunList>) -> Self {
        let mut unrecorded: Vec<RunRecord> = in_progress.unrecorded(&[]).cloned().collect();
        unrecorded.retain(|run| {
            let places: Vec<usize> = list.of_moment(run.run_id.epoch_ms()).collect();
            !list.at(&places).iter().any(|record| record.is_same_run(run))
        });
        Self { in_progress, unrecorded, list }
    }

    /// The list of those that have a record.
    pub fn stored(&self) -> &Arc<RunList> {
        &self.list
    }

    /// The place of the first that has a record.
    pub fn first_stored(&self) -> usize {
        self.unrecorded.len()
    }

    /// Reads parts of all, those that are hidden too, on as many threads as it pays, and returns what `choose` makes of each and
    /// its place. A run that goes on comes whole.
    pub fn select<T: Send>(
        &self,
        parts: Parts<'_>,
        choose: impl Fn(usize, RunRecord) -> Option<T> + Sync,
    ) -> Vec<T> {
        self.select_at(&(0..self.first_stored() + self.list.len()).collect::<Vec<_>>(), parts, choose)
    }

    /// The same of the runs at some places, which are in their order.
    pub fn select_at<T: Send>(
        &self,
        places: &[usize],
        parts: Parts<'_>,
        choose: impl Fn(usize, RunRecord) -> Option<T> + Sync,
    ) -> Vec<T> {
        let first = self.first_stored();
        let (unrecorded, stored) = places.split_at(places.partition_point(|place| *place < first));
        let mut found: Vec<T> =
            unrecorded.iter().filter_map(|place| choose(*place, self.unrecorded[*place].clone())).collect();
        let stored: Vec<usize> = stored.iter().map(|place| place - first).collect();
        let stored = self.list.select_at(&stored, parts, |at, record| {
            if record.status.is_over() { choose(first + at, record).map(Ok) } else { Some(Err(first + at)) }
        });
        found.extend(
            stored.into_iter().filter_map(|chosen| {
                chosen.map_or_else(|place| choose(place, self.at(&[place]).pop()?), Some)
            }),
        );
        found
    }

    /// The whole records at some places.
    pub fn at(&self, places: &[usize]) -> Vec<RunRecord> {
        let first = self.first_stored();
        let stored: Vec<usize> = places.iter().filter_map(|place| place.checked_sub(first)).collect();
        let mut stored = self.list.at(&stored).into_iter();
        let record = |place: &usize| match self.unrecorded.get(*place) {
            Some(record) => Some(record.clone()),
            None => stored.next().map(|mut record| {
                self.in_progress.update(&mut record);
                record
            }),
        };
        places.iter().filter_map(record).collect()
    }

    /// The runs before and after one of them, in time, that are not hidden.
    pub fn around(&self, record: &RunRecord) -> (Option<RunRecord>, Option<RunRecord>) {
        let first = self.first_stored();
        let stored = self.list.of_moment(record.run_id.epoch_ms()).map(|at| first + at);
        let is_it = |place: &usize| self.at(&[*place]).iter().any(|found| found.run_id == record.run_id);
        let Some(place) = (0..first).chain(stored).find(is_it) else { return (None, None) };
        let shown = |place: usize| self.at(&[place]).pop().filter(|record| !record.hidden);
        ((place + 1..first + self.list.len()).find_map(shown), (0..place).rev().find_map(shown))
    }
}

#[cfg(test)]
impl From<Vec<RunRecord>> for Listed {
    fn from(records: Vec<RunRecord>) -> Self {
        Self { unrecorded: records, ..Self::default() }
    }
}
