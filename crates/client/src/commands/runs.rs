//! Finding and showing run records: what the `history` commands and `project restore` share.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord, RunStore, Status, format};
use gix::ObjectId;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::context::{Context, Opened};
use crate::env::host_name;
use crate::error::{CommandError, similar};
use crate::run::{heartbeat, live, metrics};
use crate::sync;
use crate::ui::{Numbers, Output, OutputFormat, Ui, tabulate_columns};

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
        let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
        let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
        let mut runs = Vec::new();
        for run in found.into_iter().filter(|run| run.is_watched) {
            let path = run.metrics_file();
            let logged = metrics::read(&path).map_err(|error| CommandError::file("read", &path, error))?;
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
    pub fn unrecorded<'a>(&'a self, records: &'a [RunRecord]) -> impl Iterator<Item = &'a RunRecord> {
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
    for record in &mut records {
        lives.update(record);
    }
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
    for record in &mut records {
        lives.update(record);
    }
    Ok(records)
}

/// The newest runs that are looked at after a sync.
const LOOKED_AT: usize = 100;
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
    let newest = RunStore::new(&opened.history).newest(LOOKED_AT);
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
    sync::with_progress(ctx, opened.project.root(), "Fetching", |context| {
        for commit in missing {
            sync::fetch_snapshot(&opened.history, &remote, *commit, context)?;
        }
        Ok(())
    })
}

/// A record as commands print it.
pub fn shown(record: &RunRecord) -> Map<String, Value> {
    shown_pairs(record).into_iter().map(|(key, value)| (key.into_owned(), value)).collect()
}

/// The same as pairs, sorted by their keys.
fn shown_pairs(record: &RunRecord) -> Vec<(Cow<'_, str>, Value)> {
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

/// Records as a list; as a table, the metrics come first. Made in the form that is printed, and in no other.
pub fn output(ui: &Ui, records: &[RunRecord]) -> Result<Output, CommandError> {
    match ui.plain_format() {
        Some(OutputFormat::Json) => json(records).map(Output::Raw),
        Some(OutputFormat::Table) => Ok(Output::Table(table(records))),
        _ => Ok(Output::Value(records.iter().map(|record| Value::Object(shown(record))).collect())),
    }
}

/// The table: the metrics, then what every run has.
fn table(records: &[RunRecord]) -> String {
    const FIXED: [&str; 5] = ["Duration", "Run_id", "Script_name", "Start_time_utc", "Status"];
    let names: BTreeSet<&String> = records
        .iter()
        .flat_map(|record| &record.metrics)
        .filter(|(_, metric)| is_cell(metric))
        .map(|(name, _)| name)
        .collect();
    if records.is_empty() {
        return String::new();
    }
    // A metric may have the name of what every run has, which is meant then.
    let names: Vec<&str> =
        names.into_iter().map(String::as_str).filter(|name| !FIXED.contains(name)).collect();
    let headers: Vec<&str> = names.iter().copied().chain(FIXED).collect();
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let value = |column: usize, row: usize| {
        let record = &records[row];
        match headers[column] {
            name if column < names.len() => {
                let found = record.metrics.get(name).filter(|metric| is_cell(metric));
                found.map_or(Value::Null, Metric::to_value)
            }
            "Duration" => text(record.duration().map(format::duration)),
            "Run_id" => record.run_id.as_str().into(),
            "Script_name" => record.script_name.clone().into(),
            "Start_time_utc" => text(record.start_time_utc.map(format::moment)),
            _ => record.status.as_str().into(),
        }
    };
    tabulate_columns(&headers, records.len(), &value, Numbers::Aligned)
}

/// With so many records to a thread, another one pays.
const SHARE: usize = 1000;

/// The list as JSON, written as any other value would be.
fn json(records: &[RunRecord]) -> Result<Vec<u8>, CommandError> {
    struct Shown<'a>(&'a RunRecord);
    impl Serialize for Shown<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let nested = |value: &Value| value.is_object() || value.is_array();
            let pairs = shown_pairs(self.0);
            serializer.collect_map(pairs.into_iter().map(|(key, value)| {
                let value = if nested(&value) { crate::ui::sort_keys(&value) } else { value };
                (key, value)
            }))
        }
    }
    let write = |records: &[RunRecord]| {
        let mut out = Vec::with_capacity(1024 * records.len() + 3);
        let list: Vec<Shown<'_>> = records.iter().map(Shown).collect();
        crate::ui::write_json(&mut out, &list).map(|()| out)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(records.len() / SHARE);
    let mut out = if threads <= 1 {
        write(records).map_err(CommandError::failed)?
    } else {
        let shares = records.chunks(records.len().div_ceil(threads));
        let lists: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = shares.map(|share| scope.spawn(move || write(share))).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("writing a record does not panic"))
                .collect()
        });
        let mut out = b"[".to_vec();
        for list in lists {
            let list = list.map_err(CommandError::failed)?;
            if out.len() > 1 {
                out.push(b',');
            }
            // Without the brackets: `[` at the start, a line feed and `]` at the end.
            out.extend_from_slice(&list[1..list.len() - 2]);
        }
        out.extend_from_slice(b"\n]");
        out
    };
    out.push(b'\n');
    Ok(out)
}

fn is_cell(metric: &Metric) -> bool {
    match metric {
        Metric::Number(_) | Metric::Text(_) => true,
        Metric::List(_) => false,
        Metric::Other(value) => value.is_boolean(),
    }
}

#[cfg(test)]
mod tests {
    use azml_core::id::ProjectId;

    use super::*;

    #[test]
    fn a_list_written_at_once_is_the_list_written_as_a_value() {
        let record = |n: u64| {
            let id = RunId::new("iris", 1_511_000_000_000 + n).unwrap();
            let created = Timestamp::from_second(1_511_000_000).unwrap();
            let mut record = RunRecord::new(id, &ProjectId::from_random([1; 16]), "train.py", created);
            record.status = if n.is_multiple_of(2) { Status::NotResponding } else { Status::Completed };
            (record.pid, record.host) = (Some(7), Some("here".to_owned()));
            let nested = Metric::from(serde_json::json!({"z": {"b": 1, "a": []}, "a": [{"y": 2, "x": 1.5}]}));
            record.metrics =
                [("Accuracy", Metric::from_f64(0.1)), ("table", nested), ("run_id", Metric::from_word("x"))]
                    .map(|(name, metric)| (name.to_owned(), metric))
                    .into();
            record
        };
        for count in [0, 1, 3, 2 * u64::try_from(SHARE).unwrap() + 1] {
            let records: Vec<RunRecord> = (0..count).map(record).collect();
            let value = Value::Array(records.iter().map(|record| Value::Object(shown(record))).collect());
            let expect = serde_json::to_string_pretty(&crate::ui::sort_keys(&value)).unwrap() + "\n";
            assert!(String::from_utf8(json(&records).unwrap()).unwrap() == expect, "{count} records");
        }
    }

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
        insta::assert_snapshot!(table(&records), @r"
          Accuracy    Regularization Rate  accuracy    Duration        Run_id    Script_name      Start_time_utc                    Status
        ----------  ---------------------  ----------  --------------  --------  ---------------  --------------------------------  ---------
          0.679245               0.078125              0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
                                           n/a         0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
    }
}
