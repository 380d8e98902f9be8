//! All runs of the history as MLflow has runs, kept in memory until the history moves on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use azml_core::id::RunId;
use azml_core::run::{Parts, RunList, RunRecord};
use serde_json::{Value, json};

use crate::context::Opened;
use crate::mlflow::records::EXPERIMENT;
use crate::mlflow::state::{Model, PARENT, Run, Version};
use crate::mlflow::{plain_id, shapes};
use crate::ops::listed::Listed;
use crate::ops::mlflow::exported;

/// Runs around a run that are asked for its experiment.
const DEPTH: usize = 16;

/// The catalog of one state of the history.
#[derive(Debug, Default)]
pub struct Catalogs(Mutex<Arc<Catalog>>);

/// All runs, experiments and models.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The records that it is of.
    list: Arc<RunList>,
    /// The parts of the records, in the list's order.
    read: Vec<Arc<Read>>,
    /// The runs, newest first.
    pub entries: Vec<Entry>,
    /// The places of runs by their ids, and by azml's where these differ.
    by_id: HashMap<String, usize>,
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
    pub run: Arc<Run>,
    /// The id in the history.
    pub id: RunId,
    /// The place of its experiment.
    pub experiment: usize,
}

/// The part of a record that does not depend on other runs.
#[derive(Debug)]
struct Read {
    run: Arc<Run>,
    id: RunId,
    /// The experiment that it names, and tags of that.
    experiment: Option<String>,
    experiment_tags: Vec<(String, String)>,
    models: Vec<Logged>,
    registered: Vec<Value>,
    end: i64,
    is_over: bool,
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
    /// The catalog of now. All records are read once; when the history has moved, those that are new or have changed.
    pub fn now(&self, opened: &Opened, listed: &Listed) -> Current {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.experiments.is_empty() || !Arc::ptr_eq(&kept.list, listed.stored()) {
            *kept = Arc::new(kept.followed_by(listed.stored(), &opened.project.name()));
        }
        let stored = Arc::clone(&kept);
        drop(kept);
        let first = listed.first_stored();
        let entry = |record: &RunRecord, experiment| {
            let Read { run, id, .. } = Read::of(record);
            stored.entry(run, id, experiment)
        };
        let going_on = stored.read.iter().enumerate().filter(|(_, read)| !read.is_over).map(|(at, _)| at);
        let places: Vec<usize> = going_on.collect();
        let records = listed.at(&places.iter().map(|at| first + at).collect::<Vec<_>>());
        let updated = places.into_iter().zip(&records);
        let updated =
            updated.map(|(at, record)| (at, entry(record, stored.entries[at].experiment))).collect();
        let unrecorded = listed.at(&(0..first).collect::<Vec<_>>());
        let unrecorded = unrecorded.iter().map(|record| entry(record, 0)).collect();
        Current { stored, updated, unrecorded }
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
    /// The catalog of another state of the history, which is `list`.
    fn followed_by(&self, list: &Arc<RunList>, project: &str) -> Self {
        let known = list.places_in(&self.list);
        let fresh: Vec<usize> = (0..known.len()).filter(|at| known[*at].is_none()).collect();
        let mut fresh: HashMap<usize, Arc<Read>> = list
            .select_at(&fresh, Parts::All, |at, record| Some((at, Arc::new(Read::of(&record)))))
            .into_iter()
            .collect();
        let read = known.iter().enumerate().filter_map(|(at, known)| match known {
            Some(before) => self.read.get(*before).cloned(),
            None => fresh.remove(&at),
        });
        Self { list: Arc::clone(list), ..Self::of(read.collect(), project) }
    }

    /// Makes it of what is known of the records, newest first.
    fn of(read: Vec<Arc<Read>>, project: &str) -> Self {
        let own = Experiment {
            id: shapes::EXPERIMENT_ID.to_owned(),
            name: project.to_owned(),
            start: read.last().map_or(0, |read| read.run.start),
            tags: BTreeMap::new(),
        };
        let mut catalog = Self { experiments: vec![own], ..Self::default() };
        let places: HashMap<&str, usize> =
            read.iter().enumerate().map(|(at, read)| (read.id.as_str(), at)).collect();
        let mut known: HashMap<&str, usize> = HashMap::from([(project, 0)]);
        for (at, one) in read.iter().enumerate() {
            let mut of = 0;
            if let Some(name) = experiment_name(&read, &places, one) {
                of = *known.entry(name).or_insert_with(|| {
                    let (id, tags) = (experiment_id(name), BTreeMap::new());
                    let experiment = Experiment { id, name: name.to_owned(), start: one.run.start, tags };
                    catalog.experiments.push(experiment);
                    catalog.experiments.len() - 1
                });
                let experiment = &mut catalog.experiments[of];
                experiment.start = experiment.start.min(one.run.start);
                for (key, value) in &one.experiment_tags {
                    experiment.tags.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            catalog.models.extend(one.models.iter().map(|model| Logged { experiment: of, ..model.clone() }));
            let (id, plain) = (one.run.id.clone(), plain_id(one.id.as_str()));
            if id != plain {
                catalog.by_id.entry(plain).or_insert(at);
            }
            catalog.by_id.insert(id, at);
            let parent = one.run.parent.as_deref().and_then(|parent| read.get(*places.get(parent)?));
            let parent = parent.map(|parent| parent.run.id.as_str());
            catalog.entries.push(child_of(parent, Arc::clone(&one.run), one.id.clone(), of));
        }
        for one in read.iter().rev() {
            catalog.register(one);
        }
        drop(places);
        Self { read, ..catalog }
    }

    /// The entry of a run.
    fn entry(&self, run: Arc<Run>, id: RunId, experiment: usize) -> Entry {
        let parent = run.parent.as_deref().and_then(|parent| self.find(&plain_id(parent)));
        child_of(parent.map(|parent| parent.run.id.as_str()), run, id, experiment)
    }

    fn find(&self, id: &str) -> Option<&Entry> {
        self.by_id.get(id).and_then(|at| self.entries.get(*at))
    }

    /// Takes in the registered models that a run has made. Each run counts their versions from 1; here they go on.
    fn register(&mut self, read: &Read) {
        for entry in &read.registered {
            let Some(name) = entry["name"].as_str() else { continue };
            let number = 1 + self.versions.iter().filter(|version| version.name == name).count();
            let (id, given) = (entry["model_id"].as_str(), entry["source"].as_str().unwrap_or_default());
            let model = id.and_then(|id| self.models.iter().find(|logged| logged.model.id == id));
            let source = match (model, given.split_once("/outputs/")) {
                (Some(logged), _) => logged.uri(),
                // A folder of a run that has ended.
                (None, Some((_, below))) => format!("{}/{below}", artifact_uri(&read.run.id)),
                (None, None) => given.to_owned(),
            };
            self.versions.push(Version {
                name: name.to_owned(),
                number,
                source,
                run: Some(read.run.id.clone()),
                model: id.map(str::to_owned),
                at: read.end,
            });
        }
    }
}

/// The entry of a run with its parent's id as the clients see it.
fn child_of(parent: Option<&str>, mut run: Arc<Run>, id: RunId, experiment: usize) -> Entry {
    if let Some(named) = &run.parent {
        let shown = parent.map_or_else(|| plain_id(named), str::to_owned);
        if *named != shown {
            let run = Arc::make_mut(&mut run);
            run.tags.insert(PARENT.to_owned(), shown.clone());
            run.parent = Some(shown);
        }
    }
    Entry { run, id, experiment }
}

impl Logged {
    /// The address of its files.
    pub fn uri(&self) -> String {
        format!("{}/{}", artifact_uri(&self.files_of), self.model.folder)
    }
}

/// The experiment that a run names, or one of those around it.
fn experiment_name<'r>(
    all: &'r [Arc<Read>],
    places: &HashMap<&str, usize>,
    mut read: &'r Read,
) -> Option<&'r str> {
    for _ in 0..DEPTH {
        if let Some(name) = &read.experiment {
            return Some(name);
        }
        read = &all[*places.get(read.run.parent.as_deref()?)?];
    }
    None
}

fn end(record: &RunRecord) -> i64 {
    record.end_time_utc.or(record.start_time_utc).unwrap_or(record.created_utc).as_millisecond()
}

fn entries<'r>(record: &'r RunRecord, key: &str) -> impl Iterator<Item = &'r Value> {
    record.extra.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The logged models of a run. Those of MLflow 2 are artifacts, which the clients find by their path.
fn models(record: &RunRecord, run: &Run) -> Vec<Logged> {
    let files_of = exported::main_of(record).map_or_else(|| run.id.clone(), |main| plain_id(main.as_str()));
    let model = |value: &Value| {
        let id = value["model_id"].as_str().filter(|id| id.starts_with("m-"))?.to_owned();
        let is_ready = value["is_ready"].as_bool().unwrap_or(true);
        let status = if is_ready { "LOGGED_MODEL_READY" } else { "LOGGED_MODEL_PENDING" };
        let at = end(record);
        let model = Model {
            id,
            name: value["name"].as_str().unwrap_or("model").to_owned(),
            folder: value["path"].as_str()?.strip_prefix("outputs/")?.to_owned(),
            run: Some(run.id.clone()),
            kind: value["type"].as_str().map(str::to_owned),
            params: Vec::new(),
            tags: BTreeMap::new(),
            status: status.to_owned(),
            at,
            updated: at,
        };
        Some(Logged { model, files_of: files_of.clone(), experiment: 0 })
    };
    entries(record, "models").filter_map(model).collect()
}

impl Read {
    fn of(record: &RunRecord) -> Self {
        let mut run = exported::run_of(record);
        let known = [
            ("azml.target", Some(record.target.as_str())),
            ("azml.unreadable", record.why_unreadable()),
            ("mlflow.source.type", Some("LOCAL")),
        ];
        for (key, text) in known {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                run.tags.entry(key.to_owned()).or_insert_with(|| text.to_owned());
            }
        }
        let outputs = entries(record, "models").filter_map(|model| model["model_id"].as_str());
        run.outputs =
            outputs.filter(|id| id.starts_with("m-")).map(|id| json!({"model_id": id, "step": 0})).collect();
        let tags = record.tags.iter();
        Self {
            models: models(record, &run),
            run: Arc::new(run),
            id: record.run_id.clone(),
            experiment: record.tags.get(EXPERIMENT).cloned(),
            experiment_tags: tags
                .filter_map(|(key, value)| Some((exported::experiment_tag(key)?.to_owned(), value.clone())))
                .collect(),
            registered: entries(record, "registered_models").cloned().collect(),
            end: end(record),
            is_over: record.status.is_over(),
        }
    }
}

#[cfg(test)]
mod tests {
    use azml_core::id::ProjectId;
    use azml_core::run::{Curve, Metric, Status};

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
        let mut imported = record("abc_998");
        imported.properties.insert("MlflowRunId".to_owned(), "abc".into());
        let mut nested = record("def_997");
        nested.parent_run_id = Some("abc_998".to_owned());
        let records = [child, main, plain, imported, nested];
        let read = records.iter().map(|record| Arc::new(Read::of(record)));
        let catalog = Catalog::of(read.collect(), "my.iris");
        let ids: Vec<_> = catalog.entries.iter().map(|entry| entry.run.id.as_str()).collect();
        assert_eq!(ids, ["my_iris_1001", "my_iris_1000", "my_iris_999", "abc", "def_997"]);
        assert_eq!(catalog.find("abc_998").map(|entry| entry.run.id.as_str()), Some("abc"));
        assert_eq!(catalog.entries[4].run.tags[PARENT], "abc");

        let names: Vec<_> = catalog.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        assert_eq!(names, ["my.iris", "demo"]);
        assert_eq!(catalog.experiments[0].id, "0");
        assert!(catalog.experiments[1].id.parse::<u64>().is_ok(), "{}", catalog.experiments[1].id);
        assert_eq!(catalog.experiments[1].tags["team"], "a");
        let places: Vec<_> = catalog.entries.iter().map(|entry| entry.experiment).collect();
        assert_eq!(places, [1, 1, 0, 0, 0]);
        let (child, main) = (&catalog.entries[0].run, catalog.find("my_iris_1000").unwrap());
        assert_eq!(child.tags[PARENT], "my_iris_1000");
        assert_eq!(child.outputs, [json!({"model_id": "m-1", "step": 0})]);
        assert!(main.run.metrics["loss"].value.is_nan() && main.run.metrics["loss"].step == 4);
        assert_eq!((main.run.metrics["list"].value, main.run.metrics["list"].step), (2.0, 1));
        assert_eq!(main.run.tags["azml.metrics.text"], "x");
        assert!(!main.run.metrics.contains_key("text") && !main.run.tags.contains_key("experiment"));
        assert_eq!(catalog.models.len(), 1);
        assert_eq!(catalog.models[0].uri(), "mlflow-artifacts:/my_iris_1000/models/m");
        let versions: Vec<_> =
            catalog.versions.iter().map(|found| (found.number, found.source.as_str())).collect();
        let first = "mlflow-artifacts:/my_iris_1000/models/a%20b";
        assert_eq!(versions, [(1, first), (2, "mlflow-artifacts:/my_iris_1000/models/m")]);
    }
}
