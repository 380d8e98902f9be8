//! Writing runs into a tracking server.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::{API, Body, Server, is_id};
use crate::limits::{MLFLOW_BATCH, MLFLOW_BATCH_PAIRS, MLFLOW_PARAM_TEXT, MLFLOW_TAG_TEXT};
use crate::metrics;
use crate::mlflow::PLAIN;
use crate::mlflow::state::{RUN_NAME, Run};
use crate::mlflow::store::content::Content;
use crate::mlflow::store::write::is_name;
use crate::mlflow::store::{AZML_RUN, COMPLETE, EXPORT, Error, Head, Refused};
use crate::ops::mlflow::exported::Exported;
use crate::ops::mlflow::target::Target;

const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// The value of the tag of an export that is under way.
const UNFINISHED: &str = "unfinished";

impl Target for Server {
    fn heads(&mut self, ids: &[String]) -> Result<Vec<Head>, Error> {
        let experiments = self.all_experiments()?;
        let all: Vec<String> = experiments.iter().map(|experiment| experiment.id.clone()).collect();
        let place = |_: &str| Some((0, false));
        let mut heads = Vec::new();
        self.search(&all, &format!("tags.`{AZML_RUN}` LIKE '%'"), &place, &mut heads)?;
        let ids: Vec<&String> = ids.iter().filter(|id| is_id(id)).collect();
        for ids in ids.chunks(MLFLOW_BATCH_PAIRS) {
            let list = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
            self.search(&all, &format!("attributes.run_id IN ({list})"), &place, &mut heads)?;
        }
        // What an export that was cut off has begun is made anew.
        for head in heads.iter().filter(|head| head.export.as_deref() == Some(UNFINISHED) && !head.is_deleted)
        {
            self.post("runs/delete", json!({"run_id": head.id}))?;
        }
        heads.retain(|head| head.export.as_deref() != Some(UNFINISHED));
        Ok(heads)
    }

    fn put(
        &mut self,
        exported: &Exported,
        content: &Content,
        refused: &mut Refused,
    ) -> Result<String, Error> {
        let run = &exported.run;
        let experiment = self.experiment(exported)?;
        let (params, mut tags) = fitting(run, refused);
        tags.retain(|(key, _)| key != EXPORT);
        let mut first = vec![(EXPORT.to_owned(), UNFINISHED.to_owned())];
        first.extend(tags.iter().filter(|(key, _)| [AZML_RUN, RUN_NAME].contains(&key.as_str())).cloned());
        let created = self.post(
            "runs/create",
            json!({
                "experiment_id": experiment, "user_id": run.user, "start_time": run.start,
                "run_name": run.shown_name(), "tags": objects(&first),
            }),
        )?;
        let info = &created["run"]["info"];
        let id = info["run_id"]
            .as_str()
            .ok_or_else(|| Error::Server("made a run without an id".to_owned()))?
            .to_owned();
        let batch = |part: &str, list: Value| {
            let mut body = json!({"run_id": id});
            body[part] = list;
            self.post("runs/log-batch", body)
        };
        for (part, pairs) in [("params", &params), ("tags", &tags)] {
            for some in pairs.chunks(MLFLOW_BATCH_PAIRS) {
                batch(part, objects(some))?;
            }
        }
        let (mut points, mut odd) = (Vec::new(), BTreeSet::new());
        let mut failed = None;
        let sent = content.points(&mut |key, point| {
            if !is_name(key) {
                if odd.insert(key.to_owned()) {
                    refused.push(&format!("{}: metric `{key}` has a name that a store can't hold", run.id));
                }
                return Ok(());
            }
            let value = azml_core::run::Metric::from_f64(point.value).to_value();
            points.push(json!({"key": key, "value": value, "timestamp": point.time, "step": point.step}));
            if points.len() == MLFLOW_BATCH {
                batch("metrics", std::mem::take(&mut points).into()).map_err(|error| {
                    failed = Some(error);
                    io::Error::other("the batch was refused")
                })?;
            }
            Ok(())
        });
        if let Some(error) = failed {
            return Err(error);
        }
        sent.map_err(|source| Error::Read { path: metrics::FILE.into(), source })?;
        if !points.is_empty() {
            batch("metrics", points.into())?;
        }
        if !run.inputs.is_empty() {
            self.post("runs/log-inputs", json!({"run_id": id, "datasets": run.inputs}))?;
        }
        self.put_artifacts(info["artifact_uri"].as_str().unwrap_or_default(), run, content, refused)?;
        self.post("runs/set-tag", json!({"run_id": id, "key": EXPORT, "value": COMPLETE}))?;
        let mut end = json!({"run_id": id, "status": run.status.as_str()});
        if let Some(at) = run.end {
            end["end_time"] = at.into();
        }
        self.post("runs/update", end)?;
        if run.hidden {
            self.post("runs/delete", json!({"run_id": id}))?;
        }
        Ok(id)
    }
}

impl Server {
    /// The id of a run's experiment, which is made if it is not there.
    fn experiment(&self, exported: &Exported) -> Result<String, Error> {
        let name = exported.experiment.as_str();
        let id = |value: &Value| value.as_str().map(str::to_owned);
        match self.get(&format!("{API}/experiments/get-by-name"), &[("experiment_name", name)]) {
            Ok(known) => id(&known["experiment"]["experiment_id"]),
            Err(Error::Server(why)) if why.contains("status 404") => {
                let tags: Vec<(String, String)> =
                    exported.experiment_tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                id(&self.post("experiments/create", json!({"name": name, "tags": objects(&tags)}))?["experiment_id"])
            }
            Err(error) => return Err(error),
        }
        .ok_or_else(|| Error::Server("has an experiment without an id".to_owned()))
    }

    /// Sends the artifacts through the server, if it takes them.
    fn put_artifacts(
        &self,
        uri: &str,
        run: &Run,
        content: &Content,
        refused: &mut Refused,
    ) -> Result<(), Error> {
        let Some(below) = uri.strip_prefix("mlflow-artifacts:") else {
            if content.artifacts().next().is_some() {
                refused.push(&format!(
                    "{}: its artifacts are not sent, the server has them written to {uri}",
                    run.id
                ));
            }
            return Ok(());
        };
        // An address may name the server once more.
        let below = match below.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => below.trim_start_matches('/'),
        };
        for (name, opened) in content.artifacts() {
            let Some(text) = name.to_str() else {
                refused.push(&format!(
                    "{}: the artifact {} has a name that is no text",
                    run.id,
                    name.display()
                ));
                continue;
            };
            let file = opened.map_err(|source| Error::Read { path: name.to_owned(), source })?;
            let path = utf8_percent_encode(&format!("{below}/{text}"), PLAIN).to_string();
            self.send("PUT", &format!("{ARTIFACTS}/{path}"), Body::File(file))?;
        }
        Ok(())
    }
}

type Pairs = Vec<(String, String)>;

/// The parameters and tags that a server takes; the others are named.
fn fitting(run: &Run, refused: &mut Refused) -> (Pairs, Pairs) {
    let mut fit = |what: &str, pairs: &BTreeMap<String, String>, most: usize| {
        let mut fitting = Vec::new();
        for (key, value) in pairs {
            if is_name(key) && value.chars().count() <= most {
                fitting.push((key.clone(), value.clone()));
            } else {
                refused.push(&format!(
                    "{}: {what} `{key}` has a name or a length that a server does not take",
                    run.id
                ));
            }
        }
        fitting
    };
    (fit("parameter", &run.params, MLFLOW_PARAM_TEXT), fit("tag", &run.tags, MLFLOW_TAG_TEXT))
}

fn objects(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}
