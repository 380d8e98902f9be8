//! A tracking server of MLflow's, as a client of its REST API sees it.
//!
//! Everything that it answers is foreign: answers, pages and paths have bounds, and credentials go to it alone, never
//! unencrypted to another computer and never after a redirect.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::PathBuf;

use azml_core::remote_url::RemoteUrl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use ureq::http::Request;
use url::Url;
use url::form_urlencoded::Serializer;

use super::export::Target;
use super::exported::Exported;
use crate::context::{Context, NamedBy};
use crate::credentials::{Origin, Secret};
use crate::env::{MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME};
use crate::error::CommandError;
use crate::limits::{
    MLFLOW_ANSWER, MLFLOW_ARTIFACT_DEPTH, MLFLOW_ARTIFACTS, MLFLOW_BATCH, MLFLOW_BATCH_PAIRS, MLFLOW_HISTORY,
    MLFLOW_PAGE, MLFLOW_PARAM_TEXT, MLFLOW_STORE_RUNS, MLFLOW_TAG_TEXT,
};
use crate::mlflow::PLAIN;
use crate::mlflow::state::{Model, Point, RUN_NAME, Run};
use crate::mlflow::store::content::{Content, number};
use crate::mlflow::store::write::is_name;
use crate::mlflow::store::{
    AZML_RUN, Artifact, COMPLETE, EXPORT, Error, Experiment, Head, Refused, Source, Stored, TakePoint,
    status_of,
};
use crate::{metrics, transport};

const USER_AGENT: &str = concat!("azml/", env!("CARGO_PKG_VERSION"));
const API: &str = "/api/2.0/mlflow";
const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// The value of the tag of an export that is under way.
const UNFINISHED: &str = "unfinished";

/// A server that can be asked.
pub struct Server {
    agent: ureq::Agent,
    /// Without a slash at its end.
    base: String,
    url: Url,
    authorization: Option<Secret>,
}

impl Server {
    /// The server at an address, with the credentials of the environment.
    pub fn at(ctx: &Context, address: &str) -> Result<Self, CommandError> {
        let usage = |why: &str| {
            CommandError::usage(format!("the address of the tracking server can't be used: {why}"))
                .hint("name it as http://HOST:5000; credentials are in MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        };
        let mut url = Url::parse(address).map_err(|error| usage(&error.to_string()))?;
        let origin = Origin::of(&url).ok_or_else(|| usage("it begins with neither https:// nor http://"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(usage("credentials don't belong into a URL"));
        }
        url.set_query(None);
        url.set_fragment(None);
        let base = url.as_str().trim_end_matches('/').to_owned();
        let authorization =
            match (ctx.env.text(MLFLOW_TRACKING_TOKEN), ctx.env.text(MLFLOW_TRACKING_USERNAME)) {
                (Some(token), _) => Some(format!("Bearer {token}")),
                (None, Some(user)) => {
                    let password = ctx.env.text(MLFLOW_TRACKING_PASSWORD).unwrap_or_default();
                    Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
                }
                (None, None) => None,
            };
        if authorization.is_some() && !origin.is_protected() {
            return Err(usage("credentials are not sent over plain http to another computer"));
        }
        // A path is wanted there, and any below the server has the same settings.
        let remote = ctx.remote_at(RemoteUrl::parse(&format!("{base}{API}"))?, NamedBy::Service, None)?;
        let agent = remote.agent().map_err(CommandError::failed)?;
        Ok(Self { agent, base, url, authorization: authorization.map(Secret::new) })
    }

    /// Sends a request; gives the body of a success.
    fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Result<ureq::Body, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("User-Agent", USER_AGENT);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.expose());
        }
        let sent = match body.into() {
            Body::None => request.body(()).map(|request| self.agent.run(request)),
            Body::Json(value) => {
                let request = request.header("Content-Type", "application/json").body(value.to_string());
                request.map(|request| self.agent.run(request))
            }
            Body::File(file) => request.body(file).map(|request| self.agent.run(request)),
        };
        let what = path.split('?').next().unwrap_or_default();
        let sent = sent.map_err(|_| Error::Server(format!("can't be asked for {what}")))?;
        let response = sent
            .map_err(|error| Error::Unreachable(transport::request_failed(&self.url, error).to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let said = read_json(response.into_body()).unwrap_or_default();
        let said = said["message"].as_str().unwrap_or_default();
        let said = crate::text::clean_line(&said.chars().take(300).collect::<String>());
        let status = status.as_u16();
        if status == 401 || status == 403 {
            return Err(Error::NotAllowed(format!("status {status} {said}")));
        }
        Err(Error::Server(format!("answers {what} with status {status}: {said}")))
    }

    fn post(&self, path: &str, body: Value) -> Result<Value, Error> {
        let answer = self.send("POST", &format!("{API}/{path}"), body)?;
        read_json(answer).map_err(|error| Error::Server(format!("answers {path} with no JSON: {error}")))
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Error> {
        let query = Serializer::new(String::new()).extend_pairs(query).finish();
        let answer = self.send("GET", &format!("{path}?{query}"), Body::None)?;
        read_json(answer).map_err(|error| Error::Server(format!("answers {path} with no JSON: {error}")))
    }

    /// Every page of a search.
    fn pages(
        &self,
        path: &str,
        body: &Value,
        key: &str,
        take: &mut dyn FnMut(Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut body, mut count) = (body.clone(), 0);
        loop {
            let mut answer = self.post(path, body.clone())?;
            let Value::Array(items) = answer[key].take() else { return Ok(()) };
            count += items.len();
            if count > MLFLOW_STORE_RUNS {
                return Err(Error::TooMany { what: "runs", most: MLFLOW_STORE_RUNS });
            }
            let is_empty = items.is_empty();
            items.into_iter().try_for_each(&mut *take)?;
            match answer["next_page_token"].as_str() {
                Some(token) if !token.is_empty() && !is_empty => body["page_token"] = token.into(),
                _ => return Ok(()),
            }
        }
    }

    /// The heads of the runs that a search finds. `place` tells the place of an experiment's id.
    fn search(
        &self,
        experiments: &[String],
        filter: &str,
        place: &dyn Fn(&str) -> Option<(usize, bool)>,
        heads: &mut Vec<Head>,
    ) -> Result<(), Error> {
        let body = json!({
            "experiment_ids": experiments, "filter": filter, "run_view_type": "ALL", "max_results": MLFLOW_PAGE,
        });
        self.pages("runs/search", &body, "runs", &mut |run| {
            let info = &run["info"];
            let id = info["run_id"].as_str().filter(|id| is_id(id));
            let found = info["experiment_id"].as_str().and_then(place);
            let (Some(id), Some((experiment, is_deleted))) = (id, found) else { return Ok(()) };
            let tag = |key: &str| {
                let tags = run["data"]["tags"].as_array()?;
                let tag = tags.iter().find(|tag| tag["key"] == key)?;
                tag["value"].as_str().map(str::to_owned)
            };
            heads.push(Head {
                id: id.to_owned(),
                experiment,
                start: whole(&info["start_time"]).unwrap_or_default(),
                end: whole(&info["end_time"]),
                status: status_of(info["status"].as_str().unwrap_or_default()),
                is_deleted: is_deleted || info["lifecycle_stage"] == "deleted",
                azml: tag(AZML_RUN),
                export: tag(EXPORT),
            });
            Ok(())
        })
    }

    fn all_experiments(&self) -> Result<Vec<Experiment>, Error> {
        let mut all = Vec::new();
        let body = json!({"view_type": "ALL", "max_results": MLFLOW_PAGE});
        self.pages("experiments/search", &body, "experiments", &mut |experiment| {
            let Some(id) = experiment["experiment_id"].as_str() else { return Ok(()) };
            all.push(Experiment {
                id: id.to_owned(),
                name: experiment["name"].as_str().unwrap_or(id).to_owned(),
                tags: pairs(&experiment["tags"]),
                is_deleted: experiment["lifecycle_stage"] == "deleted",
            });
            Ok(())
        })?;
        Ok(all)
    }

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
                        token = next.to_owned()
                    }
                    _ => break,
                }
            }
        }
        Ok(files)
    }
}

/// The body of a request.
enum Body {
    None,
    Json(Value),
    File(std::fs::File),
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

fn read_json(body: ureq::Body) -> io::Result<Value> {
    let mut bytes = Vec::new();
    body.into_reader().take(MLFLOW_ANSWER + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MLFLOW_ANSWER {
        return Err(io::Error::other(format!("the answer has more than {MLFLOW_ANSWER} bytes")));
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// Returns whether a text can be the id of a run.
fn is_id(text: &str) -> bool {
    text.len() <= 256
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// A whole number, which some servers write as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn pairs(list: &Value) -> BTreeMap<String, String> {
    let pair = |pair: &Value| {
        Some((pair["key"].as_str()?.to_owned(), pair["value"].as_str().unwrap_or_default().to_owned()))
    };
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

fn point(value: &Value) -> Option<Point> {
    let of = |key: &str| whole(&value[key]).unwrap_or_default();
    Some(Point { value: number(&value["value"])?, step: of("step"), time: of("timestamp") })
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
                let models: Vec<Model> = Vec::new();
                Ok(Some(Stored { run, models, artifact_uri: text("artifact_uri"), model_uris: Vec::new() }))
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
                        token = next.to_owned()
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
        let mut points = Vec::new();
        let mut failed = None;
        let sent = content.points(&mut |key, point| {
            if !is_name(key) {
                refused.push(&format!("{}: metric `{key}` has a name that a store can't hold", run.id));
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
