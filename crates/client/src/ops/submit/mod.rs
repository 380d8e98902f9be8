//! Submitting a run, and following it to its end.
//!
//! Order: claim a run id, take the snapshot, keep the record here, record `Running` in the history, begin the push,
//! make the run's folder, run the script in it, collect what it left, record the end, push again and wait for that
//! briefly. Whatever fails after the record is written ends in a record that says so. The remote never decides
//! how a run ends.

mod plan;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::{Message, Taken};

pub use self::plan::{Options, plan};
use super::{faults, runs, snapshot};
use crate::context::{Context, Opened};
use crate::env::{AZML_VSTS_TOKEN, Unusable, host_name};
use crate::error::{CommandError, ErrorKind};
use crate::run::attachments::{Attachments, ControlLog};
use crate::run::console::Console;
use crate::run::delivery::{Delivery, Outcome};
use crate::run::job::Plan;
use crate::run::kept::Collected;
use crate::run::live::{self, Live};
use crate::run::local::Local;
use crate::run::process::{Ended, Exit};
use crate::run::secrets::{self, LeftOut, Secrets};
use crate::run::signals::Cancel;
use crate::run::target::Target;
use crate::run::watching::{Observed, execute};
use crate::run::{carried, job, keeping, killed, metrics, recovery, report};
use crate::sync;
use crate::transport::Remote;

/// The most values that could not be recorded and are named.
const REFUSED_METRICS: usize = 10;

/// Runs a script; gives the record of the run when it has ended, in whatever way.
pub fn submit(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    console: &Arc<dyn Console>,
) -> Result<RunRecord, CommandError> {
    let store = RunStore::new(&opened.history);
    let root = opened.project.root();
    if let Some((place, why)) = ctx.env.unusable_state_dir(root) {
        let why = match why {
            Unusable::InProject => "is in the project folder",
            Unusable::ReadOnly => "can't be written",
        };
        ctx.notices.warning(&format!(
            "{} ({}) {why}: the folders of runs are in {} instead",
            place.dir.display(),
            place.variable,
            ctx.env.state_dir_for(root).display()
        ));
    }
    let live = claim(ctx, opened, store)?;
    let mut target = target(ctx, opened, plan, &live);
    target.check(&plan.script, !plan.config.prepare.is_empty())?;
    let taken = take_snapshot(ctx, opened, plan, &live)?;
    let (words, masked, secrets) = Secrets::of(ctx, root, &plan.config, &plan.arguments);
    let mut record = first_record(ctx, opened, plan, &live, &taken);
    record.arguments = words;
    LeftOut { arguments: secrets::named(&masked), files: Vec::new() }.put(&mut record);
    let attachments = Attachments::of(&opened.history, live.id());
    let in_folder = |error| CommandError::file("write into", attachments.folder(), error);
    let mut control = ControlLog::create(&attachments).map_err(in_folder)?;
    control.say(
        ctx.env.now(),
        &format!("snapshot {} ({} files, {} changed)", taken.commit, taken.files, taken.changed),
    );
    let job = job::make(ctx, opened, plan, &live, &taken, &attachments)?;
    live.keep_outputs(&plan.config.outputs)
        .map_err(|error| CommandError::file("write into", &live.work(), error))?;
    keep(&live, &record)?;
    live.keep_secrets(&secrets).map_err(|error| CommandError::file("write into", &live.work(), error))?;

    // From here on a signal cancels the run instead of ending azml.
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let shown = std::iter::once(&job.script).chain(&record.arguments).cloned().collect::<Vec<_>>().join(" ");
    record = store.start(&running(ctx, &record), &ctx.signature(opened.project.root()))?;
    faults::passed(&ctx.env, 1);
    console.recorded(&record);
    let recorded = Arc::new(Mutex::new(record));
    let has_joined = Arc::new(AtomicBool::new(false));
    let delivery = plan.remote.clone().map(|remote| deliver(ctx, opened, remote, &has_joined)).transpose()?;
    if let Some(delivery) = &delivery {
        delivery.push();
    }

    for command in &job.prepare {
        control.say(ctx.env.now(), &format!("preparing: {}", secrets.masked(command.trim())));
    }
    control.say(ctx.env.now(), &format!("running {shown}"));
    let asker = delivery.as_ref().map(Delivery::asker);
    let history = opened.history.clone();
    let observed = Observed { console, live: &live, record: &recorded, history, asker, secrets: &secrets };
    let outcome = execute(ctx, &mut *target, &job, observed, &cancel);
    let mut record = recorded.lock().expect("no watching thread panics").clone();
    let collected =
        finish(ctx, &mut *target, &attachments, &live, &mut record, &mut control, outcome.as_ref());
    faults::passed(&ctx.env, 2);
    secrets.mask_metrics(&mut record.metrics);
    carry(ctx, opened, plan, &attachments, &mut record, &mut control, &secrets);
    faults::passed(&ctx.env, 3);
    store.put(&record, &ctx.signature(opened.project.root()))?;
    faults::passed(&ctx.env, 4);
    console.ended(&report::details(ctx, &record, &collected, attachments.folder()));
    LeftOut::of(&record).hints(ctx).iter().for_each(|hint| ctx.notices.hint(hint));
    if !collected.is_busy {
        live.finish().map_err(|error| {
            CommandError::file("tidy up", &ctx.env.state_dir_for(opened.project.root()), error)
        })?;
    }
    recovery::adopt_old_folders(ctx, opened);
    keeping::tidy(ctx, opened);
    faults::passed(&ctx.env, 5);
    if let Some(delivery) = delivery {
        delivery.push();
        report_delivery(ctx, opened, delivery, &cancel);
        if has_joined.load(Ordering::Relaxed) {
            runs::warn_after_sync(ctx, opened);
        }
    }
    match outcome {
        Ok(_) => Ok(record),
        Err(error) => Err(error),
    }
}

fn claim(ctx: &Context, opened: &Opened, store: RunStore<'_>) -> Result<Live, CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    let now = u64::try_from(ctx.env.now().as_millisecond()).unwrap_or_default();
    // A run id is a name for files too: what a name can't have becomes `_`.
    let name: String = opened
        .project
        .name()
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    Live::claim(&runs_dir, &name, now, |id| store.get(id).is_ok_and(|found| found.is_some()))
        .map_err(|error| CommandError::file("write into", &runs_dir, error))
}

fn target(ctx: &Context, opened: &Opened, plan: &Plan, live: &Live) -> Box<dyn Target> {
    let mut inherited: BTreeMap<OsString, OsString> = ctx.env.vars().clone();
    // A script has no business with azml's credentials.
    inherited.remove(&OsString::from(AZML_VSTS_TOKEN));
    let work = (!plan.in_place).then(|| live.work());
    let project = keeping::folders(ctx, opened.project.root(), opened.project.id());
    Box::new(Local::new(opened.history.clone(), work, project, plan.config.python.clone(), inherited))
}

fn take_snapshot(ctx: &Context, opened: &Opened, plan: &Plan, live: &Live) -> Result<Taken, CommandError> {
    let message = Message {
        run_id: Some(live.id().clone()),
        script: Some(plan.script.clone()),
        target: Some(plan.config.target.clone()),
        ..Message::default()
    };
    let taken = snapshot::take(ctx, &opened.history, message, plan.allow_large)?;
    let short = taken.commit.to_hex_with_len(10);
    if taken.is_new {
        ctx.notices
            .status(&format!("Snapshot {short}: {} files, {} new or changed", taken.files, taken.changed));
    } else {
        ctx.notices.status(&format!("Snapshot {short}: nothing changed since"));
    }
    Ok(taken)
}

fn first_record(ctx: &Context, opened: &Opened, plan: &Plan, live: &Live, taken: &Taken) -> RunRecord {
    let mut record =
        RunRecord::new(live.id().clone(), opened.project.id(), plan.script.clone(), ctx.env.now());
    record.target.clone_from(&plan.config.target);
    record.user_id = ctx.author(opened.project.root()).email;
    record.host = Some(host_name());
    record.set_commit_id(taken.commit);
    record
}

fn running(ctx: &Context, record: &RunRecord) -> RunRecord {
    RunRecord { status: Status::Running, start_time_utc: Some(ctx.env.now()), ..record.clone() }
}

fn keep(live: &Live, record: &RunRecord) -> Result<(), CommandError> {
    live.keep(record).map_err(|error| CommandError::file("write into", &live.work(), error))
}

fn finish(
    ctx: &Context,
    target: &mut dyn Target,
    attachments: &Attachments,
    live: &Live,
    record: &mut RunRecord,
    control: &mut ControlLog,
    outcome: Result<&Ended, &CommandError>,
) -> Collected {
    let now = ctx.env.now();
    record.end_time_utc = Some(now);
    (record.status, record.exit_code) = match outcome.map(|ended| ended.exit) {
        Ok(Exit::Code(0)) => (Status::Completed, Some(0)),
        Ok(Exit::Code(code)) => (Status::Failed, Some(code)),
        Ok(Exit::Canceled) => (Status::Canceled, None),
        Ok(Exit::Signal(_)) | Err(_) => (Status::Failed, None),
    };
    if let Ok(ended) = outcome {
        killed::note(record, ended);
    }
    match outcome {
        Ok(ended) => control.say(now, &format!("the script ended: {}", killed::describe(ended))),
        Err(error) => control.say(now, &format!("the script could not be run: {}", error.chain().join(": "))),
    }
    if outcome.is_ok_and(|ended| ended.left_processes) {
        let group = record.pid.map_or_else(String::new, |pid| format!(" (process group {pid})"));
        control.say(now, &format!("processes that the script started still run{group}"));
        ctx.notices.warning(&format!("processes that the script started still run{group}"));
    }
    // Whatever can't be collected, the record is written: what is lost is said, and the rest is kept.
    let mut trouble = |error: CommandError| {
        let what = error.chain().join(": ");
        control.say(now, &what);
        ctx.notices.warning(&what);
    };
    match collect_metrics(attachments, live, record) {
        Ok(refused) => {
            refused.into_iter().take(REFUSED_METRICS).for_each(|what| trouble(CommandError::failed(what)));
        }
        Err(error) => trouble(error),
    }
    let collected = target.collect(attachments.folder(), now).unwrap_or_else(|error| {
        trouble(error.into());
        // Nothing was removed: the next command tries again.
        Collected { is_busy: true, ..Collected::default() }
    });
    for what in &collected.troubles {
        trouble(CommandError::failed(what.as_str()));
    }
    match attachments.list() {
        Ok(list) => record.attachments = list,
        Err(error) => trouble(CommandError::file("read", attachments.folder(), error)),
    }
    for link in &collected.outside {
        control.say(now, &format!("not collected, a link out of the run's folder: {}", link.shown()));
    }
    for line in keeping::lines(&collected.left) {
        control.say(now, &line);
    }
    keeping::put_in_record(ctx, record, &collected.left);
    collected
}

/// Puts what the run leaves into Git, so that it travels with the record.
fn carry(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    attachments: &Attachments,
    record: &mut RunRecord,
    control: &mut ControlLog,
    secrets: &Secrets,
) {
    if let Err(error) = carried::carry(ctx, opened, attachments, record, plan.attachments_limit, secrets) {
        let what = error.chain().join(": ");
        control.say(ctx.env.now(), &what);
        ctx.notices.warning(&what);
    }
}

/// Takes what was logged into the record; the file itself too, if it says more than the last values. Gives what could
/// not be recorded.
fn collect_metrics(
    attachments: &Attachments,
    live: &Live,
    record: &mut RunRecord,
) -> Result<Vec<String>, CommandError> {
    let path = live.metrics_file();
    let logged = metrics::read(&path).map_err(|error| CommandError::file("read", &path, error))?;
    record.metrics = logged.metrics;
    if logged.repeated {
        attachments
            .add(Path::new(metrics::FILE), &path)
            .map_err(|error| CommandError::file("keep", &path, error))?;
    }
    Ok(logged.refused)
}

/// Starts the thread that pushes; `has_joined` says afterwards whether that brought what others had pushed first.
fn deliver(
    ctx: &Context,
    opened: &Opened,
    remote: Remote,
    has_joined: &Arc<AtomicBool>,
) -> Result<Delivery, CommandError> {
    let (history, has_joined) = (opened.history.clone(), Arc::clone(has_joined));
    let by = ctx.signature(opened.project.root());
    let push = move || match sync::push_history(&history, &remote, sync::Context::quiet(&by)) {
        Ok(delivered) => {
            has_joined.fetch_or(delivered.joins > 0, Ordering::Relaxed);
            Ok(history.set_push_error(None)?)
        }
        Err(error) => {
            history.set_push_error(Some(&error.to_string()))?;
            Err(error.into())
        }
    };
    Delivery::start(push).map_err(CommandError::failed)
}

/// Waits briefly for the push; what it could not push is left for the next command.
fn report_delivery(ctx: &Context, opened: &Opened, delivery: Delivery, cancel: &Cancel) {
    let wait = ctx.settings.push_wait();
    match delivery.finish(wait, cancel) {
        Outcome::Delivered => {}
        Outcome::Failed(error) => {
            ctx.notices.warning(&format!(
                "the run is kept here, but could not be pushed: {}",
                error.chain().join(": ")
            ));
            if matches!(error.kind, ErrorKind::NotAllowed | ErrorKind::NotFound) {
                error.hints.iter().for_each(|hint| ctx.notices.hint(hint));
            }
            ctx.notices.hint("to deliver it: {azml} history sync");
        }
        Outcome::Unfinished => {
            // The thread ends with the process; a push cut off leaves no trace at the remote.
            let error = format!("the push took longer than {} s", wait.as_secs_f64());
            if let Err(error) = opened.history.set_push_error(Some(&error)) {
                tracing::warn!(%error, "the push's state can't be kept");
            }
            ctx.notices.warning(&format!("the run is kept here, but {error}"));
            ctx.notices.hint("to deliver it: {azml} history sync");
        }
    }
}
