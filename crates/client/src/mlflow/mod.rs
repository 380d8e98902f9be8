//! The tracking API of MLflow, served to the script of a run while it goes on.
//!
//! A script that logs with an unmodified MLflow client is told the address by [`variables`]; what it logs is written to
//! files in the run's folder before it is answered ([`journal`]), and becomes run records at the run's end, also if azml is
//! killed meanwhile ([`read`], [`State`]). The address has a secret prefix for each run, and the server listens on loopback.
//!
//! The first run that the script creates is the azml run; every other is a run below it.

mod api;
pub mod args;
mod grammar;
mod journal;
pub mod points;
pub mod records;
pub mod refusal;
pub mod search;
pub mod shapes;
pub mod state;
pub mod store;
mod tracker;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use azml_core::run::RunRecord;
use hyper::header::{CONNECTION, HOST};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;

use self::journal::Journal;
pub use self::journal::{points_below, read};
use self::refusal::Refusal;
pub use self::state::State;
use self::tracker::Tracker;
pub use self::tracker::{PLAIN, hex};
use crate::env::{Env, MLFLOW_RUN_CONTEXT, MLFLOW_TRACKING_URI, NO_PROXY, NO_PROXY_UPPER};
use crate::limits::{MLFLOW_BODY, MLFLOW_CONNECTIONS};
use crate::loopback::{self, BodyError, Known};

/// The server of one run; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    secret: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// The run that a server is for.
#[derive(Debug)]
pub struct ForRun<'a> {
    /// The folder of the run in progress.
    pub live: &'a Path,
    /// The file that the run logs its metrics to.
    pub points: PathBuf,
    pub record: &'a RunRecord,
    /// The script's folder of outputs.
    pub outputs: &'a Path,
}

impl Server {
    /// Listens; answers on a thread of its own.
    pub fn start(run: ForRun<'_>, env: &Env) -> io::Result<Self> {
        let listener = loopback::listen(0)?;
        let port = listener.local_addr()?.port();
        let mut secret = [0_u8; 16];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let secret = hex(&secret);
        let record = run.record;
        let start = record.start_time_utc.unwrap_or(record.created_utc).as_millisecond();
        let state = State::new(&plain_id(record.run_id.as_str()), &record.user_id, start);
        let tracker = Tracker::new(Journal::new(run.live, run.points, state), run.outputs, env);
        let shared = Arc::new(Shared { secret: secret.clone(), port, tracker: Mutex::new(tracker) });
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("mlflow".to_owned()).spawn(move || {
            let handler = move |request, known| answer(Arc::clone(&shared), request, known);
            loopback::serve(listener, MLFLOW_CONNECTIONS, stopped, handler)
        })?;
        Ok(Self { port, secret, stop: Some(stop), thread: Some(thread) })
    }

    /// The address for the script.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.port, self.secret)
    }

    /// Its port and the secret in its address.
    pub fn place(&self) -> (u16, &str) {
        (self.port, &self.secret)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!(%error, "the tracking server ended");
        }
    }
}

/// A run's id as MLflow's clients take it.
pub fn plain_id(id: &str) -> String {
    let plain: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_alphanumeric()) { plain } else { format!("run{plain}") }
}

struct Shared {
    secret: String,
    port: u16,
    tracker: Mutex<Tracker>,
}

async fn answer(shared: Arc<Shared>, request: Request, known: Known) -> Response {
    let (head, body) = request.into_parts();
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A name of somebody else's may lead to this address.
    let is_ours = ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", shared.port));
    let (secret, path) = match head.uri.path()[1..].split_once('/') {
        Some((secret, _)) => (secret, &head.uri.path()[1 + secret.len()..]),
        None => ("", ""),
    };
    if !is_ours || !bool::from(secret.as_bytes().ct_eq(shared.secret.as_bytes())) {
        return ([(CONNECTION, "close")], refused(&Refusal::stranger())).into_response();
    }
    known.set();
    let body = match loopback::read(body, MLFLOW_BODY).await {
        Ok(body) => body,
        Err(BodyError::TooLong) => {
            let what = format!("a request has at most {MLFLOW_BODY} bytes: log fewer values at once");
            return ([(CONNECTION, "close")], refused(&Refusal::too_long(what))).into_response();
        }
        Err(error) => return refused(&Refusal::invalid(error.to_string())),
    };
    let query = head.uri.query().unwrap_or_default();
    let request = api::Request { method: head.method.as_str(), path, query, body: &body };
    let answer = {
        let mut tracker = shared.tracker.lock().unwrap_or_else(PoisonError::into_inner);
        api::answer(&mut tracker, &request)
    };
    match answer {
        Ok(value) => Json(value).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(refusal.body())).into_response()
}

/// The variables that lead an MLflow client to the run. A script whose environment names a server of its own keeps it: its runs
/// there are told which azml run and which snapshot they are of.
pub fn variables(
    url: Option<&str>,
    record: &RunRecord,
    environment: &BTreeMap<OsString, OsString>,
) -> Vec<(OsString, OsString)> {
    let get = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty());
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let given = get(MLFLOW_RUN_CONTEXT).and_then(|text| text.to_str());
    // What is there and is no object is not azml's to change.
    let context = given.map_or(Some(Map::new()), |text| serde_json::from_str(text).ok());
    if let Some(mut context) = context {
        context.insert("azml.runId".to_owned(), record.run_id.as_str().into());
        if let Some(commit) = record.commit_id() {
            context.insert("mlflow.source.git.commit".to_owned(), commit.to_string().into());
        }
        variables.push((MLFLOW_RUN_CONTEXT.into(), Value::Object(context).to_string().into()));
    }
    if let Some(url) = url {
        variables.push((MLFLOW_TRACKING_URI.into(), url.into()));
        // The clients would ask a proxy for 127.0.0.1, too.
        for name in [NO_PROXY, NO_PROXY_UPPER] {
            let mut hosts = get(name).or_else(|| get(NO_PROXY)).cloned().unwrap_or_default();
            if hosts != "*" {
                if !hosts.is_empty() {
                    hosts.push(",");
                }
                hosts.push("127.0.0.1,localhost");
            }
            variables.push((name.into(), hosts));
        }
    }
    variables
}

/// Returns whether an environment names a tracking server.
pub fn has_server(environment: &BTreeMap<OsString, OsString>) -> bool {
    environment.get(OsStr::new(MLFLOW_TRACKING_URI)).is_some_and(|uri| !uri.is_empty())
}
