//! Runs that were given to an engine: how they stand, what they print, and their results.
//!
//! No process of azml waits for them. Whoever asks about one ([`look`]) asks the engine, takes what the run has written into the
//! history, and records the end if there is one. That may be another azml than the one that submitted the run, on another
//! computer; what two of them take in is the same, and the history merges it.

mod all;
mod fold;
mod follow;
mod silent;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use crossbeam_channel::{Receiver, select};

pub use self::all::look_at_all;
pub use self::follow::{Followed, follow};
use self::silent::Silent;
use super::runs;
use crate::context::{Context, Opened};
pub use crate::engine::Handle;
use crate::engine::node::Node;
use crate::engine::{self, Engine, State};
use crate::error::CommandError;
use crate::limits::{ENDING_LOOKS, ENDING_PAUSE, REMOTE_LOOK, SUBMIT_TIME};
use crate::run::attachments::{Attachments, ControlLog};

/// Asks the engine of a run how it stands, and brings the history up to date; gives the record, and whether the engine
/// answered. A run that is over, or that no engine has, is as it is.
pub fn look(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<Looked, CommandError> {
    let Some(handle) = Handle::of(record).filter(|_| !record.status.is_over()) else {
        return Ok(Looked { record: record.clone(), state: None });
    };
    let engine = engine::of(ctx, &handle)?;
    let mut state = engine.state(&handle)?;
    if handle.cancel_asked && matches!(state, State::Running { .. }) {
        // It was asked when it waited, and runs all the same.
        engine.cancel(&handle)?;
    }
    if state == State::Unknown && may_be_on_its_way(ctx, opened, record)? {
        return Ok(Looked { record: record.clone(), state: Some(state) });
    }
    let id = RunId::parse(&handle.run).map_err(CommandError::failed)?;
    let mut tries = 0;
    let has_news = loop {
        if !matches!(state, State::Running { .. } | State::Ended { .. }) {
            break false;
        }
        // The line may break at any moment: then the run is as it was, and the next look fetches the rest.
        let has_news = match engine.results(&opened.history, &handle) {
            Err(error @ engine::Error::Unreachable { .. }) => {
                state = Node::or_unreachable(Err(error))?;
                break false;
            }
            found => found?,
        };
        let is_ending = matches!(state, State::Running { .. }) && has_news && has_end(opened, &id)?;
        if !is_ending || tries == ENDING_LOOKS {
            break has_news;
        }
        // It wrote its last word a moment ago; the engine's word for its end follows.
        tries += 1;
        std::thread::sleep(ENDING_PAUSE);
        state = engine.state(&handle)?;
    };
    if has_news {
        fold::fold(&opened.history, &id, &ctx.signature(opened.project.root()))?;
    }
    let record = take_in(ctx, opened, record, &*engine, &handle, &state)?;
    Ok(Looked { record, state: Some(state) })
}

/// Asks the engine of a run again and again until the run is over; gives its record, or `None` if something comes from `leave`.
/// An engine that does not answer may do so later.
pub fn wait(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    leave: &Receiver<i32>,
) -> Result<Option<RunRecord>, CommandError> {
    let (mut pause, mut is_lost) = (REMOTE_LOOK.0, false);
    loop {
        let Looked { record, state } = look(ctx, opened, record)?;
        if record.status.is_over() {
            return Ok(Some(record));
        }
        let was_lost = is_lost;
        is_lost = matches!(state, Some(State::Unreachable { .. }));
        if let (Some(State::Unreachable { why }), false) = (state, was_lost) {
            follow::tell_lost(ctx, &why);
        }
        select! {
            recv(leave) -> _ => return Ok(None),
            default(pause) => pause = (pause * 2).min(REMOTE_LOOK.1),
        }
    }
}

/// Returns whether the record that has come from the node, and is not folded in, is that of a run that is over.
fn has_end(opened: &Opened, id: &RunId) -> Result<bool, CommandError> {
    let record = RunStore::new(&opened.history.for_run(id.clone())).get(id)?;
    Ok(record.is_some_and(|record| record.status.is_over()))
}

/// Returns whether the azml that submits a run may not have sent it yet.
fn may_be_on_its_way(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<bool, CommandError> {
    if record.status != Status::Submitting {
        return Ok(false);
    }
    if runs::is_from_here(record) {
        return Ok(runs::is_in_progress(ctx, opened, record)?);
    }
    // Of an azml on another computer nobody knows here whether it lives.
    Ok(ctx.env.now().duration_since(record.created_utc) < SUBMIT_TIME)
}

/// A run that was looked at.
#[derive(Debug)]
pub struct Looked {
    /// Its record, as the history has it now.
    pub record: RunRecord,
    /// The engine's answer, if it was asked.
    pub state: Option<State>,
}

/// The runs that this computer gave to engines, and whose ends it has not seen, as the history has them.
pub fn open_runs(ctx: &Context, opened: &Opened) -> Result<Vec<RunRecord>, CommandError> {
    let store = RunStore::new(&opened.history);
    // Their locks are given back before they are looked at: who holds one is taken for the azml that submits the run.
    let found = runs::unclosed(ctx, opened)?;
    let found = found.into_iter().filter(|found| found.is_elsewhere() && !found.is_watched);
    let kept: Vec<RunRecord> = found.map(|found| found.record).collect();
    kept.into_iter().map(|kept| Ok(store.current(&kept)?.unwrap_or(kept))).collect()
}

/// The bytes that a run elsewhere has printed, from a byte on; `None` for a run that is over, or none of an engine's.
pub fn output(ctx: &Context, record: &RunRecord, from: u64) -> Result<Option<Vec<u8>>, CommandError> {
    let Some(handle) = Handle::of(record).filter(|_| !record.status.is_over()) else { return Ok(None) };
    Ok(Some(engine::of(ctx, &handle)?.output(&handle, from)?))
}

/// [`look`], with a warning if the engine does not answer.
pub fn look_at(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<(), CommandError> {
    match (look(ctx, opened, record)?.state, Handle::of(record)) {
        (Some(State::Unreachable { why }), _) => tell_unreachable(ctx, record, &why),
        (Some(_), Some(handle)) => Silent::read(ctx, opened).hears(&handle),
        _ => {}
    }
    Ok(())
}

/// Says that the engine of a run does not answer.
pub fn tell_unreachable(ctx: &Context, record: &RunRecord, why: &str) {
    ctx.notices.warning(&format!(
        "run {} is shown as it was when its engine was last reached: {why}",
        record.run_id
    ));
}

/// Takes into the history what a run has written, and how it stands; gives its record.
fn take_in(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    engine: &dyn Engine,
    handle: &Handle,
    state: &State,
) -> Result<RunRecord, CommandError> {
    let by = ctx.signature(opened.project.root());
    let store = RunStore::new(&opened.history);
    let id = RunId::parse(&handle.run).map_err(CommandError::failed)?;
    if matches!(state, State::Unreachable { .. }) {
        return Ok(record.clone());
    }
    let now = store.current(record)?.unwrap_or_else(|| record.clone());
    let is_over = now.status.is_over() || matches!(state, State::Ended { .. } | State::Unknown);
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
                ControlLog::append(&Attachments::of(&opened.history, &id)).map_err(CommandError::failed)?;
            control.say(ctx.env.now(), &why_without_record(state, handle));
        }
        State::Unreachable { .. } => {}
    }
    known.put(&mut changed);
    if changed != now {
        let put = |record: &mut RunRecord| {
            known.put(record);
            if !record.status.is_over() || changed.status == Status::Failed {
                (record.status, record.end_time_utc) = (changed.status, changed.end_time_utc);
            }
        };
        changed = store.edit(&now.run_id, &by, put)?;
    }
    if is_over {
        opened.history.remove_inbox(&id)?;
        close(ctx, opened, &changed)?;
        // Also one that was never started: a submit that was cut off, and goes on later, must find nothing to start.
        if let Err(error) = engine.forget(&opened.history, handle) {
            ctx.notices.warning(&format!(
                "the files of run {} stay on {}: {}",
                handle.run,
                handle.place(),
                CommandError::from(error).chain().join(": ")
            ));
        }
    }
    Ok(changed)
}

/// An engine's word for a run that somebody ended there.
const CANCELED: &str = "CANCELLED";

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

/// Removes what this computer kept of a run in progress.
fn close(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<(), CommandError> {
    let found = runs::unclosed(ctx, opened)?;
    for found in found.into_iter().filter(|found| found.record.is_same_run(record) && !found.is_watched) {
        found.close().map_err(CommandError::failed)?;
    }
    Ok(())
}
