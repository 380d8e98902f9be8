//! Run records from the state of the tracking server.

use azml_core::id::RunId;
use azml_core::run::{RunRecord, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{Model, NOTE, Run, RunStatus, State};
use super::tracker::folder_of;

/// The tag of the experiment that a script named.
pub const EXPERIMENT: &str = "experiment";
/// The property of a nested run's record that says where its files are: a run, and a folder of its attachments.
pub const OUTPUTS: &str = "Outputs";

impl RunStatus {
    /// The status of a record; none for a run that goes on.
    pub fn of_record(self) -> Option<Status> {
        match self {
            Self::Running | Self::Scheduled => None,
            Self::Finished => Some(Status::Completed),
            Self::Failed => Some(Status::Failed),
            Self::Killed => Some(Status::Canceled),
        }
    }

    /// The status that a record's comes to.
    pub fn from_record(status: Status) -> Self {
        match status {
            Status::Submitting | Status::Queued | Status::Running => Self::Running,
            Status::Completed => Self::Finished,
            Status::Failed | Status::NotResponding | Status::Newer | Status::Unreadable => Self::Failed,
            Status::Canceled => Self::Killed,
        }
    }
}

impl Run {
    /// Its name, or the end of its id.
    pub fn shown_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.clone())
    }

    /// Gives a record what was told about this run.
    pub fn put_in(&self, record: &mut RunRecord) {
        record.parameters.extend(self.params.clone());
        record.tags.extend(self.tags.clone());
        record.name = record.name.take().or_else(|| self.name.clone());
        record.description = record.description.take().or_else(|| self.tags.get(NOTE).cloned());
        record.hidden |= self.hidden;
        let inputs = self.inputs.iter().map(|input| {
            let tags = input["tags"].as_array().into_iter().flatten();
            let context =
                tags.clone().find(|tag| tag["key"] == "mlflow.data.context").map(|tag| &tag["value"]);
            let set = &input["dataset"];
            let mut input =
                json!({"name": set["name"], "digest": set["digest"], "source": set["source"], "context": context});
            for key in ["source_type", "schema", "profile"] {
                if let Some(text) = set[key].as_str() {
                    input[key] = text.into();
                }
            }
            input
        });
        put(record, "inputs", inputs.collect());
    }
}

fn put(record: &mut RunRecord, key: &str, values: Vec<Value>) {
    if !values.is_empty() {
        record.extra.insert(key.to_owned(), values.into());
    }
}

impl Model {
    /// Its entry in a record.
    pub fn entry(&self) -> Value {
        json!({
            "name": self.name,
            "model_id": self.id,
            "type": self.kind,
            "path": format!("outputs/{}", self.folder),
            "is_ready": self.status == "LOGGED_MODEL_READY",
        })
    }
}

impl State {
    /// Gives the azml run's record what was told about it.
    pub fn put_in(&self, record: &mut RunRecord) {
        if let Some(name) = &self.experiment {
            record.tags.insert(EXPERIMENT.to_owned(), name.clone());
        }
        for (key, value) in &self.experiment_tags {
            record.tags.insert(format!("{EXPERIMENT}.{key}"), value.clone());
        }
        if let Some(run) = self.runs.get(&self.main) {
            run.put_in(record);
        }
        self.put_models(record, &self.main);
        let registered = self.versions.iter().map(|version| {
            json!({"name": version.name, "version": version.number, "source": version.source, "model_id": version.model})
        });
        put(record, "registered_models", registered.collect());
    }

    /// Puts the models that a run has logged into its record, oldest first.
    fn put_models(&self, record: &mut RunRecord, id: &str) {
        let of_run = self.models.values().filter(|model| model.run.as_deref().unwrap_or(&self.main) == id);
        let mut of_run: Vec<_> = of_run.collect();
        of_run.sort_by_key(|model| model.at);
        let models = of_run.into_iter().map(Model::entry);
        let files = self.runs.get(id).into_iter().flat_map(|run| &run.model_files).map(|model| {
            json!({"name": model["artifact_path"], "model_id": model["model_uuid"], "path": format!("outputs/{}", model["artifact_path"].as_str().unwrap_or_default())})
        });
        put(record, "models", models.chain(files).collect());
    }

    /// The records of the runs below the azml run, whose record is `main`, oldest first. A run that nobody has ended ends as
    /// and when the azml run does.
    pub fn child_records<'s>(&'s self, main: &'s RunRecord) -> impl Iterator<Item = (&'s str, RunRecord)> {
        self.children().filter_map(move |run| {
            let id = RunId::parse(&run.id).ok()?;
            let created = i64::try_from(id.epoch_ms()).ok()?;
            let moment = |ms| Timestamp::from_millisecond(ms).ok();
            let mut record = RunRecord {
                run_id: id,
                run_number: 0,
                created_utc: moment(created)?,
                start_time_utc: moment(run.start),
                end_time_utc: run.end.and_then(moment).or(main.end_time_utc),
                status: run.status.of_record().unwrap_or(main.status),
                parent_run_id: Some(match &run.parent {
                    Some(parent) if *parent != self.main => parent.clone(),
                    _ => main.run_id.to_string(),
                }),
                exit_code: None,
                attachments: Vec::new(),
                name: None,
                description: None,
                hidden: false,
                edited_utc: None,
                pid: None,
                properties: main.commit_id().map(|_| main.properties.clone()).unwrap_or_default(),
                metrics: std::collections::BTreeMap::new(),
                curves: std::collections::BTreeMap::new(),
                parameters: std::collections::BTreeMap::new(),
                tags: std::collections::BTreeMap::new(),
                extra: serde_json::Map::new(),
                ..main.clone()
            };
            record.properties.retain(|key, _| key == azml_core::run::COMMIT_ID);
            record
                .properties
                .insert(OUTPUTS.to_owned(), format!("{}/outputs/{}", main.run_id, folder_of(&run.id)).into());
            run.put_in(&mut record);
            self.put_models(&mut record, &run.id);
            Some((run.id.as_str(), record))
        })
    }
}
