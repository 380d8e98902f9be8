//! Looking at all runs that were given to engines: hosts side by side, and all runs of one host at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use azml_core::run::{RunRecord, RunStore};

use super::take_in::close_here;
use super::{Looked, Silent, look, look_all, open_runs};
use crate::context::{Context, Opened};
use crate::engine::{Handle, State};
use crate::error::CommandError;
use crate::limits::{HOSTS_ASKED, RUNS_LOOKED};
use crate::ops::runs::is_from_here;

/// Looks at all runs that this computer gave to engines and that are not over. A host that does not answer changes nothing, and
/// is not asked again for a while.
pub fn look_at_all(ctx: &Context, opened: &Opened) -> Result<(), CommandError> {
    let open = open_runs(ctx, opened)?;
    let (over, open): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|record| record.status.is_over() || !Handle::is_in(record));
    if !over.is_empty() {
        close_here(ctx, opened, &over.iter().collect::<Vec<_>>())?;
    }
    look_at_these(ctx, opened, open)
}

/// The same for the newest runs of all computers, as far as this one knows a host of theirs: whoever submitted them may be gone.
pub fn look_at_newest(ctx: &Context, opened: &Opened) -> Result<(), CommandError> {
    let mut open = Vec::new();
    for record in RunStore::new(&opened.history).records()?.take(RUNS_LOOKED) {
        let record = record?;
        let has_host = Handle::of(&record).is_some_and(|handle| !handle.host.is_empty());
        if !record.status.is_over() && (has_host || (is_from_here(&record) && Handle::is_in(&record))) {
            open.push(record);
        }
    }
    look_at_these(ctx, opened, open)
}

fn look_at_these(ctx: &Context, opened: &Opened, open: Vec<RunRecord>) -> Result<(), CommandError> {
    let mut silent = Silent::read(ctx, opened);
    let mut asked = Vec::new();
    for (handle, records) in by_host(open) {
        match silent.since(&handle) {
            Some(_) => tell(ctx, &handle, records.len(), "it did not answer a moment ago"),
            None => asked.push((handle, records)),
        }
    }
    for (handle, count, why) in ask(ctx, opened, asked)? {
        tell(ctx, &handle, count, &why);
        silent.misses(&handle);
    }
    Ok(())
}

/// Runs that are not over, by host.
fn by_host(open: Vec<RunRecord>) -> Vec<(Handle, Vec<RunRecord>)> {
    let mut hosts: BTreeMap<String, (Handle, Vec<RunRecord>)> = BTreeMap::new();
    for record in open {
        if let Some(handle) = Handle::of(&record) {
            let place = handle.place().to_owned();
            hosts.entry(place).or_insert_with(|| (handle, Vec::new())).1.push(record);
        }
    }
    hosts.into_values().collect()
}

/// Asks several hosts at once; gives those that did not answer, with the number of their runs and the reason.
fn ask(
    ctx: &Context,
    opened: &Opened,
    hosts: Vec<(Handle, Vec<RunRecord>)>,
) -> Result<Vec<(Handle, usize, String)>, CommandError> {
    let threads = hosts.len().min(HOSTS_ASKED);
    let (queue, lost) = (Mutex::new(hosts.into_iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().ok()?.next();
    thread::scope(|scope| {
        let mut own = Vec::new();
        for _ in 0..threads {
            // A repository is one thread's.
            let opened = Opened { project: opened.project.clone(), history: opened.history.clone() };
            let (next, lost) = (&next, &lost);
            own.push(thread::Builder::new().name("ask".to_owned()).spawn_scoped(scope, move || {
                while let Some((handle, records)) = next() {
                    if let Some(why) = ask_one(ctx, &opened, &records)
                        && let Ok(mut lost) = lost.lock()
                    {
                        lost.push((handle, records.len(), why));
                    }
                }
            }));
        }
        own.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(CommandError::failed(error)))
    })?;
    Ok(lost.into_inner().unwrap_or_default())
}

/// Looks at the runs of one host; gives the reason if it does not answer.
fn ask_one(ctx: &Context, opened: &Opened, records: &[RunRecord]) -> Option<String> {
    let why = |looked: Looked| match looked.state {
        Some(State::Unreachable { why }) => Some(why),
        _ => None,
    };
    if let Ok(looked) = look_all(ctx, opened, records) {
        return looked.into_iter().find_map(why);
    }
    // One of them may stand in the way of the others.
    for record in records {
        match look(ctx, opened, record) {
            Ok(looked) => {
                if let Some(why) = why(looked) {
                    return Some(why);
                }
            }
            Err(error) => {
                let error = error.chain().join(": ");
                ctx.notices.warning(&format!("how run {} stands is not known: {error}", record.run_id));
            }
        }
    }
    None
}

/// Says in one line that a host does not answer.
fn tell(ctx: &Context, handle: &Handle, count: usize, why: &str) {
    let (runs, are) = if count == 1 { ("run", "is") } else { ("runs", "are") };
    ctx.notices.warning(&format!(
        "{count} {runs} on {} {are} shown as {} when the host was last reached: {why}",
        handle.place(),
        if count == 1 { "it was" } else { "they were" }
    ));
}
