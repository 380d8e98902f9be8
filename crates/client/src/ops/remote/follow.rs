//! Following a run elsewhere: its output as it comes, from byte to byte, over as many connections as it takes.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use azml_core::run::RunRecord;
use crossbeam_channel::{Receiver, bounded, select, unbounded};

use super::super::fetch;
use super::wait;
use crate::context::{Context, Opened};
use crate::engine::{self, Engine, Handle, State};
use crate::error::CommandError;
use crate::limits::{NODE_LOG, REMOTE_LOOK};
use crate::run::attachments::DRIVER_LOG;
use crate::run::console::Console;
use crate::run::streams::Stream;

/// The reason why following a run has come to an end.
pub enum Followed {
    /// The run is over.
    Ended(Box<RunRecord>),
    /// Somebody wants no more of it; the run goes on.
    Left,
}

enum News {
    Output(Vec<u8>),
    Queued(Option<String>),
    Lost(String),
    Back,
    Ended {
        /// The byte of the log from which on it was not shown, if the engine does not have the log any more.
        rest: Option<u64>,
    },
    Failed(CommandError),
}

/// Shows what a run prints from byte `from` on, to its end; or until something comes from `leave`.
pub fn follow(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    (handle, from): (&Handle, u64),
    console: &dyn Console,
    leave: &Receiver<i32>,
) -> Result<Followed, CommandError> {
    let engine = engine::of(ctx, handle)?;
    let (news, received) = unbounded();
    let (_stop, stopped) = bounded::<()>(0);
    // The thread is left behind where somebody leaves: it waits for a host, and ends with the process.
    let handle_of_thread = handle.clone();
    std::thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || {
            let told = |what| news.send(what).is_ok();
            watch(&*engine, (&handle_of_thread, from), &stopped, &told);
        })
        .map_err(CommandError::failed)?;
    loop {
        select! {
            recv(received) -> what => match what {
                Ok(News::Output(bytes)) => console.output(Stream::Out, &bytes),
                Ok(News::Queued(reason)) => {
                    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                    ctx.notices.status(&format!("Run {} waits on {}{reason}", record.run_id, handle.place()));
                }
                Ok(News::Lost(why)) => tell_lost(ctx, &why),
                Ok(News::Back) => ctx.notices.status(&format!("{} answers again", handle.place())),
                Ok(News::Failed(error)) => return Err(error),
                Ok(News::Ended { rest }) => {
                    let Some(record) = wait(ctx, opened, record, leave)? else { return Ok(Followed::Left) };
                    if let Some(from) = rest {
                        show_rest(ctx, opened, &record, from, console);
                    }
                    return Ok(Followed::Ended(Box::new(record)));
                }
                Err(_) => return Err(CommandError::failed("the thread that follows the run has ended")),
            },
            recv(leave) -> _ => return Ok(Followed::Left),
        }
    }
}

/// Says that a host does not answer, to somebody who waits.
pub fn tell_lost(ctx: &Context, why: &str) {
    ctx.notices.warning(&format!("{why}; azml tries again, and the run goes on"));
}

/// Shows the end of a log that another azml has taken in meanwhile. Nothing is said if it can't be read: the run is over, and its log
/// is where logs are.
fn show_rest(ctx: &Context, opened: &Opened, record: &RunRecord, from: u64, console: &dyn Console) {
    let found = fetch::attachments(ctx, opened, record, None).ok();
    let Some(mut log) = found.and_then(|found| found.open(DRIVER_LOG.as_ref()).ok()?) else { return };
    let mut rest = Vec::new();
    if log.seek(SeekFrom::Start(from)).and_then(|_| log.take(NODE_LOG).read_to_end(&mut rest)).is_ok() {
        console.output(Stream::Out, &rest);
    }
}

/// Asks for output, and for the state where there is none, until the run is over.
fn watch(
    engine: &dyn Engine,
    (handle, mut from): (&Handle, u64),
    stopped: &Receiver<()>,
    told: &dyn Fn(News) -> bool,
) {
    let (mut pause, mut is_lost, mut reason) = (REMOTE_LOOK.0, false, None);
    loop {
        let asked = engine.output(handle, from).and_then(|bytes| {
            let state = if bytes.is_empty() { Some(engine.state(handle)?) } else { None };
            Ok((bytes, state))
        });
        let lost = match asked {
            Ok((bytes, None)) => {
                from += bytes.len() as u64;
                pause = REMOTE_LOOK.0;
                if !told(News::Output(bytes)) {
                    return;
                }
                None
            }
            Ok((_, Some(State::Unreachable { why }))) => Some(why),
            Ok((_, Some(state @ (State::Ended { .. } | State::Unknown)))) => {
                // What came between the two questions.
                while let Ok(bytes) = engine.output(handle, from)
                    && !bytes.is_empty()
                {
                    from += bytes.len() as u64;
                    if !told(News::Output(bytes)) {
                        return;
                    }
                }
                told(News::Ended { rest: (state == State::Unknown).then_some(from) });
                return;
            }
            Ok((_, Some(State::Queued { reason: now }))) => {
                if reason.as_ref() != Some(&now) && !told(News::Queued(now.clone())) {
                    return;
                }
                reason = Some(now);
                None
            }
            Ok((_, Some(State::Running { .. }))) => None,
            Err(error @ engine::Error::Unreachable { .. }) => {
                Some(CommandError::from(error).chain().join(": "))
            }
            Err(error) => {
                told(News::Failed(error.into()));
                return;
            }
        };
        match (lost, is_lost) {
            (Some(why), false) => {
                is_lost = true;
                if !told(News::Lost(why)) {
                    return;
                }
            }
            (None, true) => {
                is_lost = false;
                if !told(News::Back) {
                    return;
                }
            }
            _ => {}
        }
        if stopped.recv_timeout(if is_lost { pause } else { Duration::ZERO })
            == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
        {
            return;
        }
        pause = (pause * 2).min(REMOTE_LOOK.1);
    }
}
