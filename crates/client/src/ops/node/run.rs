//! Running a job to its end: the part of a submit that comes after its snapshot.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use azml_core::refs::{self, InboxPart};
use azml_core::run::RunRecord;
use azml_core::snapshot::Taken;
use crossbeam_channel::unbounded;
use rustix::process::setsid;
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGTERM;

use super::job::Job;
use super::{Base, live_of, on_node};
use crate::context::{Context, Opened};
use crate::engine::JobSpec;
use crate::env::{AZML_HEARTBEAT, Pace as _, SystemPace};
use crate::error::CommandError;
use crate::limits;
use crate::ops::submit::{self, Label, Plan};
use crate::run::config::RunConfig;
use crate::run::console::Console;
use crate::run::local::Local;
use crate::run::signals::Cancel;
use crate::run::target::{Program, Target as _};
use crate::run::upload::Limits;
use crate::run::{folder::ProjectFolders, live};
use crate::settings::Settings;

/// The attempt at a run that may write; others that find it on the run's ref end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    attempt: u32,
    /// Tells two processes of one attempt apart: an engine may start a job twice.
    word: u64,
}

/// Runs a job of this node to its end; gives its record. With `own_session` it leaves the session of whoever started it.
pub fn run(
    ctx: &Context,
    run: &RunId,
    own_session: bool,
    console: &Arc<dyn Console>,
) -> Result<RunRecord, CommandError> {
    if own_session && let Err(error) = setsid() {
        tracing::warn!(%error, "the run stays in the session that it was started in");
    }
    let base = Base::of(ctx)?;
    let job = Job::at(&base.0, run);
    let spec = job.spec()?;
    // The engine may start a job again, and says so. The process before may live on where the engine has lost it.
    let attempt = spec.attempt + restarts(ctx);
    let Some(_lock) = job.lock(attempt)? else {
        return Err(CommandError::failed(format!("run {run} goes on")));
    };
    if job.is_started(attempt) {
        return Err(CommandError::failed(format!("attempt {attempt} at run {run} was started before")));
    }
    let mut opened = base.open(&spec)?;
    claim(&mut opened.history, run, attempt)?;
    link_data(opened.project.root(), &spec.config)?;
    job.set_started(attempt, spec.may_start_again)?;
    let mut ctx = on_node(ctx, &base, spec.large_limit)?;
    ctx.env = ctx.env.with(AZML_HEARTBEAT, spec.heartbeat.to_string());
    ctx.settings = Settings::read(&ctx.env)?;
    let ended = go(&ctx, &base, &opened, (&job, attempt), &spec, console);
    if job.is_latest(attempt) {
        job.set_end(i32::from(ended.is_err()))?;
    }
    ended
}

/// Makes the links to the node's own data, which run folders then link to.
fn link_data(root: &Path, config: &RunConfig) -> Result<(), CommandError> {
    for (link, path) in &config.data {
        let link = root.join(link);
        if std::fs::read_link(&link).is_ok_and(|known| known == Path::new(path)) {
            continue;
        }
        // Another run may have put its own there a moment ago.
        drop(std::fs::remove_file(&link));
        match std::os::unix::fs::symlink(path, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(CommandError::file("make link", &link, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The number of times that the engine has started the job again.
fn restarts(ctx: &Context) -> u32 {
    ctx.env.text("SLURM_RESTART_COUNT").and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// Makes this process the one that may write of the run, unless a later attempt may.
fn claim(history: &mut HistoryRepo, run: &RunId, attempt: u32) -> Result<(), CommandError> {
    let name = refs::inbox(history.id(), run, InboxPart::Attempt);
    let was = history.ref_tip(name.as_ref())?;
    if let Some(blob) = was {
        let found = history.git().find_blob(blob).ok();
        let known: Option<Attempt> = found.and_then(|blob| serde_json::from_slice(&blob.data).ok());
        if known.is_some_and(|known| known.attempt >= attempt) {
            return Err(history::Error::TakenOver { run: run.clone() }.into());
        }
    }
    let own = serde_json::to_vec(&Attempt { attempt, word: SystemPace.random() });
    Ok(history.claim_attempt(was, &own.map_err(CommandError::failed)?)?)
}

fn go(
    ctx: &Context,
    base: &Base,
    opened: &Opened,
    (job, attempt): (&Job, u32),
    spec: &JobSpec,
    console: &Arc<dyn Console>,
) -> Result<RunRecord, CommandError> {
    let record =
        spec.record().ok_or_else(|| CommandError::failed("the job has no record that can be read"))?;
    let live = live_of(base, &spec.project, &spec.run, attempt)?;
    // One that ended in order has its outputs beside its logs.
    let earlier =
        live.work_of_earlier(attempt).or_else(|| (attempt > 1).then(|| opened.history.run_folder(&spec.run)));
    let plan = Plan {
        config: spec.config.clone(),
        program: spec.program.clone(),
        label: Label::default(),
        in_place: false,
        allow_large: false,
        attachments: Limits { in_git: spec.attachments_limit, large: spec.large_limit },
        remote: None,
    };
    let has_large = azml_core::large::Tree::of_commit(opened.history.git(), spec.commit)
        .map_err(|error| CommandError::failed(error).hint("submit the run again"))?
        .has_large;
    let taken = Taken {
        commit: spec.commit,
        tree: spec.tree,
        is_new: false,
        files: 0,
        changed: 0,
        has_large,
        bytes_new: 0,
        left_out: Vec::new(),
    };
    let signals = Cancel::listen().map_err(CommandError::failed)?;
    let (to, received) = unbounded();
    let cancel = Cancel::from_channel(received).or_by_file(job.cancel_file());
    let is_over = AtomicBool::new(false);
    if job.is_cancel_asked() {
        // Before the program could start.
        let _ = to.send(SIGTERM);
    }
    let (history, ended) = (opened.history.clone(), &is_over);
    thread::scope(|scope| {
        scope.spawn(move || {
            let is_over = ended;
            let mut is_told = false;
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(signal) = signals.received().recv_timeout(limits::NODE_LOOK) {
                    let _ = to.send(signal);
                    continue;
                }
                let is_lost = !history.is_attempt_current().unwrap_or(true);
                if !is_told && (job.is_cancel_asked() || is_lost) {
                    is_told = true;
                    let _ = to.send(SIGTERM);
                }
            }
        });
        let ended =
            submit::submit_on_node(ctx, opened, &plan, console, record, (live, earlier), &taken, &cancel);
        is_over.store(true, Ordering::Relaxed);
        ended
    })
}

/// The reason why the Python that a target names is none. One that may be in the snapshot is not looked at.
fn why_no_python(config: &RunConfig, program: &Program) -> Option<String> {
    let is_script = match program {
        Program::Script { path, .. } => Path::new(path).extension().is_some_and(|ending| ending == "py"),
        Program::Module { .. } => true,
        _ => false,
    };
    let python =
        config.python.as_deref().filter(|python| python.starts_with('/') || !python.contains('/'))?;
    if !is_script || config.container.is_some() || !config.prepare.is_empty() {
        return None;
    }
    let output = Command::new(python).args(["-c", "print(6 * 7)"]).stdin(Stdio::null()).output();
    // One that is not there is named by whoever looks for it.
    let output = output.ok().filter(|output| output.stdout.trim_ascii() != b"42")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().map_or_else(|| output.status.to_string(), str::to_owned);
    Some(format!("`{python}` is no Python: {said}"))
}

/// The reason why a program can't run on this node, as far as that is known before its snapshot is here.
pub(super) fn check(ctx: &Context, base: &Base, config: &RunConfig, program: &Program) -> Option<String> {
    // What is executed by its own name may be in the snapshot.
    let is_known = match program {
        Program::Script { path, .. } => crate::run::program::has_interpreter(path),
        Program::Command { words, .. } => !words[0].contains('/'),
        Program::Module { .. } => true,
        Program::Notebook { .. } => false,
    };
    // Whatever it is, a container's runtime has to answer.
    if !is_known && config.container.is_none() {
        return None;
    }
    if let Some(why) = why_no_python(config, program) {
        return Some(why);
    }
    let ctx = on_node(ctx, base, 0).ok()?;
    let id = azml_core::id::ProjectId::from_random([0; 16]);
    let scratch = tempfile::tempdir().ok()?;
    let history = HistoryRepo::store(&scratch.path().join("git"), scratch.path(), id).ok()?;
    let project = ProjectFolders::of(&live::project_dir(&base.state(), &id));
    let inherited = submit::inherited(&ctx);
    let local = Local::new(history, None, project, config.python.clone(), inherited);
    let local = local.contained_in(config.container.clone()).by_spark(config.spark.clone());
    local.check(program, config.makes_programs()).err().map(|error| error.to_string())
}
