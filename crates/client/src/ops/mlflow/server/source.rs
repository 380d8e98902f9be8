//! Reading the runs of a tracking server.

use std::io;
use std::path::PathBuf;

use url::form_urlencoded::Serializer;

use super::{API, Body, Server, pairs, point, whole};
use crate::limits::{MLFLOW_ARTIFACT_DEPTH, MLFLOW_ARTIFACTS, MLFLOW_HISTORY, MLFLOW_STORE_RUNS};
use crate::metrics;
use crate::mlflow::state::{RUN_NAME, Run};
use crate::mlflow::store::{Artifact, Error, Experiment, Head, Refused, Source, Stored, TakePoint};

impl Server {
    /// The files below a folder of a run's artifacts.
    fn list(&self, run: &str, whose: &str, refused: &mut Refused) -> Result<Vec<(PathBuf, u64)>, Error> {
        let (mut files, mut folders) = (Vec::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            let mut token = String::new();
            loop {
                let query = [("run_id", run), ("path", &folder), ("page_token", &token)];
                let answer = self
                    .get(&format!("{API}/artifacts/list"), &query[..if token.is_empty() { 2 } else { 3 }])?;
                for file in answer["files"].as_array().into_iter().flatten() {
                    let path = file["path"].as_str().unwrap_or_default();
                    // A folder that lists itself, or one above, has no end.
                    let inner = if folder.is_empty() {
                        Some(path)
                    } else {
                        path.strip_prefix(&folder).and_then(|path| path.strip_prefix('/'))
                    };
                    let is_inner = inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('/'));
                    if !is_inner
                        || path.matches('/').count() > MLFLOW_ARTIFACT_DEPTH
                        || files.len() + folders.len() >= MLFLOW_ARTIFACTS
                    {
                        refused.push(&format!("{whose}: the artifact {path} is left out"));
                    } else if file["is_dir"] == true {
                        folders.push(path.to_owned());
                    } else {
                        let bytes = whole(&file["file_size"]).and_then(|size| u64::try_from(size).ok());
                        files.push((PathBuf::from(path), bytes.unwrap_or_default()));
                    }
                }
                match answer["next_page_token"].as_str() {
                    Some(next) if !next.is_empty() && next != token && files.len() < MLFLOW_ARTIFACTS => {
                        next.clone_into(&mut token);
                    }
                    _ => break,
                }
            }
        }
        Ok(files)
    }
}

impl Source for Server {
    fn experiments(&mut self, _: &mut Refused) -> Result<Vec<Experiment>, Error> {
        self.all_experiments()
    }

    fn heads(
        &mut self,
        experiments: &[Experiment],
        wanted: &dyn Fn(&Experiment) -> bool,
        _: &mut Refused,
    ) -> Result<Vec<Head>, Error> {
        let mut heads = Vec::new();
        for (at, experiment) in experiments.iter().enumerate().filter(|(_, experiment)| wanted(experiment)) {
            let place = |id: &str| (id == experiment.id).then_some((at, experiment.is_deleted));
            self.search(std::slice::from_ref(&experiment.id), "", &place, &mut heads)?;
            if heads.len() > MLFLOW_STORE_RUNS {
                return Err(Error::TooMany { what: "runs", most: MLFLOW_STORE_RUNS });
            }
        }
        Ok(heads)
    }

    fn load(&mut self, heads: &[Head], refused: &mut Refused) -> Result<Vec<Option<Stored>>, Error> {
        heads
            .iter()
            .map(|head| {
                let answer = match self.get(&format!("{API}/runs/get"), &[("run_id", &head.id)]) {
                    Err(Error::Server(why)) if why.starts_with("answers") => {
                        refused.push(&format!("{}: the server {why}", head.id));
                        return Ok(None);
                    }
                    answer => answer?,
                };
                let (info, data) = (&answer["run"]["info"], &answer["run"]["data"]);
                let text = |key: &str| info[key].as_str().map(str::to_owned);
                let mut run = Run::new(head.id.clone(), text("user_id").unwrap_or_default(), head.start);
                (run.params, run.tags) = (pairs(&data["params"]), pairs(&data["tags"]));
                run.name = text("run_name")
                    .or_else(|| run.tags.get(RUN_NAME).cloned())
                    .filter(|name| !name.is_empty());
                (run.end, run.status, run.hidden) = (head.end, head.status, head.is_deleted);
                for metric in data["metrics"].as_array().into_iter().flatten() {
                    if let (Some(key), Some(point)) = (metric["key"].as_str(), point(metric)) {
                        run.metrics.insert(key.to_owned(), point);
                    }
                }
                run.inputs =
                    answer["run"]["inputs"]["dataset_inputs"].as_array().cloned().unwrap_or_default();
                Ok(Some(Stored {
                    run,
                    models: Vec::new(),
                    artifact_uri: text("artifact_uri"),
                    model_uris: Vec::new(),
                }))
            })
            .collect()
    }

    fn points(
        &mut self,
        head: &Head,
        stored: &Stored,
        take: TakePoint<'_>,
        refused: &mut Refused,
    ) -> Result<(), Error> {
        let written = |source| Error::Write { path: metrics::FILE.into(), source };
        let page = MLFLOW_HISTORY.to_string();
        for key in stored.run.metrics.keys() {
            let mut token = String::new();
            let mut bad = 0_usize;
            loop {
                let query = [
                    ("run_id", head.id.as_str()),
                    ("metric_key", key),
                    ("max_results", &page),
                    ("page_token", &token),
                ];
                let answer = self.get(
                    &format!("{API}/metrics/get-history"),
                    &query[..if token.is_empty() { 3 } else { 4 }],
                )?;
                let points = answer["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
                for value in points {
                    match point(value) {
                        Some(point) => take(key, point).map_err(written)?,
                        None => bad += 1,
                    }
                }
                match answer["next_page_token"].as_str() {
                    Some(next) if !next.is_empty() && next != token && !points.is_empty() => {
                        next.clone_into(&mut token);
                    }
                    _ => break,
                }
            }
            if bad > 0 {
                refused.push(&format!("{}: {bad} points of `{key}` are no numbers", head.id));
            }
        }
        Ok(())
    }

    fn artifacts(&mut self, head: &Head, _: &Stored, refused: &mut Refused) -> Result<Vec<Artifact>, Error> {
        let found = match self.list(&head.id, &head.id, refused) {
            // A server lists no artifacts whose store it can't reach.
            Err(Error::Server(why)) if why.starts_with("answers") => {
                refused.push(&format!("{}: its artifacts are left out, the server {why}", head.id));
                return Ok(Vec::new());
            }
            found => found?,
        };
        let artifact = |(name, bytes): (PathBuf, u64)| Artifact {
            path: name.clone(),
            bytes,
            root: head.id.clone(),
            name,
        };
        Ok(found.into_iter().map(artifact).collect())
    }

    fn open(&mut self, artifact: &Artifact) -> io::Result<Box<dyn io::Read>> {
        let name = artifact.name.to_str().ok_or(io::ErrorKind::InvalidInput)?;
        let query = Serializer::new(String::new())
            .append_pair("run_uuid", &artifact.root)
            .append_pair("path", name)
            .finish();
        let body =
            self.send("GET", &format!("/get-artifact?{query}"), Body::None).map_err(io::Error::other)?;
        Ok(Box::new(body.into_reader()))
    }
}
