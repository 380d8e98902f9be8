//! Run records from the state of the tracking server.

use azml_core::id::RunId;
use azml_core::run::{RunRecord, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{NOTE, Run, RunStatus, State};
use super::tracker::folder_of;

/// The tag of the experiment that a script named.
const EXPERIMENT: &str = "experiment";
/// The property of a nested run's record that says where its files are: a run, and a folder of its attachments.
const OUTPUTS: &str = "Outputs";

impl Run {
    /// Its name, or the end of its id.
    pub fn shown_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.clone())
    }

    /// Gives a record what was told about this run.
    fn put_in(&self, record: &mut RunRecord) {
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
            json!({"name": set["name"], "digest": set["digest"], "source": set["source"], "context": context})
        });
        put(record, "inputs", inputs.collect());
    }
}

fn put(record: &mut RunRecord, key: &str, values: Vec<Value>) {
    if !values.is_empty() {
        record.extra.insert(key.to_owned(), values.into());
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
        let models = of_run.into_iter().map(|model| {
            json!({
                "name": model.name,
                "model_id": model.id,
                "type": model.kind,
                "path": format!("outputs/{}", model.folder),
                "is_ready": model.status == "LOGGED_MODEL_READY",
            })
        });
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
                status: match run.status {
                    RunStatus::Running | RunStatus::Scheduled => main.status,
                    RunStatus::Finished => Status::Completed,
                    RunStatus::Failed => Status::Failed,
                    RunStatus::Killed => Status::Canceled,
                },
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
