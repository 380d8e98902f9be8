//! The endpoints of the tracking API that read, as functions from arguments to answers.

use std::fs::File;

use azml_core::run::Metric;
use serde_json::{Value, json};

use super::Request;
use super::artifacts::Artifacts;
use super::catalog::{Entry, Experiment, Logged, artifact_uri};
use crate::error::CommandError;
use crate::limits::{METRICS_FILE, MLFLOW_CURVE, MLFLOW_HISTORY, MLFLOW_INTERVAL, MLFLOW_INTERVAL_RUNS};
use crate::metrics;
use crate::mlflow::args::{self, Named, OfRun, Pairs, RunAnd, Search};
use crate::mlflow::points::{self, Place};
use crate::mlflow::refusal::{Refusal, short};
use crate::mlflow::state::Point;
use crate::mlflow::{search, shapes};
use crate::ops::runs;
use crate::run::attachments::Attachments;

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// JSON.
    Json(Value),
    /// A file of so many bytes, with its path.
    File(String, File, u64),
}

type Json = Result<Value, Refusal>;

/// Answers a request to the API.
pub fn answer(request: &Request<'_>) -> Result<Answer, Refusal> {
    let path = request.path.strip_prefix("/ajax-api/").or_else(|| request.path.strip_prefix("/api/"));
    let path = match path.and_then(|path| path.split_once('/')) {
        Some((_, path)) => path,
        // The pages ask for some things without.
        None => request.path.trim_start_matches('/'),
    };
    if let Some(path) = path.strip_prefix("mlflow-artifacts/artifacts") {
        return proxied(request, path);
    }
    let path = path.strip_prefix("mlflow/").unwrap_or(path);
    match (request.method, path) {
        ("GET", "get-artifact") => {
            let pairs = request.pairs();
            let run = pairs.get("run_id").or_else(|| pairs.get("run_uuid")).unwrap_or_default();
            file(request, run, pairs.get("path").unwrap_or_default())
        }
        ("GET", "model-versions/get-artifact") => {
            let version = shapes::find_version(&request.args::<Named>()?, &request.current.stored.versions)?;
            let pairs = request.pairs();
            let uri = format!("{}/{}", version.source, pairs.get("path").unwrap_or_default());
            let (run, path) = below(&uri)?;
            file(request, run, path)
        }
        (_, path) => {
            match path.strip_prefix("logged-models/").and_then(|rest| rest.split_once("/artifacts/")) {
                Some((id, "files")) => {
                    let (pairs, model) = (request.pairs(), logged(request, id)?);
                    let path = pairs.get("artifact_file_path").unwrap_or_default();
                    file(request, &model.files_of, &format!("{}/{path}", model.model.folder))
                }
                Some((id, "directories")) => directories(request, id).map(Answer::Json),
                _ => json(request, path).map(Answer::Json),
            }
        }
    }
}

fn json(request: &Request<'_>, path: &str) -> Json {
    match (request.method, path) {
        ("GET", "experiments/get" | "experiments/get-by-name") => {
            let args: ExperimentArgs = request.args()?;
            let found = request.experiments().find(|found| {
                if path.ends_with("name") {
                    found.name == args.experiment_name
                } else {
                    found.id == args.experiment_id
                }
            });
            let asked = short(&format!("{}{}", args.experiment_id, args.experiment_name));
            let missing = || Refusal::missing(format!("Could not find experiment '{asked}'"));
            Ok(json!({"experiment": experiment(found.ok_or_else(missing)?)}))
        }
        ("POST" | "GET", "experiments/search") => experiments(request),
        ("GET", "runs/get") => Ok(json!({"run": run(request, request.run(request.args::<OfRun>()?.id())?)})),
        ("POST", "runs/search") => search_runs(request, &request.args()?),
        ("GET", "metrics/get-history") => history(request),
        ("GET", "metrics/get-history-bulk") => bulk(request),
        ("GET", "metrics/get-history-bulk-interval") => interval(request, &request.pairs()),
        ("GET", "artifacts/list") => {
            let pairs = request.pairs();
            let of: OfRun = request.args()?;
            let files = Artifacts::of(request, of.id())?.list(pairs.get("path").unwrap_or_default(), true)?;
            Ok(json!({"root_uri": artifact_uri(of.id()), "files": files}))
        }
        ("POST", "logged-models/search") => search_models(request, &request.args()?),
        ("GET", "registered-models/get") => {
            let name = request.args::<Named>()?.name;
            let versions = &request.current.stored.versions;
            if versions.iter().any(|version| version.name == name) {
                return Ok(json!({"registered_model": shapes::registered(&name, versions)}));
            }
            Err(Refusal::missing(format!("Registered Model with name={} not found", short(&name))))
        }
        ("GET" | "POST", "registered-models/search") => search_registered(request),
        ("GET" | "POST", "registered-models/get-latest-versions") => {
            let name = request.args::<Named>()?.name;
            let mut versions = request.current.stored.versions.iter();
            let newest = versions.rfind(|version| version.name == name).map(shapes::version);
            Ok(json!({"model_versions": newest.into_iter().collect::<Vec<_>>()}))
        }
        ("GET" | "POST", "model-versions/search") => search_versions(request),
        ("GET", "model-versions/get" | "model-versions/get-download-uri") => {
            let version = shapes::find_version(&request.args::<Named>()?, &request.current.stored.versions)?;
            Ok(if path.ends_with("uri") {
                json!({"artifact_uri": version.source})
            } else {
                json!({"model_version": shapes::version(version)})
            })
        }
        // What a server without a gateway says; the pages show a refusal as an error.
        ("GET", "gateway-proxy") => Ok(json!({"endpoints": []})),
        ("GET", path) => match path.strip_prefix("logged-models/") {
            Some(id) => Ok(json!({"model": model(request, logged(request, id)?)})),
            None => Err(Refusal::no_endpoint(request.method, request.path)),
        },
        // The pages look for traces, prompts and the like: there are none.
        ("POST", path) if path.contains("search") || path.ends_with("/list") || path.ends_with("metrics") => {
            Ok(json!({}))
        }
        _ => Err(Refusal::read_only(
            "azml shows its history by this server, which records nothing: a script's MLflow calls are recorded in a run, \
             begin one with `azml run -- COMMAND`; name, description and tags of a run are changed by `azml history edit`",
        )),
    }
}

#[derive(serde::Deserialize)]
struct ExperimentArgs {
    #[serde(default)]
    experiment_id: String,
    #[serde(default)]
    experiment_name: String,
}

/// An experiment, as the API has it.
pub fn experiment(experiment: &Experiment) -> Value {
    shapes::experiment(
        &experiment.id,
        &experiment.name,
        &artifact_uri(""),
        experiment.start,
        &experiment.tags,
    )
}

/// A run, as the API has it.
pub fn run(request: &Request<'_>, entry: &Entry) -> Value {
    shapes::run(&entry.run, &request.current.experiment(entry).id, &artifact_uri(&entry.run.id))
}

fn model(request: &Request<'_>, logged: &Logged) -> Value {
    let experiment = &request.current.stored.experiments[logged.experiment];
    shapes::model(&logged.model, &experiment.id, &logged.uri())
}

fn logged<'r>(request: &'r Request<'_>, id: &str) -> Result<&'r Logged, Refusal> {
    let found = request.current.stored.models.iter().find(|logged| logged.model.id == id);
    found.ok_or_else(|| Refusal::missing(format!("Logged model with ID '{}' not found.", short(id))))
}

/// A page of some list, under `key`.
fn page(key: &str, args: &Search, most: usize, found: Vec<Value>) -> Json {
    let most = args::most(args.max_results, most, MLFLOW_HISTORY)?;
    let from: usize = args::token(&args.page_token)?;
    let more = from.saturating_add(most) < found.len();
    let mut answer = json!({key: found.into_iter().skip(from).take(most).collect::<Value>()});
    if more {
        answer["next_page_token"] = (from + most).to_string().into();
    }
    Ok(answer)
}

fn experiments(request: &Request<'_>) -> Json {
    let args: Search = request.args()?;
    let is_named = search::by_name(&args.filter)?;
    let is_shown = args.view_type != "DELETED_ONLY";
    let found = request.experiments().filter(|found| is_shown && is_named(&found.name));
    page("experiments", &args, 1000, found.map(experiment).collect())
}

/// The runs that a search gives.
pub fn search_runs(request: &Request<'_>, args: &Search) -> Json {
    let current = &request.current;
    let in_experiment =
        |entry: &&Entry| args.experiment_ids.iter().any(|id| *id == current.experiment(entry).id);
    let runs = current.entries().filter(in_experiment).map(|entry| &*entry.run);
    let page = search::page(args, runs, &|run| artifact_uri(&run.id))?;
    Ok(page.answer("runs", |found| current.find(&found.id).map_or(Value::Null, |entry| run(request, entry))))
}

/// The points of a metric from a place on: those of the file that the run keeps, or what its record says.
fn read(
    request: &Request<'_>,
    entry: &Entry,
    key: &str,
    from: Place,
    most: usize,
) -> Result<(Vec<Point>, Option<Place>), Refusal> {
    let failed =
        |error: std::io::Error| Refusal::invalid(format!("the metric's points can't be read: {error}"));
    let missing = |error: CommandError| Refusal::missing(error.chain().join(": "));
    let record = runs::resolve(request.ctx, &request.opened, entry.id.as_str());
    let record = record.map_err(|error| missing(error.into()))?;
    let file = if record.status.is_over() {
        let attachments = Attachments::of_record(&request.opened.history, &record);
        attachments.open(metrics::FILE.as_ref()).map_err(failed)?
    } else {
        let found = runs::unclosed(request.ctx, &request.opened).map_err(|error| missing(error.into()))?;
        let found = found.iter().find(|run| run.record.is_same_run(&record));
        found.and_then(|run| azml_core::small_file::open(&run.metrics_file()).ok())
    };
    let is_first = from == Place::default();
    if let Some(file) = file
        && file.metadata().map_err(failed)?.len() <= METRICS_FILE
    {
        let (points, next) = points::read(file, key, from, most, entry.run.start).map_err(failed)?;
        if !points.is_empty() || !is_first {
            return Ok((points, next));
        }
    }
    let newest = entry.run.metrics.get(key).copied();
    Ok((
        match record.metrics.get(key) {
            Some(list @ Metric::List(_)) => {
                let values = points::values(&list.to_value());
                let time = newest.map_or(entry.run.start, |point| point.time);
                (0..).zip(values).map(|(step, value)| Point { value, step, time }).collect()
            }
            _ => newest.into_iter().collect(),
        },
        None,
    ))
}

fn all_points(request: &Request<'_>, run: &str, key: &str) -> Result<Vec<Point>, Refusal> {
    Ok(read(request, request.run(run)?, key, Place::default(), MLFLOW_CURVE)?.0)
}

fn history(request: &Request<'_>) -> Json {
    let args: RunAnd<args::History> = request.args()?;
    let entry = request.run(args.run.id())?;
    let most = args::most(args.more.max_results, MLFLOW_HISTORY, MLFLOW_HISTORY)?;
    let from = args::token(&args.more.page_token)?;
    let (points, next) = read(request, entry, &args.more.metric_key, from, most)?;
    Ok(points::answer(&args.more.metric_key, &points, next))
}

/// Points of several runs, each with its run.
fn of_runs(key: &str, found: &[(&str, Vec<Point>)]) -> Value {
    let points = found.iter().flat_map(|(run, points)| {
        points.iter().map(|point| {
            let mut value = shapes::point(key, point);
            value["run_id"] = (*run).into();
            value
        })
    });
    json!({"metrics": points.collect::<Value>()})
}

fn bulk(request: &Request<'_>) -> Json {
    let pairs = request.pairs();
    let key = pairs.get("metric_key").unwrap_or_default();
    let most = args::most(pairs.number("max_results")?, MLFLOW_HISTORY, MLFLOW_HISTORY)?;
    let (mut found, mut left) = (Vec::new(), most);
    for run in pairs.all("run_id").take(MLFLOW_INTERVAL_RUNS) {
        let mut points = all_points(request, run, key)?;
        points.truncate(left);
        left -= points.len();
        found.push((run, points));
    }
    Ok(of_runs(key, &found))
}

/// Points between two steps, sampled.
pub fn interval(request: &Request<'_>, pairs: &Pairs) -> Json {
    let key = pairs.get("metric_key").unwrap_or_default();
    let most = args::most(pairs.number("max_results")?, MLFLOW_INTERVAL, MLFLOW_INTERVAL)?;
    let steps =
        pairs.number("start_step")?.unwrap_or(i64::MIN)..=pairs.number("end_step")?.unwrap_or(i64::MAX);
    let runs: Vec<&str> = pairs.all("run_ids").collect();
    if runs.len() > MLFLOW_INTERVAL_RUNS {
        return Err(Refusal::invalid(format!("at most {MLFLOW_INTERVAL_RUNS} runs are asked for at once")));
    }
    let mut found = Vec::new();
    for run in runs {
        found.push((run, points::sampled(&all_points(request, run, key)?, steps.clone(), most)));
    }
    Ok(of_runs(key, &found))
}

fn search_models(request: &Request<'_>, args: &Search) -> Json {
    let stored = &request.current.stored;
    let in_experiment =
        |logged: &&Logged| args.experiment_ids.contains(&stored.experiments[logged.experiment].id);
    let all = stored.models.iter().filter(in_experiment);
    let found = search::models(&args.filter, all.map(|logged| &logged.model))?;
    let found: Vec<Value> = found
        .into_iter()
        .map(|found| logged(request, &found.id).map(|logged| model(request, logged)))
        .collect::<Result<_, _>>()?;
    if found.is_empty() { Ok(json!({})) } else { page("models", args, 50, found) }
}

fn search_registered(request: &Request<'_>) -> Json {
    let args: Search = request.args()?;
    let is_named = search::by_name(&args.filter)?;
    let versions = &request.current.stored.versions;
    let mut names: Vec<&str> = versions.iter().map(|version| version.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let found = names.into_iter().filter(|name| is_named(name));
    page("registered_models", &args, 100, found.map(|name| shapes::registered(name, versions)).collect())
}

fn search_versions(request: &Request<'_>) -> Json {
    let args: Search = request.args()?;
    let versions = request.current.stored.versions.iter().rev();
    let run = args.filter.trim().strip_prefix("run_id");
    let run =
        run.and_then(|rest| rest.trim().strip_prefix('=')).map(|id| id.trim().trim_matches(['\'', '"']));
    let found: Vec<Value> = if let Some(run) = run {
        versions.filter(|version| version.run.as_deref() == Some(run)).map(shapes::version).collect()
    } else {
        let is_named = search::by_name(&args.filter)?;
        versions.filter(|version| is_named(&version.name)).map(shapes::version).collect()
    };
    page("model_versions", &args, 100, found)
}

/// The run and the path below its files of an address.
fn below(uri: &str) -> Result<(&str, &str), Refusal> {
    let path = uri.strip_prefix("mlflow-artifacts:/").map(|rest| rest.trim_start_matches('/'));
    let path = path.ok_or_else(|| Refusal::missing("the model's files are not in the history"))?;
    Ok(path.split_once('/').unwrap_or((path, "")))
}

fn file(request: &Request<'_>, run: &str, path: &str) -> Result<Answer, Refusal> {
    let (file, length) = Artifacts::of(request, run)?.open(request, path)?;
    Ok(Answer::File(path.to_owned(), file, length))
}

fn directories(request: &Request<'_>, id: &str) -> Json {
    let (pairs, model) = (request.pairs(), logged(request, id)?);
    let folder = pairs.get("artifact_directory_path").unwrap_or_default();
    let root = &model.model.folder;
    let whole = if folder.is_empty() { root.clone() } else { format!("{root}/{folder}") };
    let mut files = Artifacts::of(request, &model.files_of)?.list(&whole, true)?;
    // Paths begin in the model's folder.
    for file in files.as_array_mut().into_iter().flatten() {
        let path = file["path"].as_str().and_then(|path| path.strip_prefix(&format!("{root}/")));
        if let Some(path) = path.map(str::to_owned) {
            file["path"] = path.into();
        }
    }
    Ok(json!({"root_uri": model.uri(), "files": files}))
}

/// Files by the scheme `mlflow-artifacts:`, whose paths begin with the run.
fn proxied(request: &Request<'_>, path: &str) -> Result<Answer, Refusal> {
    if request.method != "GET" {
        return Err(Refusal::read_only(
            "azml's history takes no artifacts; a run collects what its script writes into outputs/",
        ));
    }
    let decoded = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8();
    let path = decoded.map_err(|_| Refusal::invalid("the path is no UTF-8"))?;
    if !path.is_empty() {
        let (run, below) =
            path.split_once('/').ok_or_else(|| Refusal::missing("there is no such artifact"))?;
        return file(request, run, below);
    }
    let pairs = request.pairs();
    let folder = pairs.get("path").unwrap_or_default().trim_start_matches('/');
    let (run, below) = folder.split_once('/').unwrap_or((folder, ""));
    let files = Artifacts::of(request, run)?.list(below, false)?;
    Ok(Answer::Json(if files == json!([]) { json!({}) } else { json!({"files": files}) }))
}
