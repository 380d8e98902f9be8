//! Finding and showing run records: what the `history` commands and `project restore` share.

use std::collections::BTreeMap;

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord, RunStore, Status};
use gix::ObjectId;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::context::{Context, Opened, host_name};
use crate::error::{CommandError, similar};
use crate::run::{heartbeat, live, metrics};
use crate::sync;
use crate::ui::{Numbers, Output};

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
                ctx.ui.warning(&format!(
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

/// Whether a run was submitted on this computer.
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
pub struct Lives {
    runs: Vec<(RunRecord, BTreeMap<String, Metric>)>,
    now: Timestamp,
}

impl Lives {
    /// Looks at them.
    pub fn here(ctx: &Context, opened: &Opened) -> Result<Self, CommandError> {
        let runs_dir = live::runs_dir(&ctx.env.state_dir(), opened.project.id());
        let found =
            live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
        let mut runs = Vec::new();
        for run in found.into_iter().filter(|run| run.is_watched) {
            let path = run.metrics_file();
            let logged =
                metrics::read(&path).map_err(|error| CommandError::file("read", &path, error))?;
            runs.push((run.record, logged.metrics));
        }
        Ok(Self { runs, now: ctx.env.now() })
    }

    /// Brings a record up to date: what was logged so far, or that nobody has heard of the run for long.
    pub fn update(&self, record: &mut RunRecord) {
        if record.status.is_over() {
            return;
        }
        match self.runs.iter().find(|(live, _)| live.is_same_run(record)) {
            Some((_, metrics)) => record.metrics.clone_from(metrics),
            None if heartbeat::is_silent(record, self.now) => record.status = Status::NotResponding,
            None => {}
        }
    }

    /// Those that have no record yet, newest first.
    fn unrecorded<'a>(&'a self, records: &'a [RunRecord]) -> impl Iterator<Item = &'a RunRecord> {
        let runs = self.runs.iter().rev().map(|(record, _)| record);
        runs.filter(|live| {
            live.status == Status::Submitting && !records.iter().any(|record| record.is_same_run(live))
        })
    }
}

/// Brings records up to date with runs in progress on this computer: what they logged so far, and those that
/// have no record yet. Newest first, as they came.
pub fn with_live(
    ctx: &Context,
    opened: &Opened,
    mut records: Vec<RunRecord>,
) -> Result<Vec<RunRecord>, CommandError> {
    let lives = Lives::here(ctx, opened)?;
    records.iter_mut().for_each(|record| lives.update(record));
    let mut all: Vec<RunRecord> = lives.unrecorded(&records).cloned().collect();
    all.append(&mut records);
    Ok(all)
}

/// Those records, and no others, brought up to date in the same way.
pub fn with_live_in_place(
    ctx: &Context,
    opened: &Opened,
    mut records: Vec<RunRecord>,
) -> Result<Vec<RunRecord>, CommandError> {
    let lives = Lives::here(ctx, opened)?;
    records.iter_mut().for_each(|record| lives.update(record));
    Ok(records)
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

/// Brings the snapshots that are not here from the remote.
pub fn fetch_snapshots(
    ctx: &Context,
    opened: &Opened,
    commits: &[ObjectId],
    token: Option<&str>,
) -> Result<(), CommandError> {
    let missing: Vec<&ObjectId> = commits.iter().filter(|id| !opened.history.git().has_object(*id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let remote = ctx.remote(opened, token)?.ok_or(sync::SyncError::NotLinked)?;
    let by = ctx.signature(opened.project.root());
    let progress = ctx.ui.progress("Fetching");
    let watch = ctx.watch(&progress);
    let context = sync::Context { by: &by, observer: &watch };
    for commit in missing {
        sync::fetch_snapshot(&opened.history, &remote, *commit, context)?;
    }
    Ok(())
}

/// A record as commands print it.
pub fn shown(record: &RunRecord) -> Map<String, Value> {
    let mut map = record.to_output();
    if record.status == Status::NotResponding {
        // Nobody knows whether it still runs: here is where to look.
        map.extend(record.pid.map(|pid| ("pid".to_owned(), pid.into())));
        map.extend(record.host.clone().map(|host| ("host".to_owned(), host.into())));
    }
    map
}

/// Columns of the table of runs that every run has.
const COLUMNS: [&str; 5] = ["duration", "run_id", "script_name", "start_time_utc", "status"];

/// Records as a list; as a table, the metrics come first.
pub fn output(records: &[RunRecord]) -> Output {
    let names: std::collections::BTreeSet<&String> = records
        .iter()
        .flat_map(|record| &record.metrics)
        .filter(|(_, metric)| is_cell(&metric.to_value()))
        .map(|(name, _)| name)
        .collect();
    let rows = records
        .iter()
        .map(|record| {
            let value = record.to_output();
            let metric = |name: &str| {
                let found = record.metrics.get(name).map(Metric::to_value);
                (name.to_owned(), found.filter(is_cell).unwrap_or(Value::Null))
            };
            let fixed = COLUMNS.map(|key| {
                let mut header = key.to_owned();
                header[..1].make_ascii_uppercase();
                (header, value.get(key).cloned().unwrap_or(Value::Null))
            });
            names.iter().map(|name| metric(name)).chain(fixed).collect()
        })
        .collect();
    let value = records.iter().map(|record| Value::Object(shown(record))).collect();
    Output::WithTable { value, rows, numbers: Numbers::Aligned }
}

fn is_cell(value: &Value) -> bool {
    !value.is_null() && !value.is_array() && !value.is_object()
}

#[cfg(test)]
mod tests {
    use azml_core::id::ProjectId;

    use super::*;

    #[test]
    fn the_table_has_metrics_first_and_then_the_five_columns() {
        let record = |ms, metrics: &[(&str, Metric)]| {
            let id = RunId::new("iris", ms).unwrap();
            let start: Timestamp = "2017-09-08T00:58:03.059014Z".parse().unwrap();
            let mut record = RunRecord::new(id, &ProjectId::from_random([1; 16]), "iris_sklearn.py", start);
            record.start_time_utc = Some(start);
            record.end_time_utc = Some(start + jiff::SignedDuration::from_micros(4_892_389));
            record.status = Status::Completed;
            record.metrics =
                metrics.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            record
        };
        let list = Metric::from_word("[1, 2]");
        let records = [
            record(
                2,
                &[
                    ("Regularization Rate", Metric::from_f64(0.078_125)),
                    ("Accuracy", Metric::from_f64(0.679_245_283)),
                ],
            ),
            record(1, &[("accuracy", Metric::from_word("n/a")), ("curve", list)]),
        ];
        let Output::WithTable { rows, numbers, .. } = output(&records) else { panic!("no table") };
        insta::assert_snapshot!(crate::ui::tabulate(&rows, numbers), @r"
          Accuracy    Regularization Rate  accuracy    Duration        Run_id    Script_name      Start_time_utc                    Status
        ----------  ---------------------  ----------  --------------  --------  ---------------  --------------------------------  ---------
          0.679245               0.078125              0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
                                           n/a         0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
    }
}
