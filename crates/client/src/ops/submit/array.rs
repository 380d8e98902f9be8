//! Giving many runs to an engine as one array of its own.

use std::collections::BTreeMap;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::Taken;

use super::elsewhere::{job, keep, submit};
use super::{Plan, claim};
use crate::context::{Context, Opened};
use crate::engine::{self, Array, ArraySpec, Arrays, Handle, Task, spec};
use crate::error::CommandError;

/// The common part of the runs of an array.
pub struct Common<'a> {
    pub arrays: &'a dyn Arrays,
    pub place: &'a Handle,
    /// The sweep whose members they are.
    pub sweep: &'a RunId,
    pub taken: &'a Taken,
    /// The most that run at once.
    pub at_once: Option<usize>,
    /// The job whose end they wait for.
    pub after: Option<&'a str>,
}

/// Records runs, and gives them to an engine as one array; their records, in the order of their plans, and the array's job.
///
/// # Errors
/// They could not be given. Those whose engine does not answer stay open: it may have them.
pub fn give(
    ctx: &Context,
    opened: &Opened,
    plans: &[(u64, Plan)],
    common: &Common<'_>,
) -> Result<(Vec<RunRecord>, Option<String>), CommandError> {
    let store = RunStore::new(&opened.history);
    let (mut records, mut logs, mut name) = (Vec::new(), Vec::new(), None);
    for (index, plan) in plans {
        let live = claim(ctx, opened, store)?;
        // The id of its first run is no other array's.
        let name = name.get_or_insert_with(|| format!("{}.{}", common.sweep, live.id().epoch_ms()));
        let task = Task { name: name.clone(), index: *index };
        let handle = Handle { array: Some(task), ..common.place.of_run(live.id(), 1) };
        let (record, control) = keep(ctx, opened, plan, &handle, (&live, common.taken))?;
        records.push(record);
        logs.push(control);
    }
    let Some(name) = name else { return Ok((Vec::new(), None)) };
    let by = ctx.signature(opened.project.root());
    let records = store.put_all(&records, &by)?;
    ctx.env.pass("send", 1);
    let members: BTreeMap<u64, _> = plans
        .iter()
        .zip(&records)
        .map(|((index, plan), record)| (*index, job(ctx, opened, plan, record, common.taken)))
        .collect();
    let spec = ArraySpec { version: spec::VERSION, name, members };
    let array = Array { spec: &spec, at_once: common.at_once, after: common.after };
    let sent = submit(ctx, || common.arrays.submit(&opened.history, &array));
    ctx.env.pass("send", 2);
    let ids: Vec<RunId> = records.iter().map(|record| record.run_id.clone()).collect();
    let mut say = |line: &str| logs.iter_mut().for_each(|control| control.say(ctx.env.now(), line));
    match sent {
        Ok(handles) => {
            say(&format!("given to {}", common.place.place()));
            let put = |at: usize, record: &mut RunRecord| {
                if !record.status.is_over() {
                    record.status = Status::Queued;
                    handles[at].put(record);
                }
            };
            let job = handles.first().and_then(|handle| handle.id.as_ref()?.split('_').next());
            let job = job.map(str::to_owned);
            Ok((store.edit_all(&ids, &by, put)?, job))
        }
        Err(error) => {
            let is_open = matches!(error, engine::Error::Unreachable { .. });
            let error = CommandError::from(error);
            say(&format!("the run could not be sent: {}", error.chain().join(": ")));
            if !is_open {
                let now = ctx.env.now();
                let put = |_, record: &mut RunRecord| {
                    (record.status, record.end_time_utc) = (Status::Failed, Some(now));
                };
                store.edit_all(&ids, &by, put)?;
            }
            Err(error)
        }
    }
}
