//! A run of the history as MLflow has runs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord};
use serde_json::{Value, json};

use super::imported::{GIT_COMMIT, MLFLOW_ID, SOURCE, TARGET};
use crate::metrics;
use crate::mlflow::records::{EXPERIMENT, OUTPUTS};
use crate::mlflow::state::{NOTE, PARENT, Point, RUN_NAME, Run, RunStatus};
use crate::mlflow::store::content::Content;
use crate::mlflow::store::{AZML_RUN, COMPLETE, EXPORT};
use crate::mlflow::{plain_id, points};
use crate::run::attachments::Attachments;
use crate::run::outputs::FOLDER;

/// The folder of a run's artifacts that has azml's logs.
const LOGS: &str = "azml";
/// The beginning of the tags of metrics that are no numbers.
const TEXTS: &str = "azml.metrics.";

/// A run on its way into a store.
#[derive(Debug)]
pub struct Exported {
    /// The name of its experiment.
    pub experiment: String,
    /// The tags of that.
    pub experiment_tags: BTreeMap<String, String>,
    /// The run; its id is the one that a store of files gives it.
    pub run: Run,
}

/// The id of a run in a store of files: the one that it had in a store before, or azml's own.
pub fn mlflow_id(record: &RunRecord) -> String {
    let before = record.properties.get(MLFLOW_ID).and_then(Value::as_str);
    before.map_or_else(|| plain_id(record.run_id.as_str()), str::to_owned)
}

/// Makes the run as every reader has it: its parent is the id in the history, and what is not in the record is not there.
pub fn run_of(record: &RunRecord) -> Run {
    let milliseconds = |at: jiff::Timestamp| at.as_millisecond();
    let start = milliseconds(record.start_time_utc.unwrap_or(record.created_utc));
    let mut run = Run::new(mlflow_id(record), record.user_id.clone(), start);
    run.status = RunStatus::from_record(record.status);
    run.end = record.end_time_utc.map(milliseconds);
    run.hidden = record.hidden;
    run.parent.clone_from(&record.parent_run_id);
    run.params.clone_from(&record.parameters);
    run.tags.clone_from(&record.tags);
    run.tags.retain(|key, _| key != EXPERIMENT && experiment_tag(key).is_none());
    let mut tag = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            run.tags.insert(key.to_owned(), value);
        }
    };
    tag(AZML_RUN, Some(record.run_id.to_string()));
    tag(RUN_NAME, record.name.clone());
    tag(NOTE, record.description.clone());
    tag(PARENT, record.parent_run_id.clone());
    if record.target != TARGET {
        tag(GIT_COMMIT, record.commit_id().map(|commit| commit.to_string()));
        tag(SOURCE, Some(record.script_name.clone()).filter(|name| !name.is_empty()));
        tag("mlflow.user", Some(record.user_id.clone()).filter(|user| !user.is_empty()));
    }
    for (name, metric) in &record.metrics {
        if points::values(&metric.to_value()).is_empty() {
            let text = match metric {
                Metric::Text(text) => text.clone(),
                other => other.to_value().to_string(),
            };
            tag(&format!("{TEXTS}{name}"), Some(text));
        }
    }
    let name = run.tags.entry(RUN_NAME.to_owned()).or_insert_with(|| record.run_id.to_string());
    run.name = Some(name.clone());
    run.inputs = inputs(record);
    for (name, all) in logged(record) {
        run.metrics.extend(all.last().map(|point| (name.to_owned(), *point)));
    }
    run
}

/// The points that a record itself has of its metrics: the newest of each, and all of a list.
fn logged(record: &RunRecord) -> impl Iterator<Item = (&str, Vec<Point>)> {
    let time = record.end_time_utc.or(record.start_time_utc).unwrap_or(record.created_utc).as_millisecond();
    record.metrics.iter().map(move |(name, metric)| {
        let step = record.curves.get(name).and_then(|curve| curve.step).unwrap_or(0);
        let first = if matches!(metric, Metric::List(_)) { 0 } else { step };
        let values = points::values(&metric.to_value());
        (name.as_str(), (first..).zip(values).map(|(step, value)| Point { value, step, time }).collect())
    })
}

/// The name of a tag of the run's experiment.
pub fn experiment_tag(key: &str) -> Option<&str> {
    key.strip_prefix(EXPERIMENT)?.strip_prefix('.')
}

/// Makes the run. `ids` has the ids in the store of the runs that are there by now.
pub fn run(record: &RunRecord, project: &str, ids: &BTreeMap<String, String>) -> Exported {
    let mut run = run_of(record);
    run.tags.insert(EXPORT.to_owned(), COMPLETE.to_owned());
    if let Some(parent) = run.parent.take() {
        run.tags.insert(PARENT.to_owned(), ids.get(&parent).cloned().unwrap_or(parent));
    }
    let tags = record.tags.iter();
    Exported {
        experiment: record.tags.get(EXPERIMENT).map_or(project, String::as_str).to_owned(),
        experiment_tags: tags
            .filter_map(|(key, value)| Some((experiment_tag(key)?.to_owned(), value.clone())))
            .collect(),
        run,
    }
}

/// The data sets, as the API has them.
pub fn inputs(record: &RunRecord) -> Vec<Value> {
    let entries = record.extra.get("inputs").and_then(Value::as_array).into_iter().flatten();
    let input = |entry: &Value| {
        let text = |key: &str, default: &str| entry[key].as_str().unwrap_or(default).to_owned();
        let mut set = json!({
            "name": text("name", "data"),
            "digest": text("digest", ""),
            "source_type": text("source_type", "local"),
            "source": text("source", ""),
        });
        for key in ["schema", "profile"] {
            if let Some(text) = entry[key].as_str() {
                set[key] = text.into();
            }
        }
        let context =
            entry["context"].as_str().map(|context| json!({"key": "mlflow.data.context", "value": context}));
        json!({"tags": context.into_iter().collect::<Vec<_>>(), "dataset": set})
    };
    entries.map(input).collect()
}

/// Finds what a run has beside its values. `main` is the attachments of the run that it is nested in, if its files are there.
pub fn content(record: &RunRecord, own: &Attachments, main: Option<&Attachments>) -> io::Result<Content> {
    let time = record.end_time_utc.or(record.start_time_utc).unwrap_or(record.created_utc).as_millisecond();
    let values = logged(record).flat_map(|(name, all)| all.into_iter().map(|point| (name.to_owned(), point)));
    let mut content = Content { values: values.collect(), time, ..Content::default() };
    let files = own.files()?;
    if !files.is_empty() {
        content.folder = Some(own.folder().to_owned());
    }
    let points = Path::new(metrics::FILE);
    for (file, _) in files {
        if file == points {
            content.points = Some(file);
        } else if let Ok(artifact) = file.strip_prefix(FOLDER) {
            // The files of a run that is nested in this one are its own.
            let is_nested = artifact.strip_prefix("runs").is_ok_and(|below| {
                below.iter().next().and_then(|id| RunId::parse(id.to_str()?).ok()).is_some()
            });
            if !is_nested {
                content.artifacts.push((artifact.to_owned(), file));
            }
        } else {
            content.artifacts.push((Path::new(LOGS).join(&file), file));
        }
    }
    // Its points may be in its own folder, its files are in that of the run around it.
    if let (Some(main), Some(below)) = (main, nested_folder(record)) {
        let found = main.files()?;
        let found: Vec<_> = found
            .into_iter()
            .filter_map(|(file, _)| Some((file.strip_prefix(below).ok()?.to_owned(), file)))
            .collect();
        content.around = Some(main.folder().to_owned()).filter(|_| !found.is_empty());
        content.artifacts_around = found;
    }
    Ok(content)
}

/// The run whose attachments have the files of a nested run.
pub fn main_of(record: &RunRecord) -> Option<RunId> {
    let (main, _) = record.properties.get(OUTPUTS)?.as_str()?.split_once('/')?;
    RunId::parse(main).ok()
}

/// The folder of these among its attachments.
pub fn nested_folder(record: &RunRecord) -> Option<&Path> {
    let (_, folder) = record.properties.get(OUTPUTS)?.as_str()?.split_once('/')?;
    Some(Path::new(folder))
}
