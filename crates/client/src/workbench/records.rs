//! All records for a page: those of the history, kept in memory until the history moves on, and those of runs that go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use azml_core::run::{RunRecord, RunStore};
use gix::ObjectId;

use super::page_context::PageContext;
use crate::error::CommandError;
use crate::ops::runs::InProgress;

/// The records of one state of the history.
#[derive(Debug, Default)]
pub struct Records(Mutex<Option<(ObjectId, Arc<Vec<RunRecord>>)>>);

/// All records, newest first, brought up to date.
pub struct Listed {
    unrecorded: Vec<RunRecord>,
    stored: Arc<Vec<RunRecord>>,
    updated: BTreeMap<usize, RunRecord>,
}

impl Records {
    /// Those of now. Ten thousand are read once, and looked through after that.
    pub fn now(&self, context: &PageContext<'_>) -> Result<Listed, CommandError> {
        let history = &context.opened.history;
        let in_progress = InProgress::read(&context.ctx, &context.opened)?;
        let tip = history.ref_tip(history.runs_ref().as_ref())?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stored = match (kept, tip) {
            (Some((at, stored)), Some(tip)) if at == tip => stored,
            (_, None) => Arc::default(),
            (_, Some(tip)) => {
                // Read after the tip: what comes in between is read again next time, and never missed.
                let mut records = RunStore::new(history).listed()?;
                records.retain(|record| !record.hidden);
                let stored = Arc::new(records);
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((tip, Arc::clone(&stored)));
                stored
            }
        };
        let going_on = stored.iter().enumerate().filter(|(_, record)| !record.status.is_over());
        let updated = going_on.map(|(at, record)| {
            let mut record = record.clone();
            in_progress.update(&mut record);
            (at, record)
        });
        let updated = updated.collect();
        let unrecorded = in_progress.unrecorded(&stored).cloned().collect();
        Ok(Listed { unrecorded, stored, updated })
    }
}

impl Listed {
    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &RunRecord> {
        let stored = self.stored.iter().enumerate();
        let stored = stored.map(|(at, record)| self.updated.get(&at).unwrap_or(record));
        self.unrecorded.iter().chain(stored)
    }

    /// The runs before and after one of them, in time.
    pub fn around(&self, record: &RunRecord) -> (Option<&RunRecord>, Option<&RunRecord>) {
        let all: Vec<&RunRecord> = self.iter().collect();
        let Some(at) = all.iter().position(|other| other.run_id == record.run_id) else {
            return (None, None);
        };
        let newer = at.checked_sub(1).map(|at| all[at]);
        (all.get(at + 1).copied(), newer)
    }
}
