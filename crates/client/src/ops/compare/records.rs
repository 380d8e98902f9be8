//! The properties and the metrics of several runs beside one another.

use std::collections::BTreeSet;

use azml_core::run::{ATTACHMENTS_ID, ATTACHMENTS_LEFT, RunRecord};
use serde_json::{Map, Value};

/// One property or metric of all runs that are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    /// A value for each run; null where it has none.
    pub values: Vec<Value>,
    /// True if it tells runs apart by itself, so that it differing says nothing.
    pub is_identity: bool,
}

/// Properties that no two runs have in common.
const IDENTITY: [&str; 8] = [
    "run_id",
    "run_number",
    "created_utc",
    "end_time_utc",
    "attachments",
    "pid",
    ATTACHMENTS_ID,
    ATTACHMENTS_LEFT,
];

impl Line {
    pub fn differs(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }

    /// Of two numbers, by how much the second is more.
    pub fn difference(&self) -> Option<f64> {
        match self.values.as_slice() {
            [one, two] => Some(two.as_f64()? - one.as_f64()?),
            _ => None,
        }
    }
}

/// All properties that some of the runs have, those of `properties` with them.
pub fn properties(records: &[RunRecord]) -> Vec<Line> {
    let all: Vec<Map<String, Value>> = records
        .iter()
        .map(|record| {
            let mut bare = record.clone();
            bare.metrics.clear();
            let mut map = bare.to_output();
            for key in ["properties", "parameters", "tags", "curves", "edited_utc"] {
                map.shift_remove(key);
            }
            // A line for each; what MLflow notes for itself is none.
            let tags = record.tags.iter().filter(|(name, _)| !name.starts_with("mlflow."));
            for (kind, (name, text)) in record
                .parameters
                .iter()
                .map(|pair| ("parameters", pair))
                .chain(tags.map(|pair| ("tags", pair)))
            {
                map.insert(format!("{kind}.{name}"), text.as_str().into());
            }
            map.extend(record.properties.iter().map(|(name, value)| (name.clone(), value.clone())));
            map
        })
        .collect();
    lines(&all)
}

/// All metrics that some of the runs logged.
pub fn metrics(records: &[RunRecord]) -> Vec<Line> {
    let all: Vec<Map<String, Value>> = records
        .iter()
        .map(|record| record.metrics.iter().map(|(name, metric)| (name.clone(), metric.to_value())).collect())
        .collect();
    let mut lines = lines(&all);
    for line in &mut lines {
        line.is_identity = false;
    }
    lines
}

fn lines(all: &[Map<String, Value>]) -> Vec<Line> {
    let names: BTreeSet<&String> = all.iter().flat_map(Map::keys).collect();
    let line = |name: &String| Line {
        name: name.clone(),
        values: all.iter().map(|map| map.get(name).cloned().unwrap_or(Value::Null)).collect(),
        is_identity: IDENTITY.contains(&name.as_str()),
    };
    names.into_iter().map(line).collect()
}
