//! All runs of the history as MLflow has runs, kept in memory until the history moves on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord, RunStore};
use gix::ObjectId;
use serde_json::{Value, json};

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::mlflow::records::EXPERIMENT;
use crate::mlflow::state::{Model, NOTE, PARENT, Point, RUN_NAME, Run, RunStatus, Version};
use crate::mlflow::{plain_id, points, shapes};
use crate::ops::mlflow::exported;
use crate::ops::runs::InProgress;

/// Runs around a run that are asked for its experiment.
const DEPTH: usize = 16;

/// The catalog of one state of the history.
#[derive(Debug, Default)]
pub struct Catalogs(Mutex<Option<(ObjectId, Arc<Catalog>)>>);

/// All runs, experiments and models.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The runs, newest first.
    pub entries: Vec<Entry>,
    by_id: HashMap<String, usize>,
    /// The records of runs that are not over, with their places.
    open: Vec<(usize, RunRecord)>,
    /// The experiments; the one of runs that name none is the first.
    pub experiments: Vec<Experiment>,
    /// The logged models.
    pub models: Vec<Logged>,
    /// The versions of registered models, oldest first.
    pub versions: Vec<Version>,
}

/// A run, and its own id.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The run as MLflow's clients see it.
    pub run: Run,
    /// The id in the history.
    pub id: RunId,
    /// The place of its experiment.
    pub experiment: usize,
}

/// The runs of one name.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Stays the same as long as the name does.
    pub id: String,
    /// The name.
    pub name: String,
    /// When its first run began.
    pub start: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A logged model, and the run that has its files.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The model.
    pub model: Model,
    /// The run's id as the clients see it.
    pub files_of: String,
    /// The place of its experiment.
    pub experiment: usize,
}

/// A catalog, with runs in progress brought up to date.
#[derive(Debug)]
pub struct Current {
    /// The catalog as it is stored.
    pub stored: Arc<Catalog>,
    updated: BTreeMap<usize, Entry>,
    unrecorded: Vec<Entry>,
}

impl Catalogs {
    /// The catalog of now. All records are read once, and again when the history has moved.
    pub fn now(&self, ctx: &Context, opened: &Opened) -> Result<Current, CommandError> {
        let in_progress = InProgress::read(ctx, opened)?;
        let tip = opened.history.ref_tip(opened.history.runs_ref().as_ref())?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = match (&*kept, tip) {
            (Some((at, stored)), Some(tip)) if *at == tip => Arc::clone(stored),
            (_, tip) => {
                // Read after the tip: what comes in between is read again next time, and never missed.
                let records = RunStore::new(&opened.history).listed()?;
                let stored = Arc::new(Catalog::of(&records, &opened.project.name()));
                *kept = tip.map(|tip| (tip, Arc::clone(&stored)));
                stored
            }
        };
        drop(kept);
        let updated = stored.open.iter().map(|(at, record)| {
            let mut record = record.clone();
            in_progress.update(&mut record);
            (*at, Entry { experiment: stored.entries[*at].experiment, ..Entry::of(&record) })
        });
        let updated = updated.collect();
        let unrecorded = in_progress.unrecorded(&[]).filter(|record| stored.find(&plain(record)).is_none());
        let unrecorded = unrecorded.map(Entry::of).collect();
        Ok(Current { stored, updated, unrecorded })
    }
}

impl Current {
    /// All runs, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let stored = self.stored.entries.iter().enumerate();
        let stored = stored.map(|(at, entry)| self.updated.get(&at).unwrap_or(entry));
        self.unrecorded.iter().chain(stored)
    }

    /// The run of an id.
    pub fn find(&self, id: &str) -> Option<&Entry> {
        match self.stored.by_id.get(id) {
            Some(at) => self.updated.get(at).or_else(|| self.stored.entries.get(*at)),
            None => self.unrecorded.iter().find(|entry| entry.run.id == id),
        }
    }

    /// The experiment of a run.
    pub fn experiment(&self, entry: &Entry) -> &Experiment {
        &self.stored.experiments[entry.experiment]
    }
}

fn plain(record: &RunRecord) -> String {
    plain_id(record.run_id.as_str())
}

/// The address of a run's files.
pub fn artifact_uri(run: &str) -> String {
    format!("mlflow-artifacts:/{run}")
}

/// An id for an experiment, as MLflow's own stores make them: digits.
fn experiment_id(name: &str) -> String {
    let hash = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, name.as_bytes());
    let hash = hash.expect("a short text has a SHA-1");
    let number = hash.as_slice()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (1 + number % 1_000_000_000_000_000_000).to_string()
}

impl Catalog {
    /// Makes it of the records, newest first.
    pub fn of(records: &[RunRecord], project: &str) -> Self {
        let own = Experiment {
            id: shapes::EXPERIMENT_ID.to_owned(),
            name: project.to_owned(),
            start: records.last().map_or(0, start),
            tags: BTreeMap::new(),
        };
        let mut catalog = Self { experiments: vec![own], ..Self::default() };
        let places: HashMap<&str, usize> =
            records.iter().enumerate().map(|(at, record)| (record.run_id.as_str(), at)).collect();
        let mut known: HashMap<&str, usize> = HashMap::from([(project, 0)]);
        for (at, record) in records.iter().enumerate() {
            let mut entry = Entry::of(record);
            if let Some(name) = experiment_name(records, &places, record) {
                entry.experiment = *known.entry(name).or_insert_with(|| {
                    let (id, tags) = (experiment_id(name), BTreeMap::new());
                    let experiment = Experiment { id, name: name.to_owned(), start: entry.run.start, tags };
                    catalog.experiments.push(experiment);
                    catalog.experiments.len() - 1
                });
                let experiment = &mut catalog.experiments[entry.experiment];
                experiment.start = experiment.start.min(entry.run.start);
                for (key, value) in &record.tags {
                    if let Some(key) = key.strip_prefix(EXPERIMENT).and_then(|rest| rest.strip_prefix('.')) {
                        experiment.tags.entry(key.to_owned()).or_insert_with(|| value.clone());
                    }
                }
            }
            catalog.models.extend(models(record, &entry));
            if !record.status.is_over() {
                catalog.open.push((at, record.clone()));
            }
            catalog.by_id.insert(entry.run.id.clone(), at);
            catalog.entries.push(entry);
        }
        for record in records.iter().rev() {
            catalog.register(record);
        }
        catalog
    }

    fn find(&self, id: &str) -> Option<&Entry> {
        self.by_id.get(id).and_then(|at| self.entries.get(*at))
    }

    /// Takes in the registered models that a run has made. Each run counts their versions from 1; here they go on.
    fn register(&mut self, record: &RunRecord) {
        for entry in record.extra.get("registered_models").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = entry["name"].as_str() else { continue };
            let number = 1 + self.versions.iter().filter(|version| version.name == name).count();
            let (id, given) = (entry["model_id"].as_str(), entry["source"].as_str().unwrap_or_default());
            let model = id.and_then(|id| self.models.iter().find(|logged| logged.model.id == id));
            let source = match (model, given.split_once("/outputs/")) {
                (Some(logged), _) => logged.uri(),
                // A folder of a run that has ended.
                (None, Some((_, below))) => format!("{}/{below}", artifact_uri(&plain(record))),
                (None, None) => given.to_owned(),
            };
            self.versions.push(Version {
                name: name.to_owned(),
                number,
                source,
                run: Some(plain(record)),
                model: id.map(str::to_owned),
                at: end(record),
            });
        }
    }
}

impl Logged {
    /// The address of its files.
    pub fn uri(&self) -> String {
        format!("{}/{}", artifact_uri(&self.files_of), self.model.folder)
    }
}

/// The experiment that a run names, or one of those around it.
fn experiment_name<'r>(
    records: &'r [RunRecord],
    places: &HashMap<&str, usize>,
    record: &'r RunRecord,
) -> Option<&'r str> {
    let mut record = record;
    for _ in 0..DEPTH {
        if let Some(name) = record.tags.get(EXPERIMENT) {
            return Some(name);
        }
        record = &records[*places.get(record.parent_run_id.as_deref()?)?];
    }
    None
}

fn start(record: &RunRecord) -> i64 {
    record.start_time_utc.unwrap_or(record.created_utc).as_millisecond()
}

fn end(record: &RunRecord) -> i64 {
    record.end_time_utc.map_or_else(|| start(record), jiff::Timestamp::as_millisecond)
}

fn entries<'r>(record: &'r RunRecord, key: &str) -> impl Iterator<Item = &'r Value> {
    record.extra.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The logged models of a run. Those of MLflow 2 are artifacts, which the clients find by their path.
fn models(record: &RunRecord, entry: &Entry) -> Vec<Logged> {
    let files_of = exported::main_of(record).map_or_else(|| plain(record), |main| plain_id(main.as_str()));
    let model = |value: &Value| {
        let id = value["model_id"].as_str().filter(|id| id.starts_with("m-"))?.to_owned();
        let is_ready = value["is_ready"].as_bool().unwrap_or(true);
        let status = if is_ready { "LOGGED_MODEL_READY" } else { "LOGGED_MODEL_PENDING" };
        let at = end(record);
        let model = Model {
            id,
            name: value["name"].as_str().unwrap_or("model").to_owned(),
            folder: value["path"].as_str()?.strip_prefix("outputs/")?.to_owned(),
            run: Some(entry.run.id.clone()),
            kind: value["type"].as_str().map(str::to_owned),
            params: Vec::new(),
            tags: BTreeMap::new(),
            status: status.to_owned(),
            at,
            updated: at,
        };
        Some(Logged { model, files_of: files_of.clone(), experiment: entry.experiment })
    };
    entries(record, "models").filter_map(model).collect()
}

impl Entry {
    /// Makes it of a record.
    pub fn of(record: &RunRecord) -> Self {
        let mut run = Run::new(plain(record), record.user_id.clone(), start(record));
        run.status = RunStatus::from_record(record.status);
        run.end = record.end_time_utc.map(jiff::Timestamp::as_millisecond);
        run.hidden = record.hidden;
        run.parent = record.parent_run_id.as_deref().map(plain_id);
        run.params.clone_from(&record.parameters);
        run.tags.clone_from(&record.tags);
        run.tags.retain(|key, _| key != EXPERIMENT && !key.starts_with("experiment."));
        run.name = record.name.clone().or_else(|| run.tags.get(RUN_NAME).cloned());
        let texts = [
            (RUN_NAME, Some(run.shown_name())),
            (NOTE, record.description.clone()),
            (PARENT, run.parent.clone()),
        ];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?)));
        run.tags.extend(given);
        let known = [
            ("azml.runId", Some(record.run_id.to_string())),
            ("azml.target", Some(record.target.clone())),
            ("azml.unreadable", record.why_unreadable().map(str::to_owned)),
            ("mlflow.source.name", Some(record.script_name.clone())),
            ("mlflow.source.type", Some("LOCAL".to_owned())),
            ("mlflow.source.git.commit", record.commit_id().map(|commit| commit.to_string())),
            ("mlflow.user", Some(record.user_id.clone())),
        ];
        for (key, text) in known {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                run.tags.entry(key.to_owned()).or_insert(text);
            }
        }
        let time = end(record);
        for (name, metric) in &record.metrics {
            let values = points::values(&metric.to_value());
            let Some(value) = values.last().copied() else { continue };
            let counted = i64::try_from(values.len()).unwrap_or(i64::MAX) - 1;
            let step = record.curves.get(name).and_then(|curve| curve.step);
            let step = step.unwrap_or(if matches!(metric, Metric::List(_)) { counted } else { 0 });
            run.metrics.insert(name.clone(), Point { value, step, time });
        }
        run.inputs = exported::inputs(record);
        let outputs = entries(record, "models").filter_map(|model| model["model_id"].as_str());
        run.outputs =
            outputs.filter(|id| id.starts_with("m-")).map(|id| json!({"model_id": id, "step": 0})).collect();
        Self { run, id: record.run_id.clone(), experiment: 0 }
    }
}

#[cfg(test)]
mod tests {
    use azml_core::id::ProjectId;
    use azml_core::run::{Curve, Status};

    use super::*;
    use crate::mlflow::records::OUTPUTS;

    fn record(id: &str) -> RunRecord {
        let project = ProjectId::from_random([1; 16]);
        let created = jiff::Timestamp::from_millisecond(1_000).unwrap();
        RunRecord {
            status: Status::Completed,
            ..RunRecord::new(RunId::parse(id).unwrap(), &project, "train.py", created)
        }
    }

    #[test]
    fn runs_have_the_experiments_models_and_parents_of_their_records() {
        let mut main = record("my.iris_1000");
        main.tags.insert("experiment".to_owned(), "demo".to_owned());
        main.tags.insert("experiment.team".to_owned(), "a".to_owned());
        main.metrics.insert("loss".to_owned(), Metric::from_f64(f64::NAN));
        main.metrics.insert("list".to_owned(), Metric::List(vec![1.into(), 2.into()]));
        main.metrics.insert("text".to_owned(), Metric::Text("x".to_owned()));
        main.curves.insert("loss".to_owned(), Curve { count: 5, min: None, max: None, step: Some(4) });
        let registered = json!([{"name": "clf", "version": 1, "source": "file:///gone/outputs/models/a%20b", "model_id": null}]);
        main.extra.insert("registered_models".to_owned(), registered);
        let mut child = record("my.iris_1001");
        child.parent_run_id = Some("my.iris_1000".to_owned());
        child.properties.insert(OUTPUTS.to_owned(), "my.iris_1000/outputs/runs/my_iris_1001".into());
        let models = json!([{"name": "m", "model_id": "m-1", "path": "outputs/models/m"}, {"name": "old", "model_id": "5", "path": "outputs/old"}]);
        child.extra.insert("models".to_owned(), models);
        let registered = json!([{"name": "clf", "version": 1, "source": "models:/m-1", "model_id": "m-1"}]);
        child.extra.insert("registered_models".to_owned(), registered);
        let plain = record("my.iris_999");
        let catalog = Catalog::of(&[child, main, plain], "my.iris");

        let names: Vec<_> = catalog.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        assert_eq!(names, ["my.iris", "demo"]);
        assert_eq!(catalog.experiments[0].id, "0");
        assert!(catalog.experiments[1].id.parse::<u64>().is_ok(), "{}", catalog.experiments[1].id);
        assert_eq!(catalog.experiments[1].tags["team"], "a");
        let places: Vec<_> = catalog.entries.iter().map(|entry| entry.experiment).collect();
        assert_eq!(places, [1, 1, 0]);
        let (child, main) = (&catalog.entries[0].run, catalog.find("my_iris_1000").unwrap());
        assert_eq!(child.tags[PARENT], "my_iris_1000");
        assert_eq!(child.outputs, [json!({"model_id": "m-1", "step": 0})]);
        assert!(main.run.metrics["loss"].value.is_nan() && main.run.metrics["loss"].step == 4);
        assert_eq!((main.run.metrics["list"].value, main.run.metrics["list"].step), (2.0, 1));
        assert!(!main.run.metrics.contains_key("text") && !main.run.tags.contains_key("experiment"));
        assert_eq!(catalog.models.len(), 1);
        assert_eq!(catalog.models[0].uri(), "mlflow-artifacts:/my_iris_1000/models/m");
        let versions: Vec<_> =
            catalog.versions.iter().map(|found| (found.number, found.source.as_str())).collect();
        let first = "mlflow-artifacts:/my_iris_1000/models/a%20b";
        assert_eq!(versions, [(1, first), (2, "mlflow-artifacts:/my_iris_1000/models/m")]);
    }
}
