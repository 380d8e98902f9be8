//! Finding, listing and updating run records.

use std::borrow::Cow;

use azml_core::id::RunId;
use azml_core::revision;
use azml_core::run::{self, RunRecord, RunStore, Status};
use gix::ObjectId;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::context::{Context, Opened};
use crate::engine::Handle;
use crate::env::host_name;
use crate::error::{FileError, similar};
use crate::run::logged::Logged;
use crate::run::{heartbeat, live};

/// The reason why there is no record of the run that was meant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The records can't be read.
    #[error(transparent)]
    Store(#[from] run::Error),
    /// The state of runs in progress can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No run has this id.
    #[error("there is no run `{text}`")]
    Unknown {
        /// The id as it was given.
        text: String,
        /// Ids that look like it.
        similar: Vec<String>,
    },
    /// Several runs have ids that begin so.
    #[error("`{text}` could be any of {count} runs")]
    Ambiguous {
        /// The beginning as it was given.
        text: String,
        /// The number of these runs.
        count: usize,
        /// The ids of the first of them.
        first: Vec<String>,
    },
    /// It names a snapshot that no run ran from.
    #[error("`{text}` is snapshot {}, and no run ran from it", commit.to_hex_with_len(10))]
    NoRun {
        /// The name.
        text: String,
        /// The snapshot.
        commit: ObjectId,
    },
    /// It names a snapshot that several runs ran from.
    #[error("`{text}` is the snapshot of {count} runs")]
    SameSnapshot {
        /// The name.
        text: String,
        /// The number of these runs.
        count: usize,
        /// The ids of the newest of them.
        first: Vec<String>,
    },
    /// It is the name of a snapshot that is not there.
    #[error(transparent)]
    Name(#[from] revision::Error),
    /// The project has no run.
    #[error("the project has no runs yet")]
    NoRuns,
    /// The run is on another target than the one that was named.
    #[error("run {run} is on target `{actual}`, not on `{named}`")]
    OtherTarget {
        run: RunId,
        /// Its target.
        actual: String,
        /// The target that was named.
        named: String,
    },
}

/// The record of the run that `text` names: its id, or an unambiguous beginning of the id or of its number; or any name of the
/// snapshot that it alone ran from.
///
/// Of several runs that were submitted under one id, the one of this computer is meant; the others are named.
pub fn resolve(ctx: &Context, opened: &Opened, text: &str) -> Result<RunRecord, Error> {
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
        [] => match of_snapshot(ctx, opened, store, text)? {
            Some(record) => Ok(record),
            None => Err(unknown(text, &store.find("")?)),
        },
        several => {
            let first = several.iter().take(5).map(RunId::to_string).collect();
            Err(Error::Ambiguous { text: text.to_owned(), count: several.len(), first })
        }
    }
}

/// The run of the snapshot that `text` names; `None` if no snapshot is called so.
fn of_snapshot(
    ctx: &Context,
    opened: &Opened,
    store: RunStore<'_>,
    text: &str,
) -> Result<Option<RunRecord>, Error> {
    use revision::Error as E;
    let commit = match revision::resolve(&opened.history, text, &ctx.clock()) {
        Ok(found) => found.commit,
        Err(E::Unknown { .. } | E::TooShort { .. } | E::Empty | E::NotASnapshot { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut found: Vec<RunRecord> = Vec::new();
    for record in store.records()? {
        let record = record?;
        if record.commit_id() == Some(commit) {
            found.push(record);
        }
    }
    // Of a sweep and its runs the sweep is meant.
    let ids: Vec<String> = found.iter().map(|record| record.run_id.to_string()).collect();
    found.retain(|record| !record.parent_run_id.as_ref().is_some_and(|parent| ids.contains(parent)));
    let several = || found.iter().take(5).map(|record| record.run_id.to_string()).collect();
    match found.len() {
        1 => Ok(found.pop()),
        0 => Err(Error::NoRun { text: text.to_owned(), commit }),
        count => Err(Error::SameSnapshot { text: text.to_owned(), count, first: several() }),
    }
}

/// Returns whether a run was submitted on this computer.
pub fn is_from_here(record: &RunRecord) -> bool {
    record.host.as_deref() == Some(&host_name())
}

fn unknown(text: &str, all: &[RunId]) -> Error {
    let similar = similar(text, all.iter().map(RunId::as_str));
    Error::Unknown { text: text.to_owned(), similar: similar.into_iter().map(str::to_owned).collect() }
}

/// The runs in progress on this computer, and the time.
#[derive(Default)]
pub struct InProgress {
    runs: Vec<(RunRecord, Logged)>,
    now: Timestamp,
}

impl InProgress {
    /// Reads their records and what they have logged.
    pub fn read(ctx: &Context, opened: &Opened) -> Result<Self, Error> {
        let mut runs = Vec::new();
        for run in unclosed(ctx, opened)?.into_iter().filter(|run| run.is_watched) {
            let failed = |error| FileError::new("read", &run.work(), error);
            let logged = run.logged().map_err(failed)?;
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
            // Its engine says how it stands.
            None if Handle::is_in(record) => {}
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

/// The newest run.
pub fn newest(ctx: &Context, opened: &Opened) -> Result<RunRecord, Error> {
    let in_progress = InProgress::read(ctx, opened)?;
    let mut records = RunStore::new(&opened.history).newest(1)?;
    for record in &mut records {
        in_progress.update(record);
    }
    let newest = in_progress.unrecorded(&records).next().or(records.first());
    newest.cloned().ok_or(Error::NoRuns)
}

/// Returns whether the azml that watches a run is alive on this computer.
pub fn is_in_progress(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<bool, FileError> {
    Ok(unclosed(ctx, opened)?.iter().any(|run| run.is_watched && run.record.is_same_run(record)))
}

/// The runs on this computer that have not been closed.
pub fn unclosed(ctx: &Context, opened: &Opened) -> Result<Vec<live::Found>, FileError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    live::find(&runs_dir).map_err(|error| FileError::new("look at", &runs_dir, error))
}

/// [`resolve`], with what the run has logged so far.
pub fn resolve_current(ctx: &Context, opened: &Opened, text: &str) -> Result<RunRecord, Error> {
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
pub fn check_target(record: &RunRecord, target: Option<&str>) -> Result<(), Error> {
    match target {
        Some(named) if named != record.target => Err(Error::OtherTarget {
            run: record.run_id.clone(),
            actual: record.target.clone(),
            named: named.to_owned(),
        }),
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
