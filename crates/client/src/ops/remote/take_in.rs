//! Taking into the history what runs have written, and how they stand.

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};

use super::{Open, fold, handles};
use crate::context::{Context, Opened};
use crate::engine::{Engine, Handle, State};
use crate::error::CommandError;
use crate::ops::runs;
use crate::run::attachments::{Attachments, ControlLog};

/// An engine's word for a run that somebody ended there.
const CANCELED: &str = "CANCELLED";

/// A run whose engine has answered.
struct Answered<'o, 'r> {
    open: &'o Open<'r>,
    /// Its record, as the history has it.
    now: RunRecord,
    /// The same as it is to be.
    changed: RunRecord,
    known: Handle,
}

/// Takes into the history what runs of one engine have written, and how they stand; gives their records.
pub(super) fn take_in(
    ctx: &Context,
    opened: &Opened,
    engine: &dyn Engine,
    all: &[&Open<'_>],
) -> Result<Vec<RunRecord>, CommandError> {
    let by = ctx.signature(opened.project.root());
    let store = RunStore::new(&opened.history);
    let has_written: Vec<RunId> = all
        .iter()
        .filter(|open| matches!(open.state, State::Running { .. } | State::Ended { .. }))
        .map(|open| open.id.clone())
        .collect();
    fold::fold(&opened.history, &has_written, &by)?;
    let mut records: Vec<RunRecord> = all.iter().map(|open| open.record.clone()).collect();
    let mut answered = Vec::new();
    for (at, open) in all.iter().enumerate() {
        if !matches!(open.state, State::Unreachable { .. }) {
            let now = store.current(open.record)?.unwrap_or_else(|| open.record.clone());
            answered.push((at, bring_up_to_date(ctx, opened, open, now)?));
        }
    }
    let news: Vec<&(usize, Answered<'_, '_>)> =
        answered.iter().filter(|(_, run)| run.changed != run.now).collect();
    let ids: Vec<RunId> = news.iter().map(|(_, run)| run.now.run_id.clone()).collect();
    let put = |which: usize, record: &mut RunRecord| {
        let Answered { changed, known, .. } = &news[which].1;
        known.put(record);
        if !record.status.is_over() || changed.status == Status::Failed {
            (record.status, record.end_time_utc) = (changed.status, changed.end_time_utc);
        }
    };
    let edited = store.edit_all(&ids, &by, put)?;
    for (at, run) in &answered {
        records[*at] = run.now.clone();
    }
    for ((at, _), record) in news.iter().zip(edited) {
        records[*at] = record;
    }
    let over: Vec<&Open<'_>> = answered
        .iter()
        .filter(|(_, run)| {
            run.now.status.is_over() || matches!(run.open.state, State::Ended { .. } | State::Unknown)
        })
        .map(|(_, run)| run.open)
        .collect();
    close(ctx, opened, engine, &over)?;
    Ok(records)
}

/// Says in the record of a run how it stands.
fn bring_up_to_date<'o, 'r>(
    ctx: &Context,
    opened: &Opened,
    open: &'o Open<'r>,
    now: RunRecord,
) -> Result<Answered<'o, 'r>, CommandError> {
    let Open { handle, id, state, .. } = open;
    let mut changed = now.clone();
    let mut known = handle.clone();
    if let State::Ended { why: Some(why), .. } = state {
        known.reason = Some(why.clone());
    }
    match state {
        // The node saw a signal, and does not know whose it was: this one was the engine's.
        State::Ended { why: Some(why), .. }
            if now.status == Status::Canceled && why != CANCELED && !handle.cancel_asked =>
        {
            changed.status = Status::Failed;
        }
        _ if now.status.is_over() => {}
        State::Queued { reason } => {
            (changed.status, known.reason) = (Status::Queued, reason.clone());
        }
        State::Running { node } => {
            changed.status = Status::Running;
            (known.node, known.reason) = (node.clone().or(known.node), None);
        }
        State::Ended { .. } | State::Unknown => {
            changed.status = end_of(state, handle);
            changed.end_time_utc = Some(ctx.env.now());
            let mut control =
                ControlLog::append(&Attachments::of(&opened.history, id)).map_err(CommandError::failed)?;
            control.say(ctx.env.now(), &why_without_record(state, handle));
        }
        State::Unreachable { .. } => {}
    }
    known.put(&mut changed);
    Ok(Answered { open, now, changed, known })
}

/// The status of a run that ended and could write no record.
fn end_of(state: &State, handle: &Handle) -> Status {
    match state {
        State::Ended { why: Some(why), .. } if why == CANCELED => Status::Canceled,
        State::Ended { .. } if handle.cancel_asked => Status::Canceled,
        State::Ended { exit: Some(_), .. } | State::Ended { why: Some(_), .. } => Status::Failed,
        // It was never there: nothing ran.
        State::Unknown if handle.node.is_none() && handle.id.is_none() => Status::Failed,
        _ => Status::NotResponding,
    }
}

/// The same in words.
fn why_without_record(state: &State, handle: &Handle) -> String {
    let place = handle.place();
    match state {
        State::Ended { why: Some(why), .. } => format!("{place} ended the run: {why}"),
        State::Ended { exit: Some(code), .. } => format!("azml on {place} ended with exit code {code}"),
        State::Unknown if handle.node.is_none() && handle.id.is_none() => {
            format!("the submit was cut off before {place} had the run: nothing ran")
        }
        State::Unknown => format!("{place} does not know the run"),
        _ => format!("azml on {place} is gone"),
    }
}

/// Removes what is kept of runs that are over, here and on their node.
fn close(
    ctx: &Context,
    opened: &Opened,
    engine: &dyn Engine,
    over: &[&Open<'_>],
) -> Result<(), CommandError> {
    let Some(first) = over.first() else { return Ok(()) };
    let ids: Vec<RunId> = over.iter().map(|open| open.id.clone()).collect();
    opened.history.remove_inboxes(&ids)?;
    close_here(ctx, opened, &over.iter().map(|open| open.record).collect::<Vec<_>>())?;
    // Also one that was never started: a submit that was cut off, and goes on later, must find nothing to start.
    if let Err(error) = engine.forget(&opened.history, &handles(over.iter().copied())) {
        let (more, place) = (over.len() - 1, first.handle.place());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        ctx.notices.warning(&format!(
            "the files of run {}{more} stay on {place}: {}",
            first.handle.run,
            CommandError::from(error).chain().join(": ")
        ));
    }
    Ok(())
}

/// Removes what this computer kept of runs in progress.
pub(super) fn close_here(ctx: &Context, opened: &Opened, records: &[&RunRecord]) -> Result<(), CommandError> {
    for found in runs::unclosed(ctx, opened)? {
        if !found.is_watched && records.iter().any(|record| found.record.is_same_run(record)) {
            found.close().map_err(CommandError::failed)?;
        }
    }
    Ok(())
}
