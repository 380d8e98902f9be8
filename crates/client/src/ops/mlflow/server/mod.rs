//! A tracking server of MLflow's, as a client of its REST API sees it.
//!
//! Everything that it answers is foreign: answers, pages and paths have bounds, and credentials go to it alone, never
//! unencrypted to another computer and never after a redirect.

mod source;
mod target;

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use azml_core::remote_url::RemoteUrl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::http::Request;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::context::{Context, NamedBy};
use crate::credentials::{Origin, Secret};
use crate::env::{MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME};
use crate::error::CommandError;
use crate::limits::{MLFLOW_ANSWER, MLFLOW_PAGE, MLFLOW_STORE_RUNS};
use crate::mlflow::points::number;
use crate::mlflow::state::Point;
use crate::mlflow::store::{AZML_RUN, EXPORT, Error, Experiment, Head, status_of};
use crate::transport;

const USER_AGENT: &str = concat!("azml/", env!("CARGO_PKG_VERSION"));
const API: &str = "/api/2.0/mlflow";

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
