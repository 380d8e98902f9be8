//! The answers' JSON, as MLflow's own server makes it. What is not there is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::args::Named;
use super::journal::number;
use super::refusal::{Refusal, short};
use super::state::{Model, Point, RUN_NAME, Run, Version};

/// All runs are in one experiment.
pub const EXPERIMENT_ID: &str = "0";

/// An experiment: its id and name, the address of its files, when it began.
pub fn experiment(id: &str, name: &str, uri: &str, start: i64, tags: &BTreeMap<String, String>) -> Value {
    json!({
        "experiment_id": id,
        "name": name,
        "artifact_location": uri,
        "lifecycle_stage": "active",
        "creation_time": start,
        "last_update_time": start,
        "tags": pairs(tags),
    })
}

fn pairs(pairs: &BTreeMap<String, String>) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The head of a run of an experiment, whose files are at `uri`.
pub fn info(run: &Run, experiment: &str, uri: &str) -> Value {
    let mut info = json!({
        "run_id": run.id,
        "run_uuid": run.id,
        "experiment_id": experiment,
        "run_name": run.shown_name(),
        "user_id": run.user,
        "status": run.status.as_str(),
        "start_time": run.start,
        "artifact_uri": uri,
        "lifecycle_stage": if run.hidden { "deleted" } else { "active" },
    });
    if let Some(end) = run.end {
        info["end_time"] = end.into();
    }
    info
}

/// The same with all that was logged.
pub fn run(run: &Run, experiment: &str, uri: &str) -> Value {
    let metrics = run.metrics.iter().map(|(key, point)| self::point(key, point));
    let mut tags = run.tags.clone();
    tags.entry(RUN_NAME.to_owned()).or_insert_with(|| run.shown_name());
    json!({
        "info": info(run, experiment, uri),
        "data": {"metrics": metrics.collect::<Value>(), "params": pairs(&run.params), "tags": pairs(&tags)},
        "inputs": {"dataset_inputs": run.inputs},
        "outputs": {"model_outputs": run.outputs},
    })
}

/// One point of a metric.
pub fn point(key: &str, point: &Point) -> Value {
    json!({"key": key, "value": number(point.value), "timestamp": point.time, "step": point.step})
}

/// A logged model of an experiment, whose files are at `uri`.
pub fn model(model: &Model, experiment: &str, uri: &str) -> Value {
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
        ("experiment_id", experiment.into()),
        ("name", model.name.as_str().into()),
        ("artifact_uri", uri.into()),
        ("status", model.status.as_str().into()),
        ("creation_timestamp_ms", model.at.into()),
        ("last_updated_timestamp_ms", model.updated.into()),
        ("tags", pairs(&model.tags)),
    ];
    info.extend(rest.map(|(key, value): (&str, Value)| (key.to_owned(), value)));
    json!({"info": info, "data": {"params": params.collect::<Value>()}})
}

/// A version of a registered model.
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

/// A registered model with those of `versions` that are its own.
pub fn registered(name: &str, versions: &[Version]) -> Value {
    let versions = versions.iter().filter(|version| version.name == name);
    json!({"name": name, "latest_versions": versions.map(version).collect::<Value>()})
}

/// The version that is asked for by name and number.
pub fn find_version<'v>(args: &Named, versions: &'v [Version]) -> Result<&'v Version, Refusal> {
    let mut all = versions.iter();
    let found = all.find(|found| found.name == args.name && found.number.to_string() == args.version);
    found.ok_or_else(|| {
        let (name, version) = (short(&args.name), short(&args.version));
        Refusal::missing(format!("Model Version (name={name}, version={version}) not found"))
    })
}
