//! The state of the tracking server: the sum of the events in its journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that was told; a line of the journal. Points of metrics are in files of their own.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The script has begun to log to the azml run itself.
    Adopt,
    /// The experiment that was asked for last.
    Experiment {
        name: String,
    },
    ExperimentTag {
        key: String,
        value: String,
    },
    /// A run below the azml run.
    Run {
        id: String,
        parent: String,
        user: String,
        start: i64,
    },
    Update {
        run: String,
        status: Option<RunStatus>,
        end: Option<i64>,
        name: Option<String>,
    },
    Parameter {
        run: String,
        key: String,
        value: String,
    },
    Tag {
        run: String,
        key: String,
        value: String,
    },
    Untag {
        run: String,
        key: String,
    },
    Hide {
        run: String,
        hidden: bool,
    },
    /// A data set that a run reads.
    Input {
        run: String,
        input: Value,
    },
    /// A model that a run has made.
    Output {
        run: String,
        output: Value,
    },
    Model(Model),
    ModelStatus {
        id: String,
        status: String,
        at: i64,
    },
    ModelTag {
        id: String,
        key: String,
        value: String,
    },
    /// A model of the 2.x kind: its `MLmodel` file as JSON.
    ModelFile {
        run: String,
        model: Value,
    },
    Registered {
        name: String,
    },
    Version(Version),
}

/// The status of a run, in MLflow's words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    Running,
    Scheduled,
    Finished,
    Failed,
    Killed,
}

impl RunStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }
}

/// A logged model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Model {
    pub id: String,
    pub name: String,
    /// The folder of its files, below the run's outputs.
    pub folder: String,
    pub run: Option<String>,
    pub kind: Option<String>,
    pub params: Vec<(String, String)>,
    pub tags: BTreeMap<String, String>,
    pub status: String,
    pub at: i64,
    pub updated: i64,
}

/// A version of a registered model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Version {
    pub name: String,
    pub number: usize,
    pub source: String,
    pub run: Option<String>,
    pub model: Option<String>,
    pub at: i64,
}

/// One run, as the script sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: String,
    /// The run that it is nested in; none is the azml run itself.
    pub parent: Option<String>,
    pub user: String,
    pub start: i64,
    pub end: Option<i64>,
    pub status: RunStatus,
    pub name: Option<String>,
    pub hidden: bool,
    pub params: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// The newest point of each metric; known to the server alone.
    pub metrics: BTreeMap<String, Point>,
    pub inputs: Vec<Value>,
    pub outputs: Vec<Value>,
    pub model_files: Vec<Value>,
    /// Bytes of keys and values, which have a bound.
    pub bytes: usize,
}

impl Run {
    /// A run that has begun, of which no more is known.
    pub fn new(id: String, user: String, start: i64) -> Self {
        Self {
            id,
            parent: None,
            user,
            start,
            end: None,
            status: RunStatus::Running,
            name: None,
            hidden: false,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            metrics: BTreeMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            model_files: Vec::new(),
            bytes: 0,
        }
    }
}

/// One point of a metric. The order of two is that of step, time and value, as MLflow has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub value: f64,
    pub step: i64,
    pub time: i64,
}

impl Point {
    pub fn is_after(&self, other: &Self) -> bool {
        let places = (self.step, self.time).cmp(&(other.step, other.time));
        places.then_with(|| self.value.total_cmp(&other.value)).is_ge()
    }
}

/// Everything of one azml run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The id of the azml run.
    pub main: String,
    pub is_adopted: bool,
    pub experiment: Option<String>,
    pub experiment_tags: BTreeMap<String, String>,
    pub runs: BTreeMap<String, Run>,
    /// Their ids, oldest first.
    pub order: Vec<String>,
    pub models: BTreeMap<String, Model>,
    pub registered: Vec<String>,
    pub versions: Vec<Version>,
}

/// The tag that holds a run's name.
pub const RUN_NAME: &str = "mlflow.runName";
/// The tag that names the run that a run is nested in.
pub const PARENT: &str = "mlflow.parentRunId";
/// The tag that holds a run's description.
pub const NOTE: &str = "mlflow.note.content";

impl State {
    /// Nothing is told yet.
    pub fn new(main: &str, user: &str, start: i64) -> Self {
        let mut state = Self { main: main.to_owned(), ..Self::default() };
        state.add(main.to_owned(), None, user.to_owned(), start);
        state
    }

    fn add(&mut self, id: String, parent: Option<String>, user: String, start: i64) {
        self.order.push(id.clone());
        let run = Run { parent, ..Run::new(id.clone(), user, start) };
        self.runs.insert(id, run);
    }

    /// Takes in an event; one about a run that is not there says nothing.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Adopt => self.is_adopted = true,
            Event::Experiment { name } => self.experiment = Some(name),
            Event::ExperimentTag { key, value } => drop(self.experiment_tags.insert(key, value)),
            Event::Run { id, parent, user, start } => self.add(id, Some(parent), user, start),
            Event::Update { run, status, end, name } => self.run(&run, |run| {
                run.status = status.unwrap_or(run.status);
                run.end = end.or(run.end);
                if let Some(name) = name {
                    run.tags.insert(RUN_NAME.to_owned(), name.clone());
                    run.name = Some(name);
                }
            }),
            Event::Parameter { run, key, value } => self.run(&run, |run| {
                run.bytes += key.len() + value.len();
                run.params.insert(key, value);
            }),
            Event::Tag { run, key, value } => self.run(&run, |run| {
                run.bytes += key.len() + value.len();
                if key == RUN_NAME {
                    run.name = Some(value.clone());
                }
                run.tags.insert(key, value);
            }),
            Event::Untag { run, key } => self.run(&run, |run| drop(run.tags.remove(&key))),
            Event::Hide { run, hidden } => self.run(&run, |run| run.hidden = hidden),
            Event::Input { run, input } => self.run(&run, |run| run.inputs.push(input)),
            Event::Output { run, output } => self.run(&run, |run| run.outputs.push(output)),
            Event::ModelFile { run, model } => self.run(&run, |run| run.model_files.push(model)),
            Event::Model(model) => drop(self.models.insert(model.id.clone(), model)),
            Event::ModelStatus { id, status, at } => {
                if let Some(model) = self.models.get_mut(&id) {
                    (model.status, model.updated) = (status, at);
                }
            }
            Event::ModelTag { id, key, value } => {
                if let Some(model) = self.models.get_mut(&id) {
                    model.tags.insert(key, value);
                }
            }
            Event::Registered { name } => self.registered.push(name),
            Event::Version(version) => self.versions.push(version),
        }
    }

    fn run(&mut self, id: &str, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(id) {
            change(run);
        }
    }

    /// The runs below the azml run, oldest first.
    pub fn children(&self) -> impl Iterator<Item = &Run> {
        self.order.iter().filter(|id| **id != self.main).filter_map(|id| self.runs.get(id))
    }

    /// The experiment's name, as it is shown.
    pub fn experiment_name(&self) -> &str {
        self.experiment.as_deref().unwrap_or("Default")
    }
}
