//! Runs whose azml died: noticed by the next command, and recorded as `NotResponding`.
//!
//! Any command does this, also one that only reads: nothing is removed here. What the script wrote is collected and kept as at
//! the end of a run, and its folder is put aside.

use std::path::Path;

use azml_core::id::RunId;
use azml_core::large::Tree;
use azml_core::run::{RunRecord, RunStore, Status};
use gix::ObjectId;

use super::attachments::{Attachments, ControlLog};
use super::folder::{ProjectFolders, made_in, release};
use super::kept::{Collected, Ended, KeptRun, Summary};
use super::live::Found;
use super::outputs::Outputs;
use super::upload::{self, Limits};
use super::{disk, heartbeat, keeping, live, nested, process_table};
use crate::context::{Context, Opened};
use crate::env::host_name;
use crate::error::CommandError;
use crate::metrics;

/// Records what became of runs that nobody watches any more.
///
/// The first time such a run is seen it is recorded with what it logged. What it wrote is collected and kept once its
/// processes are gone. One that can't be ended now is left for the next command.
pub fn dead_runs(ctx: &Context, opened: &Opened) -> Result<(), CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
    // One that was given to an engine is not this azml's: what became of it the engine says.
    for run in found.into_iter().filter(|run| !run.is_watched && !run.is_elsewhere()) {
        let id = run.record.run_id.clone();
        let is_here = run.record.host.as_deref().is_none_or(|host| host == host_name());
        if let Err(error) = end(ctx, opened, run, is_here) {
            ctx.notices.warning(&format!(
                "run {id}, whose azml is gone, can't be ended now: {}",
                error.chain().join(": ")
            ));
        }
    }
    Ok(())
}

/// The same for one run that another azml has submitted to this node.
pub fn dead_run(ctx: &Context, opened: &Opened, id: &RunId) -> Result<(), CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
    let run = found.into_iter().find(|run| !run.is_watched && run.record.run_id == *id);
    run.map_or(Ok(()), |run| end(ctx, opened, run, true))
}

/// Records what became of a run; `is_here`: its processes would be on this computer.
fn end(ctx: &Context, opened: &Opened, run: Found, is_here: bool) -> Result<(), CommandError> {
    let store = RunStore::new(&opened.history);
    let id = run.record.run_id.clone();
    let known = store.current(&run.record)?;
    let mut record = known.clone().unwrap_or_else(|| run.record.clone());
    let group = if is_here { run.left_running(&record) } else { None };
    let pid = group.or(record.pid).or(run.record.pid);
    let group_runs = group.is_some();
    let still_runs = group_runs || process_table::works_in(&run.work());
    let is_news = known.as_ref().is_none_or(|known| !known.status.is_over());
    if is_news {
        record.status = Status::NotResponding;
        heartbeat::end(&mut record);
        record.pid = pid;
        record.host = record.host.or_else(|| run.record.host.clone());
    }
    let attachments = Attachments::of(&opened.history, &id);
    let secrets = run.secrets(opened.project.root());
    let folders = keeping::folders(ctx, opened.project.root(), opened.project.id());
    let collected = if still_runs {
        Collected::default()
    } else {
        let (work, outputs) = (run.work(), run.outputs());
        let place = Gone { id: &id, work: &work, outputs: &outputs, commit: run.record.commit_id() };
        collect(ctx, opened, &place, attachments.folder(), &folders)?
    };
    for trouble in &collected.troubles {
        ctx.notices.warning(trouble);
    }
    for link in &collected.outside {
        ctx.notices.warning(&format!("not collected, a link out of the run's folder: {}", link.display()));
    }
    if !still_runs {
        keeping::put_in_record(ctx, &mut record, &collected.left);
        if is_news || collected.is_clear {
            log_kept_files(ctx, &attachments, &collected.left)?;
        }
    }
    if is_news || record.status == Status::NotResponding {
        let logged = run.logged().map_err(|error| CommandError::file("read", &run.metrics_file(), error))?;
        logged.put_in(&mut record);
        secrets.mask_logged(&mut record);
        if logged.own.repeated && !still_runs {
            attachments
                .add(Path::new(metrics::FILE), &run.metrics_file())
                .map_err(|error| CommandError::file("keep", &run.metrics_file(), error))?;
        }
        let failed = |error| CommandError::file("read", &run.metrics_file(), error);
        let children = logged.children(&record, &secrets).map_err(failed)?;
        nested::record(ctx, opened, children, Limits::of(ctx), &secrets)?;
    }
    let listed =
        attachments.list().map_err(|error| CommandError::file("read", attachments.folder(), error))?;
    if is_news || (!still_runs && (record.status == Status::NotResponding || listed != record.attachments)) {
        record.attachments = listed;
        upload::commit(ctx, opened, &attachments, &mut record, Limits::of(ctx), &secrets)?;
    }
    if known.as_ref() != Some(&record) {
        save(ctx, opened, &record, known.is_none())?;
    }
    if is_news {
        warn_of_dead_run(ctx, &record, group_runs);
        if still_runs && !group_runs {
            ctx.notices.warning(&format!("a process still works in its folder, {}", run.work().display()));
        }
    }
    if still_runs {
        return Ok(());
    }
    upload::share(&opened.history, &attachments, &record)?;
    let left = &collected.left;
    if left.count() > 0 && (is_news || collected.is_clear) {
        ctx.notices.warning(&format!(
            "what run {id} wrote beside its outputs is kept: {}",
            keeping::counted(left.count(), left.bytes)
        ));
        ctx.notices.hint(&format!("to bring it back: {{azml}} run files -r {id} --apply"));
    }
    let state = folders.kept.with_file_name("runs").join(id.as_str());
    run.close().map_err(|error| CommandError::file("remove", &state, error))
}

/// Keeps what earlier versions of azml left of runs in folders that nobody looks after.
pub fn adopt_old_folders(ctx: &Context, opened: &Opened) {
    let folders = keeping::folders(ctx, opened.project.root(), opened.project.id());
    let store = RunStore::new(&opened.history);
    for (id, dir) in live::without_lock(&folders.kept.with_file_name("runs")) {
        let Some(record) = store.get(&id).ok().flatten() else { continue };
        let attachments = Attachments::of(&opened.history, &id);
        let outputs = Outputs::default();
        let place = Gone { id: &id, work: &dir.join("work"), outputs: &outputs, commit: record.commit_id() };
        match collect(ctx, opened, &place, attachments.folder(), &folders) {
            Ok(_) => drop(disk::remove_all(&dir)),
            Err(error) => tracing::warn!(error = error.chain().join(": "), "an old run folder is left"),
        }
    }
}

/// The folder of a run whose processes are gone.
struct Gone<'a> {
    id: &'a RunId,
    work: &'a Path,
    outputs: &'a Outputs,
    commit: Option<ObjectId>,
}

/// Collects the outputs of a run, keeps what else it wrote, and puts its folder aside.
fn collect(
    ctx: &Context,
    opened: &Opened,
    run: &Gone<'_>,
    attachments: &Path,
    folders: &ProjectFolders,
) -> Result<Collected, CommandError> {
    let kept = folders.kept.join(run.id.as_str());
    let failed = |error| CommandError::file("keep what the script wrote in", run.work, error);
    if !run.work.is_dir() {
        // It was killed after that.
        let Some(kept) = KeptRun::find(&folders.kept, run.id) else {
            return Ok(Collected::default());
        };
        return Ok(Collected { left: Summary::of(&kept.items().map_err(failed)?), ..Collected::default() });
    }
    let tree = run.commit.and_then(|commit| Tree::of_commit(opened.history.git(), commit).ok());
    let made = made_in(&opened.history, run.work, tree).map_err(failed)?;
    let ended = Ended {
        work: run.work,
        made: &made,
        root: opened.project.root(),
        outputs: run.outputs,
        attachments,
        kept: &kept,
        commit: run.commit,
        now: ctx.env.now(),
    };
    let collected = ended.keep(&|| {}).map_err(failed)?;
    if collected.is_clear {
        release(run.work, folders);
    }
    Ok(collected)
}

fn save(ctx: &Context, opened: &Opened, record: &RunRecord, is_new: bool) -> Result<(), CommandError> {
    let store = RunStore::new(&opened.history);
    let by = ctx.signature(opened.project.root());
    if is_new {
        store.start(record, &by)?;
    } else {
        store.put(record, &by)?;
    }
    Ok(())
}

/// Names in the control log what is kept.
fn log_kept_files(ctx: &Context, attachments: &Attachments, left: &Summary) -> Result<(), CommandError> {
    if left.count() == 0 {
        return Ok(());
    }
    let failed = |error| CommandError::file("write into", attachments.folder(), error);
    let mut control = ControlLog::append(attachments).map_err(failed)?;
    for line in keeping::lines(left) {
        control.say(ctx.env.now(), &line);
    }
    Ok(())
}

fn warn_of_dead_run(ctx: &Context, record: &RunRecord, still_runs: bool) {
    let id = &record.run_id;
    ctx.notices
        .warning(&format!("the azml that watched run {id} is gone; the run is recorded as NotResponding"));
    if let (true, Some(pid)) = (still_runs, record.pid) {
        ctx.notices.warning(&format!("its script still runs, as process {pid}"));
        ctx.notices.hint(&format!("to end it: {{azml}} experiment cancel -r {id}"));
    }
}
