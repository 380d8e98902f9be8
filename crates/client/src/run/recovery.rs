//! Runs whose azml died: noticed by the next command, and recorded as `NotResponding`.

use azml_core::run::{RunRecord, RunStore, Status};

use super::attachments::Attachments;
use super::folder::{COLLECTED, bring_all};
use super::{carried, heartbeat, live, metrics, who};
use crate::context::{Context, Opened, host_name};
use crate::error::CommandError;

/// How many folders of finished runs are kept because the script left files there.
pub const KEPT_FOLDERS: usize = 5;

/// Records what became of runs that nobody watches any more.
///
/// The first time such a run is seen it is recorded with what it logged. Its folder goes once its processes are
/// gone, after its outputs are collected.
pub fn dead_runs(ctx: &Context, opened: &Opened) -> Result<(), CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
    let store = RunStore::new(&opened.history);
    for run in found {
        if run.is_watched {
            continue;
        }
        let id = run.record.run_id.clone();
        let known = store.current(&run.record)?;
        let mut record = known.clone().unwrap_or_else(|| run.record.clone());
        let pid = record.pid.or(run.record.pid);
        let still_runs = record.host.as_deref().is_none_or(|host| host == host_name())
            && pid.is_some_and(|pid| who::still_runs(pid, run.script.as_deref()));
        let is_news = known.as_ref().is_none_or(|known| !known.status.is_over());
        if is_news {
            record.status = Status::NotResponding;
            heartbeat::end(&mut record);
            record.pid = pid;
            record.host = record.host.or_else(|| run.record.host.clone());
        }
        let attachments = Attachments::of(&opened.history, &id);
        if !still_runs {
            let work = run.work();
            for folder in COLLECTED {
                bring_all(&work.join(folder), &attachments.folder().join(folder))?;
            }
        }
        if is_news || record.status == Status::NotResponding {
            let logged = metrics::read(&run.metrics_file())
                .map_err(|error| CommandError::file("read", &run.metrics_file(), error))?;
            record.metrics = logged.metrics;
            record.attachments = attachments
                .list()
                .map_err(|error| CommandError::file("read", attachments.folder(), error))?;
            if is_news || !still_runs {
                let limit = ctx.settings.attachments_limit();
                carried::carry(ctx, opened, &attachments, &mut record, limit)?;
            }
            if known.as_ref() != Some(&record) {
                save(ctx, opened, &record, known.is_none())?;
            }
        }
        if is_news {
            tell(ctx, &record, still_runs);
        }
        if !still_runs {
            run.close(false)
                .map_err(|error| CommandError::file("remove", &runs_dir.join(id.as_str()), error))?;
        }
    }
    Ok(())
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

fn tell(ctx: &Context, record: &RunRecord, still_runs: bool) {
    let id = &record.run_id;
    ctx.ui.warning(&format!("the azml that watched run {id} is gone; the run is recorded as NotResponding"));
    if let (true, Some(pid)) = (still_runs, record.pid) {
        ctx.ui.warning(&format!("its script still runs, as process {pid}"));
        ctx.ui.hint(&format!("to end it: {{azml}} experiment cancel -r {id}"));
    }
}
