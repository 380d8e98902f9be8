//! The record of a run that comes from a store of MLflow's.
//!
//! Its id follows from the run's id in the store, so that importing again finds it. No snapshot of its code exists: its record
//! names none, unless the run was one of an azml run whose snapshot is here.

use std::collections::BTreeMap;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use jiff::Timestamp;
use serde_json::Value;

use crate::context::Opened;
use crate::mlflow::records::EXPERIMENT;
use crate::mlflow::state::{Model, PARENT};
use crate::mlflow::store::{AZML_RUN, Experiment, Head, Stored};
use crate::run::secrets::Secrets;

/// The property that names the run in the store.
pub const MLFLOW_ID: &str = "MlflowRunId";
/// The target of an imported run: it ran elsewhere.
pub const TARGET: &str = "mlflow";
/// The tag that names the commit of the code, as MLflow found it.
pub const GIT_COMMIT: &str = "mlflow.source.git.commit";
/// The tag that names the script.
pub const SOURCE: &str = "mlflow.source.name";
/// The longest id that a record's id takes whole, in bytes.
const ID_BYTES: usize = 100;
/// The latest start that an id can say, in milliseconds since 1970.
const LAST_MS: i64 = 9_999_999_999_999;

/// The id of a run's record.
pub fn run_id(head: &Head) -> RunId {
    if let Some(id) = head.exported().and_then(|id| RunId::parse(id).ok()) {
        return id;
    }
    let at = u64::try_from(head.start.clamp(0, LAST_MS)).unwrap_or_default();
    let name = Some(head.id.as_str()).filter(|id| id.len() <= ID_BYTES);
    name.and_then(|name| RunId::new(name, at).ok()).unwrap_or_else(|| {
        let id = uuid_of(&head.id);
        RunId::new(&id, at).expect("hex digits and a time are an id")
    })
}

/// A name of hex digits for an id that can't be one.
fn uuid_of(id: &str) -> String {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, id.as_bytes())
        .expect("a text in memory has a SHA-1")
        .to_string()
}

/// Makes the record; its metrics and attachments are still to be put in.
pub fn record(
    opened: &Opened,
    (head, stored): (&Head, &Stored),
    experiment: &Experiment,
    ids: &BTreeMap<&str, RunId>,
    secrets: &Secrets,
) -> RunRecord {
    let run = &stored.run;
    let id = run_id(head);
    let created = i64::try_from(id.epoch_ms()).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    let moment = |at: i64| Timestamp::from_millisecond(at).ok();
    let script = run.tags.get(SOURCE).map(String::as_str).unwrap_or_default();
    let script = script.rsplit('/').next().unwrap_or_default();
    let mut record = RunRecord::new(id, opened.history.id(), script, created.unwrap_or_default());
    TARGET.clone_into(&mut record.target);
    record.status = run.status.of_record().unwrap_or(Status::Running);
    record.start_time_utc = moment(run.start);
    record.end_time_utc = run.end.and_then(moment);
    record.user_id.clone_from(&run.user);
    record.heartbeat_enabled = false;
    record.parent_run_id = run.tags.get(PARENT).map(|parent| match ids.get(parent.as_str()) {
        Some(id) => id.to_string(),
        None => parent.clone(),
    });
    record.properties.insert(MLFLOW_ID.to_owned(), head.id.as_str().into());
    run.put_in(&mut record);
    record.tags.insert(EXPERIMENT.to_owned(), experiment.name.clone());
    for (key, value) in &experiment.tags {
        record.tags.insert(format!("{EXPERIMENT}.{key}"), value.clone());
    }
    if !stored.models.is_empty() {
        record.extra.insert("models".to_owned(), stored.models.iter().map(Model::entry).collect());
    }
    of_azml_run(opened, &mut record);
    mask(&mut record, secrets);
    record
}

/// A run that an azml run's script logged to a server of its own is below that run, and has its snapshot.
fn of_azml_run(opened: &Opened, record: &mut RunRecord) {
    let Some(id) = record.tags.get(AZML_RUN).and_then(|id| RunId::parse(id).ok()) else { return };
    if id == record.run_id {
        return;
    }
    let Ok(Some(azml)) = RunStore::new(&opened.history).get(&id) else { return };
    record.parent_run_id.get_or_insert_with(|| id.to_string());
    let commit = azml.commit_id();
    if let Some(commit) = commit.filter(|commit| record.tags.get(GIT_COMMIT) == Some(&commit.to_string())) {
        record.set_commit_id(commit);
    }
}

/// Masks the secrets among the texts of a record.
fn mask(record: &mut RunRecord, secrets: &Secrets) {
    secrets.mask_logged(record);
    for text in [&mut record.name, &mut record.description].into_iter().flatten() {
        *text = secrets.masked(text);
    }
    for key in ["inputs", "models"] {
        let values = record.extra.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
        for field in values.filter_map(Value::as_object_mut).flat_map(|object| object.values_mut()) {
            if let Value::String(text) = field {
                *text = secrets.masked(text);
            }
        }
    }
}
