//! Runs that were given to an engine: how they stand, what they print, and their results.
//!
//! No process of azml waits for them. Whoever asks about one ([`look`]) asks the engine, takes what the run has written into the
//! history, and records the end if there is one. That may be another azml than the one that submitted the run, on another
//! computer; what two of them take in is the same, and the history merges it.

mod all;
mod fold;
mod follow;
mod silent;
mod take_in;

use std::collections::BTreeSet;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use crossbeam_channel::{Receiver, select};

pub use self::all::{look_at_all, look_at_newest};
pub use self::follow::{Followed, follow, tell_lost};
use self::silent::Silent;
use super::runs;
use crate::context::{Context, Opened};
pub use crate::engine::Handle;
use crate::engine::node::Node;
use crate::engine::{self, Engine, State};
use crate::error::CommandError;
use crate::limits::{ENDING_LOOKS, ENDING_PAUSE, REMOTE_LOOK, SUBMIT_TIME};

/// Asks the engine of a run how it stands, and brings the history up to date; gives the record, and whether the engine
/// answered. A run that is over, or that no engine has, is as it is.
pub fn look(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<Looked, CommandError> {
    let mut looked = look_all(ctx, opened, std::slice::from_ref(record))?;
    Ok(looked.pop().expect("each record is looked at"))
}

/// The same for several runs, in their order; each engine is asked once about all of its runs.
pub fn look_all(ctx: &Context, opened: &Opened, records: &[RunRecord]) -> Result<Vec<Looked>, CommandError> {
    let mut looked: Vec<Looked> =
        records.iter().map(|record| Looked { record: record.clone(), state: None }).collect();
    let mut groups: Vec<Vec<Open<'_>>> = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let Some(handle) = Handle::of(record).filter(|_| !record.status.is_over()) else { continue };
        let id = RunId::parse(&handle.run).map_err(CommandError::failed)?;
        let open = Open { at, record, handle, id, state: State::Unknown };
        match groups.iter_mut().find(|group| group[0].handle.is_beside(&open.handle)) {
            Some(group) => group.push(open),
            None => groups.push(vec![open]),
        }
    }
    for mut group in groups {
        let engine = engine::of(ctx, &group[0].handle)?;
        let found = look_at_engine(ctx, opened, &*engine, &mut group)?;
        for (open, record) in group.into_iter().zip(found) {
            looked[open.at] = Looked { record, state: Some(open.state) };
        }
    }
    Ok(looked)
}

/// A run that an engine has, and that is not over.
struct Open<'r> {
    /// Its place among the runs that are looked at.
    at: usize,
    record: &'r RunRecord,
    handle: Handle,
    id: RunId,
    state: State,
}

fn handles<'o, 'r: 'o>(open: impl IntoIterator<Item = &'o Open<'r>>) -> Vec<Handle> {
    open.into_iter().map(|open| open.handle.clone()).collect()
}

/// Looks at the runs of one engine; gives their records.
fn look_at_engine(
    ctx: &Context,
    opened: &Opened,
    engine: &dyn Engine,
    all: &mut [Open<'_>],
) -> Result<Vec<RunRecord>, CommandError> {
    let states = engine.states(&handles(all.iter()))?;
    for (open, state) in all.iter_mut().zip(states) {
        open.state = of_another_computer(open.record, &open.handle, state);
    }
    // They were asked when they waited, and run all the same.
    let is_asked = |open: &&Open<'_>| open.handle.cancel_asked && matches!(open.state, State::Running { .. });
    let asked = handles(all.iter().filter(is_asked));
    if !asked.is_empty() {
        engine.cancel(&asked)?;
    }
    let mut left_alone = on_their_way(ctx, opened, all)?;
    left_alone.extend(fetch_results(opened, engine, all)?);
    let mut records: Vec<RunRecord> = all.iter().map(|open| open.record.clone()).collect();
    let known: Vec<usize> = (0..all.len()).filter(|at| !left_alone.contains(at)).collect();
    let open: Vec<&Open<'_>> = known.iter().map(|at| &all[*at]).collect();
    for (at, record) in known.iter().zip(take_in::take_in(ctx, opened, engine, &open)?) {
        records[*at] = record;
    }
    Ok(records)
}

/// Takes for silence that this computer's engine does not know a run that was given to the engine of another computer.
fn of_another_computer(record: &RunRecord, handle: &Handle, state: State) -> State {
    let host = record.host.as_deref().unwrap_or("another computer");
    match state {
        State::Unknown if handle.host.is_empty() && !runs::is_from_here(record) => State::Unreachable {
            why: format!("it was given to {} on {host}, and this computer does not know it", handle.kind),
        },
        state => state,
    }
}

/// The runs that the azml which submits them may not have sent yet, by their places.
fn on_their_way(ctx: &Context, opened: &Opened, all: &[Open<'_>]) -> Result<BTreeSet<usize>, CommandError> {
    let mut found = BTreeSet::new();
    let asked = |open: &Open<'_>| open.state == State::Unknown && open.record.status == Status::Submitting;
    if !all.iter().any(asked) {
        return Ok(found);
    }
    let here = runs::unclosed(ctx, opened)?;
    for (at, open) in all.iter().enumerate().filter(|(_, open)| asked(open)) {
        let is_on_its_way = if runs::is_from_here(open.record) {
            // A sweep's azml submits its members.
            here.iter().any(|run| {
                run.is_watched
                    && (run.record.is_same_run(open.record)
                        || Some(run.record.run_id.as_str()) == open.record.parent_run_id.as_deref())
            })
        } else {
            // Of an azml on another computer nobody knows here whether it lives.
            ctx.env.now().duration_since(open.record.created_utc) < SUBMIT_TIME
        };
        if is_on_its_way {
            found.insert(at);
        }
    }
    Ok(found)
}

/// Fetches what the runs that go on or have ended have written. Gives those, by their places, that have written their last word and
/// have not ended for their engine: it may start them again.
fn fetch_results(
    opened: &Opened,
    engine: &dyn Engine,
    all: &mut [Open<'_>],
) -> Result<Vec<usize>, CommandError> {
    let mut asked: Vec<usize> = (0..all.len())
        .filter(|at| matches!(all[*at].state, State::Running { .. } | State::Ended { .. }))
        .collect();
    for _ in 0..=ENDING_LOOKS {
        let open = handles(asked.iter().map(|at| &all[*at]));
        if open.is_empty() {
            return Ok(Vec::new());
        }
        // The line may break at any moment: then the runs are as they were, and the next look fetches the rest.
        let found = match engine.results(&opened.history, &open) {
            Err(error @ engine::Error::Unreachable { .. }) => {
                let states = Node::or_unreachable(Err(error), asked.len())?;
                asked.iter().zip(states).for_each(|(at, state)| all[*at].state = state);
                return Ok(Vec::new());
            }
            found => found?,
        };
        // These wrote their last word a moment ago; the engine's word for their end follows.
        let mut ending = Vec::new();
        for at in asked {
            let Open { id, state, .. } = &all[at];
            if matches!(state, State::Running { .. }) && found.contains(id) && has_end(opened, id)? {
                ending.push(at);
            }
        }
        asked = ending;
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        std::thread::sleep(ENDING_PAUSE);
        let states = engine.states(&handles(asked.iter().map(|at| &all[*at])))?;
        asked.iter().zip(states).for_each(|(at, state)| all[*at].state = state);
    }
    asked.retain(|at| matches!(all[*at].state, State::Running { .. }));
    Ok(asked)
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
            tell_lost(ctx, &why);
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
