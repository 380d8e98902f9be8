//! Submitting a run to an engine: up to the moment from which on it goes on without this azml.

use std::sync::Arc;

use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::{Taken, Why};

use super::{Plan, claim, first_record, logs, take_snapshot, warn_of_state_dir};
use crate::context::{Context, Opened};
use crate::engine::{self, Engine, Handle, JobSpec, spec};
use crate::error::CommandError;
use crate::limits;
use crate::ops::push::Push;
use crate::run::console::Console;
use crate::run::live::Live;
use crate::run::signals::Cancel;
use crate::run::target::Program;

/// A run that an engine has.
pub struct Sent {
    pub record: RunRecord,
    pub handle: Handle,
    /// Receives the signals of the terminal.
    pub cancel: Cancel,
    /// Pushes the snapshot and the record.
    pub push: Option<Push>,
}

/// Takes a snapshot and gives the run to the engine at `place`.
pub fn send(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    place: &Handle,
    console: &Arc<dyn Console>,
) -> Result<Sent, CommandError> {
    warn_of_state_dir(ctx, opened.project.root());
    let engine = engine::of(ctx, place)?;
    engine.check(&plan.config, &plan.program)?;
    let store = RunStore::new(&opened.history);
    let live = claim(ctx, opened, store)?;
    let taken = take_snapshot(ctx, opened, plan, &live)?;
    if taken.has_large {
        let error =
            format!("the snapshot has large files, and azml does not send these to {}", place.place());
        return Err(CommandError::failed(error).hint(
            "leave them out by a line in .amlignore, and put them into the node's folder of the project",
        ));
    }
    warn_of_inputs(ctx, &taken, place);
    let words = match &plan.program {
        Program::Command { words, .. } => Some(words.clone()),
        _ => None,
    };
    let (mut record, secrets) = first_record(ctx, opened, plan, words, &live, &taken);
    let handle = place.of_run(live.id(), 1);
    handle.put(&mut record);
    let (_, mut control) = logs(opened, &live)?;
    control.say(ctx.env.now(), &format!("snapshot {}", taken.commit));
    live.keep(&record)
        .and_then(|()| live.set_elsewhere())
        .and_then(|()| live.keep_secrets(&secrets))
        .map_err(|error| CommandError::file("write into", live.folder(), error))?;
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let by = ctx.signature(opened.project.root());
    record = store.start(&record, &by)?;
    ctx.env.pass("send", 1);
    console.recorded(&record);
    let push = plan.remote.as_ref().map(|remote| Push::start(&opened.history, remote, by.clone()));
    let push = push.transpose()?;
    let spec = job(ctx, opened, plan, &record, &taken);
    let sent = submit(ctx, opened, &*engine, &spec);
    ctx.env.pass("send", 2);
    let handle = match sent {
        Ok(handle) => handle,
        Err(error) => return Err(not_sent(ctx, opened, record, live, &mut control, error)),
    };
    control.say(ctx.env.now(), &format!("given to {}", handle.place()));
    let status = if handle.node.is_some() { Status::Running } else { Status::Queued };
    let put = |record: &mut RunRecord| {
        if !record.status.is_over() {
            record.status = status;
        }
        handle.put(record);
    };
    let record = store.edit(&record.run_id, &by, put)?;
    live.keep(&record).map_err(|error| CommandError::file("write into", live.folder(), error))?;
    Ok(Sent { record, handle, cancel, push })
}

/// Gives the engine the job; again, if the line breaks, for whoever has it already does not start it twice.
fn submit(
    ctx: &Context,
    opened: &Opened,
    engine: &dyn Engine,
    spec: &JobSpec,
) -> Result<Handle, engine::Error> {
    let (mut tries, mut pause) = (1, limits::SUBMIT_PAUSE);
    loop {
        match engine.submit(&opened.history, spec) {
            Err(engine::Error::Unreachable { host, source }) if tries < limits::SUBMIT_TRIES => {
                ctx.notices.warning(&format!("{host} can't be reached, azml tries again: {source}"));
                std::thread::sleep(pause);
                (tries, pause) = (tries + 1, pause * 2);
            }
            sent => return sent,
        }
    }
}

/// Records that a run could not be given to the engine, or leaves it open if that is not known.
fn not_sent(
    ctx: &Context,
    opened: &Opened,
    mut record: RunRecord,
    live: Live,
    control: &mut crate::run::attachments::ControlLog,
    error: engine::Error,
) -> CommandError {
    let is_open = matches!(error, engine::Error::Unreachable { .. });
    let error = CommandError::from(error);
    let id = record.run_id.clone();
    control.say(ctx.env.now(), &format!("the run could not be sent: {}", error.chain().join(": ")));
    if is_open {
        return error.hint(format!(
            "if it got there, it goes on: {{azml}} history info -r {id} looks, as soon as the host answers"
        ));
    }
    (record.status, record.end_time_utc) = (Status::Failed, Some(ctx.env.now()));
    let by = ctx.signature(opened.project.root());
    if let Err(error) = RunStore::new(&opened.history).put(&record, &by) {
        return error.into();
    }
    drop(live.finish());
    error.hint(format!("what azml did: {{azml}} history info -r {id} -a control_log.txt"))
}

/// Names inputs that the script has here and will miss there.
fn warn_of_inputs(ctx: &Context, taken: &Taken, place: &Handle) {
    let missed: Vec<String> = taken
        .left_out
        .iter()
        .filter(|left| matches!(left.why, Why::Secret | Why::Held))
        .map(|left| azml_core::quote::quoted(&left.path).into_owned())
        .collect();
    if !missed.is_empty() {
        ctx.notices.warning(&format!(
            "not in the snapshot, and so not on {}: {}",
            place.place(),
            missed.join(", ")
        ));
    }
}

fn job(ctx: &Context, opened: &Opened, plan: &Plan, record: &RunRecord, taken: &Taken) -> JobSpec {
    JobSpec {
        version: spec::VERSION,
        run: record.submitted_as(),
        attempt: 1,
        project: opened.project.file().clone(),
        commit: taken.commit,
        tree: taken.tree,
        record: serde_json::from_slice(&record.to_stored()).unwrap_or_default(),
        program: plan.program.clone(),
        config: plan.config.clone(),
        attachments_limit: plan.attachments.in_git,
        heartbeat: ctx.settings.heartbeat().as_secs(),
        left_out: Vec::new(),
        extra: std::collections::BTreeMap::new(),
    }
}
