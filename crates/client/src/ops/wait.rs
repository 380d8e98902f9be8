//! Waiting for the end of runs.

use std::time::Duration;

use azml_core::run::{RunRecord, RunStore};
use crossbeam_channel::never;

use super::{remote, runs};
use crate::context::{Context, Opened};
use crate::engine::Handle;
use crate::error::CommandError;
use crate::run::recovery;

/// The time between two looks at whether a run goes on.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until a run is over; gives its record.
pub fn wait(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<RunRecord, CommandError> {
    let store = RunStore::new(&opened.history);
    if Handle::is_in(record) {
        let over = remote::wait(ctx, opened, record, &never())?;
        return Ok(over.unwrap_or_else(|| record.clone()));
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
