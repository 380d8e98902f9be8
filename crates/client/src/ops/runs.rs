//! Finding, listing and updating run records.

use std::borrow::Cow;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::context::{Context, Opened};
use crate::env::host_name;
use crate::error::{CommandError, similar};
use crate::metrics::{self, Logged};
use crate::run::{heartbeat, live};

/// The record of the run that `text` names: its id, or an unambiguous beginning of the id or of its number.
///
/// Of several runs that were submitted under one id, the one of this computer is meant; the others are named.
pub fn resolve(ctx: &Context, opened: &Opened, text: &str) -> Result<RunRecord, CommandError> {
    let store = RunStore::new(&opened.history);
    let found = if text.is_empty() { Vec::new() } else { store.find(text)? };
    match found.as_slice() {
        [id] => {
            let record = store.get(id)?.ok_or_else(|| unknown(text, &[]))?;
            let mut all = store.namesakes(id)?;
            if all.is_empty() {
                return Ok(record);
            }
            all.insert(0, record);
            let meant = all.iter().position(is_from_here).unwrap_or_default();
            let meant = all.remove(meant);
            for other in &all {
                let host = other.host.as_deref().unwrap_or("another computer");
                ctx.notices.warning(&format!(
                    "another run was submitted as {id} at the same moment: {}, on {host}",
                    other.run_id
                ));
            }
            Ok(meant)
        }
        [] => {
            let all: Vec<RunId> = store.find("")?;
            Err(unknown(text, &all))
        }
        several => {
            let listed: Vec<&str> = several.iter().take(5).map(RunId::as_str).collect();
            Err(CommandError::usage(format!("`{text}` could be any of {} runs", several.len()))
                .hint(format!("give more of the id: {}", listed.join(", "))))
        }
    }
}

/// Returns whether a run was submitted on this computer.
pub fn is_from_here(record: &RunRecord) -> bool {
    record.host.as_deref() == Some(&host_name())
}

fn unknown(text: &str, all: &[RunId]) -> CommandError {
    let error = CommandError::not_found(format!("there is no run `{text}`"));
    let close = similar(text, all.iter().map(RunId::as_str));
    if close.is_empty() {
        error.hint("the runs there are: {azml} history list")
    } else {
        error.hint(format!("did you mean {}?", close.join(", "))).hint("{azml} history list")
    }
}

/// The runs in progress on this computer, and the time.
pub struct InProgress {
    runs: Vec<(RunRecord, Logged)>,
    now: Timestamp,
}

impl InProgress {
    /// Reads their records and what they have logged.
    pub fn read(ctx: &Context, opened: &Opened) -> Result<Self, CommandError> {
        let mut runs = Vec::new();
        for run in unclosed(ctx, opened)?.into_iter().filter(|run| run.is_watched) {
            let path = run.metrics_file();
            let logged = metrics::read(&path).map_err(|error| CommandError::file("read", &path, error))?;
            runs.push((run.record, logged));
        }
        Ok(Self { runs, now: ctx.env.now() })
    }

    /// Brings a record up to date: what was logged so far, or that nobody has heard of the run for long.
    pub fn update(&self, record: &mut RunRecord) {
        if record.status.is_over() {
            return;
        }
        match self.runs.iter().find(|(live, _)| live.is_same_run(record)) {
            Some((_, logged)) => logged.put_in(record),
            None if heartbeat::is_silent(record, self.now) => record.status = Status::NotResponding,
            None => {}
        }
    }

    /// Those that have no record yet, newest first.
    pub fn unrecorded<'a>(&'a self, records: &'a [RunRecord]) -> impl Iterator<Item = &'a RunRecord> {
        let runs = self.runs.iter().rev().map(|(record, _)| record);
        runs.filter(|live| {
            live.status == Status::Submitting && !records.iter().any(|record| record.is_same_run(live))
        })
    }
}

/// Selects the runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The number of the newest runs; all if there is none.
    pub last: Option<usize>,
    /// Their status.
    pub status: Option<Status>,
    /// Their script.
    pub script: Option<String>,
}

impl Filter {
    fn has(&self, record: &RunRecord) -> bool {
        !record.hidden
            && self.status.is_none_or(|status| record.status == status)
            && self.script.as_ref().is_none_or(|script| record.script_name == *script)
    }
}

/// The runs that a filter lets through, newest first. Reads as many records as are asked for, and no more.
pub fn list(ctx: &Context, opened: &Opened, filter: &Filter) -> Result<Vec<RunRecord>, CommandError> {
    let most = filter.last.unwrap_or(usize::MAX);
    let store = RunStore::new(&opened.history);
    let in_progress = InProgress::read(ctx, opened)?;
    let mut records = Vec::new();
    if filter.last.is_none() {
        records = store.listed()?;
        for record in &mut records {
            in_progress.update(record);
        }
        records.retain(|record| filter.has(record));
    } else {
        for record in store.records()? {
            if records.len() == most {
                break;
            }
            let mut record = record?;
            in_progress.update(&mut record);
            if filter.has(&record) {
                records.push(record);
            }
        }
    }
    let mut all: Vec<RunRecord> =
        in_progress.unrecorded(&records).filter(|record| filter.has(record)).cloned().collect();
    all.append(&mut records);
    all.truncate(most);
    warn_of_unreadable(ctx, &all);
    Ok(all)
}

/// The newest run.
pub fn newest(ctx: &Context, opened: &Opened) -> Result<RunRecord, CommandError> {
    let in_progress = InProgress::read(ctx, opened)?;
    let mut records = RunStore::new(&opened.history).newest(1)?;
    for record in &mut records {
        in_progress.update(record);
    }
    let newest = in_progress.unrecorded(&records).next().or(records.first());
    newest.cloned().ok_or_else(|| {
        CommandError::not_found("the project has no runs yet")
            .hint("{azml} experiment submit -c local SCRIPT")
    })
}

/// Returns whether the azml that watches a run is alive on this computer.
pub fn is_in_progress(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<bool, CommandError> {
    Ok(unclosed(ctx, opened)?.iter().any(|run| run.is_watched && run.record.is_same_run(record)))
}

/// The runs on this computer that have not been closed.
pub fn unclosed(ctx: &Context, opened: &Opened) -> Result<Vec<live::Found>, CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))
}

/// [`resolve`], with what the run has logged so far.
pub fn resolve_current(ctx: &Context, opened: &Opened, text: &str) -> Result<RunRecord, CommandError> {
    let mut record = resolve(ctx, opened, text)?;
    InProgress::read(ctx, opened)?.update(&mut record);
    Ok(record)
}

/// The newest runs that are looked at after a sync.
const SEARCHED: usize = 100;
/// The most runs that a warning names.
const NAMED: usize = 3;

/// Warns once of the records among these that can't be read.
pub fn warn_of_unreadable<'r>(ctx: &Context, records: impl IntoIterator<Item = &'r RunRecord>) {
    let odd: Vec<_> =
        records.into_iter().filter_map(|record| Some((record, record.why_unreadable()?))).collect();
    let (Some((first, _)), count) = (odd.first(), odd.len()) else { return };
    let named: Vec<String> =
        odd.iter().take(NAMED).map(|(record, why)| format!("run {}: {why}", record.run_id)).collect();
    let more = if count > NAMED { format!("; and {} more", count - NAMED) } else { String::new() };
    ctx.notices.warning(&format!(
        "{count} {} can't be read, and {} passed over: {}{more}",
        if count == 1 { "record" } else { "records" },
        if count == 1 { "is" } else { "are" },
        named.join("; ")
    ));
    ctx.notices.hint(match first.status {
        Status::Newer => "update azml to read what a newer one wrote",
        _ => "what can be done: {azml} project fsck",
    });
}

/// The same for the newest runs, after others' records have come in.
pub fn warn_after_sync(ctx: &Context, opened: &Opened) {
    let newest = RunStore::new(&opened.history).newest(SEARCHED);
    warn_of_unreadable(ctx, newest.as_deref().unwrap_or_default());
}

/// Refuses a target that is not the run's.
pub fn check_target(record: &RunRecord, target: Option<&str>) -> Result<(), CommandError> {
    match target {
        Some(target) if target != record.target => Err(CommandError::usage(format!(
            "run {} is on target `{}`, not on `{target}`",
            record.run_id, record.target
        ))
        .hint(format!("{{azml}} history info -r {}", record.run_id))),
        _ => Ok(()),
    }
}

/// The fields of a record, as both front ends show them.
pub fn fields(record: &RunRecord) -> Map<String, Value> {
    sorted_fields(record).into_iter().map(|(key, value)| (key.into_owned(), value)).collect()
}

/// The same as pairs, sorted by their keys.
pub fn sorted_fields(record: &RunRecord) -> Vec<(Cow<'_, str>, Value)> {
    let mut pairs = record.to_shown();
    if record.status == Status::NotResponding {
        // Nobody knows whether it still runs: here is where to look.
        let mut add = |key: &'static str, value: Value| {
            let at = pairs.partition_point(|(other, _)| **other < *key);
            pairs.insert(at, (key.into(), value));
        };
        if let Some(pid) = record.pid {
            add("pid", pid.into());
        }
        if let Some(host) = &record.host {
            add("host", host.as_str().into());
        }
    }
    pairs
}
