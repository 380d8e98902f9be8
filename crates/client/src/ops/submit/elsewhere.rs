//! Submitting a run to an engine: up to the moment from which on it goes on without this azml.

use std::sync::Arc;

use azml_core::fsck;
use azml_core::large::{self, Pointer};
use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::{Taken, Why};
use crossbeam_channel::never;

use super::{Plan, claim, first_record, logs, take_snapshot, warn_of_state_dir};
use crate::context::{Context, Opened};
use crate::engine::{self, Engine, Handle, JobSpec, spec};
use crate::error::CommandError;
use crate::limits;
use crate::ops::push::Push;
use crate::ops::remote;
use crate::run::attachments::ControlLog;
use crate::run::console::Console;
use crate::run::live::Live;
use crate::run::signals::Cancel;
use crate::run::target::Program;
use crate::sync::{self, SyncError};
use crate::text::size;

/// The most large files that a refusal names.
const LARGE_NAMED: usize = 5;

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
    let live = claim(ctx, opened, RunStore::new(&opened.history))?;
    let taken = take_snapshot(ctx, opened, plan, &live)?;
    bring_large(ctx, opened, &taken, (place, &*engine))?;
    warn_of_inputs(ctx, &taken, place);
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let mut push = None;
    let begin = |record: &RunRecord| {
        console.recorded(record);
        let by = ctx.signature(opened.project.root());
        let started = plan.remote.as_ref().map(|remote| Push::start(&opened.history, remote, by));
        push = started.transpose()?;
        Ok(())
    };
    let (record, handle) = give_as(ctx, opened, plan, (place, &*engine), (live, &taken), begin)?;
    Ok(Sent { record, handle, cancel, push })
}

/// Gives a run on a snapshot that was taken before to the engine at `place`; its record and its handle.
pub fn give(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    place: &Handle,
    console: &Arc<dyn Console>,
    taken: &Taken,
) -> Result<(RunRecord, Handle), CommandError> {
    let engine = engine::of(ctx, place)?;
    let live = claim(ctx, opened, RunStore::new(&opened.history))?;
    let begin = |record: &RunRecord| {
        console.recorded(record);
        Ok(())
    };
    give_as(ctx, opened, plan, (place, &*engine), (live, taken), begin)
}

/// Waits for the end of a run that an engine has; a signal cancels it.
pub fn end_of(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    cancel: &Cancel,
) -> Result<RunRecord, CommandError> {
    if let Some(over) = remote::wait(ctx, opened, record, cancel.received())? {
        return Ok(over);
    }
    if let Some(handle) = Handle::of(record) {
        engine::of(ctx, &handle)?.cancel(std::slice::from_ref(&handle))?;
    }
    Ok(remote::wait(ctx, opened, record, &never())?.unwrap_or_else(|| record.clone()))
}

/// Refuses more large files than an engine takes, and fetches those of a snapshot that are not here from the remote: the engine
/// gets them from here.
pub fn bring_large(
    ctx: &Context,
    opened: &Opened,
    taken: &Taken,
    (place, engine): (&Handle, &dyn Engine),
) -> Result<(), CommandError> {
    if !taken.has_large {
        return Ok(());
    }
    let store = opened.history.large_files();
    let needed = fsck::large_files_of(&opened.history, [taken.commit]);
    let (whole, most) = (needed.values().sum::<u64>(), engine.takes_large());
    if whole > most {
        let error = format!(
            "the snapshot's large files have {}, and {} takes at most {}: {}",
            size(whole),
            place.place(),
            size(most),
            largest(opened, taken)?.join(", ")
        );
        return Err(CommandError::failed(error).hint(
            "leave them out by a line in .amlignore, and name a folder there that has them by `data` in the .compute file",
        ));
    }
    let missing: Vec<Pointer> = needed
        .into_iter()
        .map(|(oid, size)| Pointer { oid, size })
        .filter(|pointer| !store.has(pointer))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let remote = ctx.remote(opened, None)?.ok_or(SyncError::NotLinked)?;
    let fetched = sync::with_progress(ctx, opened.project.root(), "Fetching large files", |context| {
        sync::large::fetch(&opened.history, &remote, &missing, context)
    });
    Ok(fetched?)
}

/// The paths of the largest files of a snapshot.
fn largest(opened: &Opened, taken: &Taken) -> Result<Vec<String>, CommandError> {
    let git = opened.history.git();
    let files = git.find_tree(taken.tree).map_err(CommandError::failed)?.traverse().breadthfirst.files();
    let files = files.map_err(CommandError::failed)?;
    let mut large: Vec<_> = files
        .iter()
        .filter_map(|file| Some((large::pointer(git, file.oid).ok()??.size, &file.filepath)))
        .collect();
    large.sort_unstable_by(|one, two| two.cmp(one));
    let paths = large.into_iter().take(LARGE_NAMED);
    Ok(paths.map(|(_, path)| azml_core::quote::quoted(path).into_owned()).collect())
}

/// Records a run, and gives it to an engine. `begin` is called in between, when the run is known by its id.
fn give_as(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    (place, engine): (&Handle, &dyn Engine),
    (live, taken): (Live, &Taken),
    begin: impl FnOnce(&RunRecord) -> Result<(), CommandError>,
) -> Result<(RunRecord, Handle), CommandError> {
    let store = RunStore::new(&opened.history);
    let handle = place.of_run(live.id(), 1);
    let (mut record, mut control) = keep(ctx, opened, plan, &handle, (&live, taken))?;
    let by = ctx.signature(opened.project.root());
    record = store.start(&record, &by)?;
    ctx.env.pass("send", 1);
    begin(&record)?;
    let spec = job(ctx, opened, plan, &record, taken);
    let sent = submit(ctx, || engine.submit(&opened.history, &spec));
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
    Ok((record, handle))
}

/// Makes the record of a run for an engine, and keeps on this computer what the next command needs if this process dies; the
/// record, and the control log.
pub(super) fn keep(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    handle: &Handle,
    (live, taken): (&Live, &Taken),
) -> Result<(RunRecord, ControlLog), CommandError> {
    let words = match &plan.program {
        Program::Command { words, .. } => Some(words.clone()),
        _ => None,
    };
    let (mut record, secrets) = first_record(ctx, opened, plan, words, live, taken);
    handle.put(&mut record);
    let (_, mut control) = logs(opened, live)?;
    control.say(ctx.env.now(), &format!("snapshot {}", taken.commit));
    live.keep(&record)
        .and_then(|()| live.set_elsewhere())
        .and_then(|()| live.keep_secrets(&secrets))
        .map_err(|error| CommandError::file("write into", live.folder(), error))?;
    Ok((record, control))
}

/// Gives an engine what it is to run; again, if the line breaks, for whoever has it already does not start it twice.
pub(super) fn submit<T>(
    ctx: &Context,
    give: impl Fn() -> Result<T, engine::Error>,
) -> Result<T, engine::Error> {
    let (mut tries, mut pause) = (1, limits::SUBMIT_PAUSE);
    loop {
        match give() {
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
    control: &mut ControlLog,
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

pub(super) fn job(ctx: &Context, opened: &Opened, plan: &Plan, record: &RunRecord, taken: &Taken) -> JobSpec {
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
        large_limit: plan.attachments.large,
        heartbeat: ctx.settings.heartbeat().as_secs(),
        may_start_again: plan.config.compute.requeue,
        left_out: Vec::new(),
        extra: std::collections::BTreeMap::new(),
    }
}
