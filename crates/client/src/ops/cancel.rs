//! Canceling a run.

use std::fmt;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::sweep::Definition;
use super::{runs, sweep};
use crate::context::{Context, Opened};
use crate::engine::{self, Handle, State};
use crate::error::{CommandError, FileError};
use crate::run::{live, process_table, signals};

/// The reason why a run can't be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state of runs in progress can't be read.
    #[error(transparent)]
    Runs(#[from] FileError),
    /// Nothing of the run is in progress on this computer.
    #[error("run {run} is not going on on this computer (it is {status})")]
    NotRunning { run: RunId, status: Status },
    /// The system refused to send a signal.
    #[error(transparent)]
    Signal(#[from] std::io::Error),
}

/// The run or the process that was asked to end.
pub enum Canceled {
    /// A run of an engine.
    Elsewhere {
        run: RunId,
        /// The engine, for people.
        place: String,
    },
    /// The members of a sweep that engines have, and whose own azml is gone.
    Members { sweep: RunId, count: usize },
    /// The azml that watches this run.
    Run(RunId),
    /// The processes that a run left running when its azml ended.
    Processes {
        run: RunId,
        /// The process group.
        group: u32,
    },
}

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere { run, place } => write!(f, "Asked {place} to end run {run}"),
            Self::Members { sweep, count } => {
                write!(f, "Asked for the end of the {count} runs of sweep {sweep} that go on")
            }
            Self::Run(run) => write!(f, "Asked run {run} to end"),
            Self::Processes { run, group } => {
                write!(f, "Asked what run {run} has left running to end (process group {group})")
            }
        }
    }
}

/// Asks the azml that watches a run to end it, or else what a run without one has left running.
pub fn cancel(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<Canceled, CommandError> {
    match Handle::of(record) {
        Some(handle) if !record.status.is_over() => {
            let engine = engine::of(ctx, &handle)?;
            let remember = || {
                let put = |record: &mut RunRecord| {
                    Handle { cancel_asked: true, ..Handle::of(record).unwrap_or_else(|| handle.clone()) }
                        .put(record);
                };
                let by = ctx.signature(opened.project.root());
                RunStore::new(&opened.history).edit(&record.run_id, &by, put)
            };
            if !engine.tells_cancel() {
                remember()?;
            }
            engine.cancel(std::slice::from_ref(&handle))?;
            if engine.tells_cancel() && matches!(engine.state(&handle), Ok(State::Queued { .. })) {
                // Some engines start it all the same: whoever sees it run asks again.
                remember()?;
            }
            Ok(Canceled::Elsewhere { run: record.run_id.clone(), place: handle.place().to_owned() })
        }
        _ if Definition::is_in(record) && !runs::is_in_progress(ctx, opened, record)? => {
            match cancel_members(ctx, opened, record)? {
                0 => Ok(cancel_here(ctx, opened, record)?),
                count => Ok(Canceled::Members { sweep: record.run_id.clone(), count }),
            }
        }
        _ => Ok(cancel_here(ctx, opened, record)?),
    }
}

/// Asks engines to end the members of a sweep; gives how many. The sweep itself is over then.
fn cancel_members(ctx: &Context, opened: &Opened, sweep: &RunRecord) -> Result<usize, CommandError> {
    let members = sweep::members(opened, sweep)?;
    let open = members.iter().filter(|member| !member.status.is_over()).filter_map(Handle::of);
    let mut groups: Vec<Vec<Handle>> = Vec::new();
    for handle in open {
        match groups.iter_mut().find(|group| group[0].is_beside(&handle)) {
            Some(group) => group.push(handle),
            None => groups.push(vec![handle]),
        }
    }
    for group in &groups {
        engine::of(ctx, &group[0])?.cancel(group)?;
    }
    let count = groups.iter().map(Vec::len).sum();
    if count > 0 {
        let now = ctx.env.now();
        let put = |record: &mut RunRecord| {
            (record.status, record.end_time_utc) = (Status::Canceled, Some(now));
        };
        let by = ctx.signature(opened.project.root());
        RunStore::new(&opened.history).edit(&sweep.run_id, &by, put)?;
    }
    Ok(count)
}

fn cancel_here(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<Canceled, Error> {
    let found = runs::unclosed(ctx, opened)?;
    let id = &record.run_id;
    let run = found.iter().find(|run| run.record.is_same_run(record));
    let watched = run.filter(|run| run.is_watched);
    let watcher = watched.and_then(|run| Pid::from_raw(i32::try_from(run.submitter?).ok()?));
    let Some(watcher) = watcher else {
        // Its azml is gone, and the script may not be.
        let orphan = run.filter(|run| !run.is_watched);
        let left = orphan.and_then(|run| run.left_running(record));
        if let Some(pid) = left
            && let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        {
            kill_process_group(group, Signal::TERM).map_err(std::io::Error::from)?;
            return Ok(Canceled::Processes { run: id.clone(), group: pid });
        }
        return Err(Error::NotRunning { run: id.clone(), status: record.status });
    };
    let is_member = record.parent_run_id.is_some()
        && found.iter().any(|run| {
            record.parent_run_id.as_deref() == Some(run.record.run_id.as_str())
                && run.submitter.and_then(|pid| i32::try_from(pid).ok())
                    == Some(watcher.as_raw_nonzero().get())
        });
    if let Some(run) = watched.filter(|_| is_member) {
        // The azml of a sweep watches its other members too.
        run.ask_to_cancel()?;
        return Ok(Canceled::Run(id.clone()));
    }
    let sent = match a_signal_for(watcher) {
        Some(signal) => kill_process(watcher, signal).and_then(|()| kill_process(watcher, Signal::CONT)),
        // What azml ignores, the script does too; azml learns of its end.
        None => {
            if let Some(group) = script_group(record, &found) {
                kill_process_group(group, Signal::KILL)
            } else {
                watched.map_or(Ok(()), live::Found::ask_to_cancel)?;
                Ok(())
            }
        }
    };
    sent.map_err(std::io::Error::from)?;
    Ok(Canceled::Run(id.clone()))
}

/// The first of the signals that cancel a run which its azml does not ignore.
fn a_signal_for(azml: Pid) -> Option<Signal> {
    let ignored = process_table::ignored_signals(u32::try_from(azml.as_raw_nonzero().get()).ok());
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT]
        .into_iter()
        .find(|signal| !signals::is_in(ignored, signal.as_raw()))
}

/// The process group of a run's script.
fn script_group(record: &RunRecord, found: &[live::Found]) -> Option<Pid> {
    let run = found.iter().find(|run| run.record.is_same_run(record))?;
    Pid::from_raw(i32::try_from(run.record.pid?).ok()?)
}
