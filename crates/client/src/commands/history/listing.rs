//! Run records as a table and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord, Status, format};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::engine::Handle;
use crate::ops::runs::sorted_fields;
use crate::ui::{Cell, Numbers, tabulate_columns};

/// A run in the table, in little memory: ten thousand are held for one list.
#[derive(Debug)]
pub struct Row {
    /// Those that fit into a cell, by name.
    metrics: Vec<(String, Metric)>,
    /// By name.
    parameters: Vec<(String, String)>,
    duration: Option<SignedDuration>,
    run_id: RunId,
    script_name: String,
    start: Option<Timestamp>,
    status: Status,
    /// The engine's word for why it waits, or how it ended.
    reason: Option<String>,
    name: Option<String>,
    /// The tags that are shown.
    tags: Option<String>,
    parent: Option<String>,
}

impl Row {
    /// Of a record of which the columns were read.
    pub fn of(record: RunRecord) -> Self {
        let duration = record.duration();
        let is_told = matches!(record.status, Status::Queued | Status::Failed);
        let reason = if is_told { Handle::of(&record).and_then(|handle| handle.reason) } else { None };
        let tags: Vec<String> = record
            .tags
            .iter()
            .filter(|(name, _)| is_shown(name))
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        Self {
            metrics: record.metrics.into_iter().filter(|(_, metric)| is_cell(metric)).collect(),
            parameters: record.parameters.into_iter().collect(),
            duration,
            run_id: record.run_id,
            script_name: record.script_name,
            start: record.start_time_utc,
            status: record.status,
            reason,
            name: record.name,
            tags: (!tags.is_empty()).then(|| tags.join(" ")),
            parent: record.parent_run_id,
        }
    }

    fn metric(&self, name: &str) -> Option<&Metric> {
        found(&self.metrics, name)
    }
}

/// A value by its name in a sorted list.
fn found<'v, T>(list: &'v [(String, T)], name: &str) -> Option<&'v T> {
    let at = list.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
    Some(&list[at].1)
}

/// The names of the parameters in which two runs differ: trainers log dozens that nobody chose.
fn varying(rows: &[Row]) -> BTreeSet<&str> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let all = rows.iter().flat_map(|row| &row.parameters);
    all.filter(|(name, value)| *first.entry(name).or_insert(value) != *value)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The table of some records.
pub fn table_of(records: &[RunRecord]) -> String {
    table(&records.iter().cloned().map(Row::of).collect::<Vec<_>>())
}

/// The table: the metrics, the parameters that vary, then what every run has.
pub fn table(rows: &[Row]) -> String {
    const FIXED: [&str; 8] =
        ["Duration", "Run_id", "Script_name", "Start_time_utc", "Status", "Name", "Tags", "Parent_run_id"];
    let Some(first) = rows.first() else { return String::new() };
    let is_there = |name: &&str| match *name {
        "Name" => rows.iter().any(|row| row.name.is_some()),
        "Tags" => rows.iter().any(|row| row.tags.is_some()),
        // The runs of one sweep need not repeat it.
        "Parent_run_id" => rows.iter().any(|row| row.parent != first.parent),
        _ => true,
    };
    let fixed: Vec<&str> = FIXED.into_iter().filter(is_there).collect();
    let names: BTreeSet<&str> =
        rows.iter().flat_map(|row| &row.metrics).map(|(name, _)| name.as_str()).collect();
    // A metric may have the name of what every run has, which is meant then.
    let names: Vec<&str> = names.into_iter().filter(|name| !fixed.contains(name)).collect();
    let parameters: Vec<&str> = varying(rows).into_iter().collect();
    let heads: Vec<String> = parameters
        .iter()
        .map(|name| {
            let is_taken = names.contains(name) || fixed.contains(name);
            if is_taken { format!("parameters.{name}") } else { (*name).to_owned() }
        })
        .collect();
    let headers: Vec<&str> =
        names.iter().copied().chain(heads.iter().map(String::as_str)).chain(fixed.iter().copied()).collect();
    let value = |column: usize, row: usize| {
        let row: &Row = &rows[row];
        match headers[column] {
            name if column < names.len() => row.metric(name).map_or(Cell::Empty, of_metric),
            _ if column < names.len() + parameters.len() => {
                let word = found(&row.parameters, parameters[column - names.len()]);
                word.map_or(Cell::Empty, |word| of_word(word))
            }
            "Duration" => row.duration.map(format::duration).into(),
            "Name" => row.name.as_deref().into(),
            "Tags" => row.tags.as_deref().into(),
            "Parent_run_id" => row.parent.as_deref().into(),
            "Run_id" => Cell::Text(row.run_id.as_str().into()),
            "Script_name" => Cell::Text(row.script_name.as_str().into()),
            "Start_time_utc" => row.start.map(format::moment).into(),
            _ => match &row.reason {
                Some(reason) => Cell::Text(format!("{} ({reason})", row.status).into()),
                None => Cell::Text(row.status.as_str().into()),
            },
        }
    };
    tabulate_columns(&headers, rows.len(), &value, Numbers::Aligned)
}

fn of_metric(metric: &Metric) -> Cell<'_> {
    match metric {
        Metric::Number(number) => Cell::Number(number.clone()),
        Metric::Text(text) => Cell::Text(text.as_str().into()),
        other => Cell::of(&other.to_value()).into_owned(),
    }
}

/// A parameter is a number where it reads as one.
fn of_word(word: &str) -> Cell<'_> {
    match Metric::from_word(word) {
        Metric::Text(_) => Cell::Text(word.into()),
        other => of_metric(&other).into_owned(),
    }
}

/// Returns whether a tag is in the table: those of MLflow's own say what other columns say.
fn is_shown(tag: &str) -> bool {
    !tag.starts_with("mlflow.")
}

/// A record as JSON, as it stands in a list.
pub fn json(record: &RunRecord) -> io::Result<Vec<u8>> {
    struct Shown<'a>(&'a RunRecord);
    impl Serialize for Shown<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let nested = |value: &Value| value.is_object() || value.is_array();
            let pairs = sorted_fields(self.0);
            serializer.collect_map(pairs.into_iter().map(|(key, value)| {
                let value = if nested(&value) { crate::ui::sort_keys(&value) } else { value };
                (key, value)
            }))
        }
    }
    let mut list = Vec::with_capacity(1024);
    crate::ui::write_json(&mut list, &[Shown(record)])?;
    // Without `[` before, and a line feed and `]` after it.
    list.truncate(list.len() - 2);
    list.remove(0);
    list.shrink_to_fit();
    Ok(list)
}

/// The list of records that are [`json`], written as any other value would be.
pub fn json_list(records: &[Vec<u8>]) -> Vec<u8> {
    if records.is_empty() {
        return b"[]\n".to_vec();
    }
    let mut out = Vec::with_capacity(records.iter().map(|record| record.len() + 1).sum::<usize>() + 3);
    for record in records {
        out.push(if out.is_empty() { b'[' } else { b',' });
        out.extend_from_slice(record);
    }
    out.extend_from_slice(b"\n]\n");
    out
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
    use crate::ops::runs::fields;
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
        for count in [0, 1, 3] {
            let records: Vec<RunRecord> = (0..count).map(record).collect();
            let value = Value::Array(records.iter().map(|record| Value::Object(fields(record))).collect());
            let expect = serde_json::to_string_pretty(&crate::ui::sort_keys(&value)).unwrap() + "\n";
            let list = json_list(&records.iter().map(|record| json(record).unwrap()).collect::<Vec<_>>());
            assert_eq!(String::from_utf8(list).unwrap(), expect, "{count} records");
        }
    }

    #[test]
    fn the_table_has_metrics_first_and_then_the_five_columns() {
        let record = |ms, metrics: &[(&str, Metric)]| {
            let id = RunId::new("iris", ms).unwrap();
            let start: Timestamp = "2017-09-08T00:58:03.059014Z".parse().unwrap();
            let mut record = RunRecord::new(id, &ProjectId::from_random([1; 16]), "iris_sklearn.py", start);
            record.start_time_utc = Some(start);
            record.end_time_utc = Some(start + SignedDuration::from_micros(4_892_389));
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
        let [mut one, mut two] = records.clone();
        for (record, pairs) in [
            (&mut one, [("Status", "x"), ("lr", "0.10"), ("same", "1")]),
            (&mut two, [("Status", "y"), ("lr", "1e-3"), ("same", "1")]),
        ] {
            record.metrics.clear();
            record.parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        }
        insta::assert_snapshot!(table_of(&[one, two]), @r"
        parameters.Status       lr  Duration        Run_id    Script_name      Start_time_utc                    Status
        -------------------  -----  --------------  --------  ---------------  --------------------------------  ---------
        x                    0.1    0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        y                    0.001  0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
        insta::assert_snapshot!(table_of(&records), @r"
          Accuracy    Regularization Rate  accuracy    Duration        Run_id    Script_name      Start_time_utc                    Status
        ----------  ---------------------  ----------  --------------  --------  ---------------  --------------------------------  ---------
          0.679245               0.078125              0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
                                           n/a         0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
    }
}
