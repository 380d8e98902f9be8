//! Run records as a table and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use azml_core::parallel;
use azml_core::run::{Metric, RunRecord, format};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::CommandError;
use crate::ops::runs::{fields, sorted_fields};
use crate::ui::{Numbers, Output, OutputFormat, Ui, tabulate_columns};

/// Records as a list; as a table, the metrics come first, then the parameters that vary. Made in the form that is printed, and in no other.
pub fn output(ui: &Ui, records: &[RunRecord]) -> Result<Output, CommandError> {
    match ui.plain_format() {
        Some(OutputFormat::Json) => json(records).map(Output::Raw),
        Some(OutputFormat::Table) => Ok(Output::Table(table(records))),
        _ => Ok(Output::Value(records.iter().map(|record| Value::Object(fields(record))).collect())),
    }
}

/// The names of the parameters in which two runs differ: trainers log dozens that nobody chose.
fn varying(records: &[RunRecord]) -> BTreeSet<&str> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let all = records.iter().flat_map(|record| &record.parameters);
    all.filter(|(name, value)| *first.entry(name).or_insert(value) != *value)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The table: the metrics, the parameters, then what every run has.
pub fn table(records: &[RunRecord]) -> String {
    const FIXED: [&str; 8] =
        ["Duration", "Run_id", "Script_name", "Start_time_utc", "Status", "Name", "Tags", "Parent_run_id"];
    let is_there = |name: &&str| match *name {
        "Name" => records.iter().any(|record| record.name.is_some()),
        "Tags" => records.iter().flat_map(|record| record.tags.keys()).any(|tag| is_shown(tag)),
        // The runs of one sweep need not repeat it.
        "Parent_run_id" => records.iter().any(|record| record.parent_run_id != records[0].parent_run_id),
        _ => true,
    };
    let fixed: Vec<&str> = FIXED.into_iter().filter(is_there).collect();
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
        names.into_iter().map(String::as_str).filter(|name| !fixed.contains(name)).collect();
    let parameters: Vec<&str> = varying(records).into_iter().collect();
    let heads: Vec<String> = parameters
        .iter()
        .map(|name| {
            let is_taken = names.contains(name) || fixed.contains(name);
            if is_taken { format!("parameters.{name}") } else { (*name).to_owned() }
        })
        .collect();
    let headers: Vec<&str> =
        names.iter().copied().chain(heads.iter().map(String::as_str)).chain(fixed.iter().copied()).collect();
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let value = |column: usize, row: usize| {
        let record = &records[row];
        match headers[column] {
            name if column < names.len() => {
                let found = record.metrics.get(name).filter(|metric| is_cell(metric));
                found.map_or(Value::Null, Metric::to_value)
            }
            _ if column < names.len() + parameters.len() => {
                let found = record.parameters.get(parameters[column - names.len()]);
                found.map_or(Value::Null, |word| Metric::from_word(word).to_value())
            }
            "Duration" => text(record.duration().map(format::duration)),
            "Name" => text(record.name.clone()),
            "Tags" => record
                .tags
                .iter()
                .filter(|(name, _)| is_shown(name))
                .map(|(name, text)| format!("{name}={text}"))
                .collect::<Vec<_>>()
                .join(" ")
                .into(),
            "Parent_run_id" => text(record.parent_run_id.clone()),
            "Run_id" => record.run_id.as_str().into(),
            "Script_name" => record.script_name.clone().into(),
            "Start_time_utc" => text(record.start_time_utc.map(format::moment)),
            _ => record.status.as_str().into(),
        }
    };
    tabulate_columns(&headers, records.len(), &value, Numbers::Aligned)
}

/// Returns whether a tag is in the table: those of MLflow's own say what other columns say.
fn is_shown(tag: &str) -> bool {
    !tag.starts_with("mlflow.")
}

/// With so many records to a thread, another one pays.
const SHARE: usize = 1000;

/// The list as JSON, written as any other value would be.
fn json(records: &[RunRecord]) -> Result<Vec<u8>, CommandError> {
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
    let write = |records: &[RunRecord]| {
        let mut out = Vec::with_capacity(1024 * records.len() + 3);
        let list: Vec<Shown<'_>> = records.iter().map(Shown).collect();
        crate::ui::write_json(&mut out, &list).map(|()| out)
    };
    let mut out = Vec::new();
    for list in parallel::map_shares(records, parallel::threads(records.len() / SHARE), write) {
        let list = list.map_err(CommandError::failed)?;
        if out.is_empty() {
            out = list;
        } else {
            // In the place of the line feed and `]` at the end: the next list without its `[`.
            out.truncate(out.len() - 2);
            out.push(b',');
            out.extend_from_slice(&list[1..]);
        }
    }
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
    use azml_core::id::{ProjectId, RunId};
    use azml_core::run::Status;
    use jiff::Timestamp;

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
            let value = Value::Array(records.iter().map(|record| Value::Object(fields(record))).collect());
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
        let [mut one, mut two] = records.clone();
        for (record, pairs) in [
            (&mut one, [("Status", "x"), ("lr", "0.10"), ("same", "1")]),
            (&mut two, [("Status", "y"), ("lr", "1e-3"), ("same", "1")]),
        ] {
            record.metrics.clear();
            record.parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        }
        insta::assert_snapshot!(table(&[one, two]), @r"
        parameters.Status       lr  Duration        Run_id    Script_name      Start_time_utc                    Status
        -------------------  -----  --------------  --------  ---------------  --------------------------------  ---------
        x                    0.1    0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        y                    0.001  0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
        insta::assert_snapshot!(table(&records), @r"
          Accuracy    Regularization Rate  accuracy    Duration        Run_id    Script_name      Start_time_utc                    Status
        ----------  ---------------------  ----------  --------------  --------  ---------------  --------------------------------  ---------
          0.679245               0.078125              0:00:04.892389  iris_2    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
                                           n/a         0:00:04.892389  iris_1    iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
    }
}
