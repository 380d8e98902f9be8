//! Waiting for the end of runs.

use std::time::Duration;

use azml_core::run::{RunRecord, RunStore};

use super::remote::{self, Looked};
use super::runs;
use crate::context::{Context, Opened};
use crate::engine::{Handle, State};
use crate::error::CommandError;
use crate::limits::REMOTE_LOOK;
use crate::run::recovery;

/// The time between two looks at whether a run goes on.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until a run is over; gives its record.
pub fn wait(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<RunRecord, CommandError> {
    let store = RunStore::new(&opened.history);
    if Handle::is_in(record) {
        return wait_elsewhere(ctx, opened, record);
    }
    loop {
        // Asked first: what ends in between is seen in the record.
        let goes_on = runs::is_in_progress(ctx, opened, record)?;
        let current = store.current(record)?.unwrap_or_else(|| record.clone());
        if current.status.is_over() && !goes_on {
            return Ok(current);
        }
        if !goes_on && !runs::is_from_here(record) {
            let host = record.host.as_deref().unwrap_or("another computer");
            let error =
                format!("run {} goes on on {host}: azml waits for runs of this computer", record.run_id);
            return Err(CommandError::failed(error).hint("to learn how it stands: {azml} history sync"));
        }
        if goes_on {
            std::thread::sleep(LOOK);
        } else {
            // The azml that watched it is gone.
            recovery::dead_runs(ctx, opened)?;
            return Ok(store.current(record)?.unwrap_or(current));
        }
    }
}

/// Asks the engine of a run again and again until it is over. One that does not answer may do so later.
fn wait_elsewhere(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<RunRecord, CommandError> {
    let mut pause = REMOTE_LOOK.0;
    let mut is_lost = false;
    loop {
        let Looked { record, state } = remote::look(ctx, opened, record)?;
        if record.status.is_over() {
            return Ok(record);
        }
        if let Some(State::Unreachable { why }) = state {
            if !std::mem::replace(&mut is_lost, true) {
                remote::tell_unreachable(ctx, &record, &why);
            }
        } else {
            is_lost = false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(REMOTE_LOOK.1);
    }
}
