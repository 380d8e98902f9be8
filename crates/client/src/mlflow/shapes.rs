//! The answers' JSON, as MLflow's own server makes it. What is not there is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::journal::number;
use super::state::{Model, RUN_NAME, Run, Version};
use super::tracker::Tracker;

/// All runs are in one experiment.
pub const EXPERIMENT_ID: &str = "0";

/// The experiment, by the name that was asked for or the last one.
pub fn experiment(tracker: &Tracker, name: Option<&str>) -> Value {
    let state = tracker.state();
    let start = state.runs[&state.main].start;
    json!({
        "experiment_id": EXPERIMENT_ID,
        "name": name.unwrap_or_else(|| state.experiment_name()),
        "artifact_location": tracker.outputs_uri(),
        "lifecycle_stage": "active",
        "creation_time": start,
        "last_update_time": start,
        "tags": pairs(&state.experiment_tags),
    })
}

fn pairs(pairs: &BTreeMap<String, String>) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

pub fn info(tracker: &Tracker, run: &Run) -> Value {
    let mut info = json!({
        "run_id": run.id,
        "run_uuid": run.id,
        "experiment_id": EXPERIMENT_ID,
        "run_name": run.shown_name(),
        "user_id": run.user,
        "status": run.status.as_str(),
        "start_time": run.start,
        "artifact_uri": tracker.artifact_uri(run),
        "lifecycle_stage": if run.hidden { "deleted" } else { "active" },
    });
    if let Some(end) = run.end {
        info["end_time"] = end.into();
    }
    info
}

pub fn run(tracker: &Tracker, run: &Run) -> Value {
    let metrics = run.metrics.iter().map(|(key, point)| {
        json!({"key": key, "value": number(point.value), "timestamp": point.time, "step": point.step})
    });
    let mut tags = run.tags.clone();
    tags.entry(RUN_NAME.to_owned()).or_insert_with(|| run.shown_name());
    json!({
        "info": info(tracker, run),
        "data": {"metrics": metrics.collect::<Value>(), "params": pairs(&run.params), "tags": pairs(&tags)},
        "inputs": {"dataset_inputs": run.inputs},
        "outputs": {"model_outputs": run.outputs},
    })
}

pub fn model(tracker: &Tracker, model: &Model) -> Value {
    let params = model.params.iter().map(|(key, value)| json!({"key": key, "value": value}));
    let mut info: Map<String, Value> = Map::new();
    let maybe = [("model_type", &model.kind), ("source_run_id", &model.run)];
    for (key, value) in maybe {
        if let Some(value) = value {
            info.insert(key.to_owned(), value.as_str().into());
        }
    }
    let rest = [
        ("model_id", model.id.as_str().into()),
        ("experiment_id", EXPERIMENT_ID.into()),
        ("name", model.name.as_str().into()),
        ("artifact_uri", tracker.uri_of(&model.folder).into()),
        ("status", model.status.as_str().into()),
        ("creation_timestamp_ms", model.at.into()),
        ("last_updated_timestamp_ms", model.updated.into()),
        ("tags", pairs(&model.tags)),
    ];
    info.extend(rest.map(|(key, value): (&str, Value)| (key.to_owned(), value)));
    json!({"info": info, "data": {"params": params.collect::<Value>()}})
}

pub fn version(version: &Version) -> Value {
    json!({
        "name": version.name,
        "version": version.number.to_string(),
        "status": "READY",
        "source": version.source,
        "run_id": version.run.as_deref().unwrap_or_default(),
        "model_id": version.model.as_deref().unwrap_or_default(),
        "current_stage": "None",
        "creation_timestamp": version.at,
        "last_updated_timestamp": version.at,
    })
}

pub fn registered(tracker: &Tracker, name: &str) -> Value {
    let versions = tracker.state().versions.iter().filter(|version| version.name == name);
    json!({"name": name, "latest_versions": versions.map(version).collect::<Value>()})
}
