//! The endpoints that MLflow's clients ask while they log, as functions from arguments to answers.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::args::{
    self, Batch, CreateModel, CreateRun, History, Metric, Named, OfRun, Pair, RunAnd, Search, UpdateRun,
};
use super::points;
use super::refusal::{Refusal, short};
use super::state::{Event, Model, PARENT, Point, RUN_NAME, Run, Version};
use super::tracker::{Tracker, model_id};
use super::{search, shapes};
use crate::limits::{
    METRICS, MLFLOW_BATCH, MLFLOW_BATCH_PAIRS, MLFLOW_HISTORY, MLFLOW_KEY, MLFLOW_MODELS, MLFLOW_NAME,
    MLFLOW_RUNS, MLFLOW_VALUE,
};

/// A request to the API.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// The path behind the run's own prefix.
    pub path: &'a str,
    pub query: &'a str,
    pub body: &'a [u8],
}

impl Request<'_> {
    fn args<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        args::read(self.method, self.query, self.body)
    }
}

type Answer = Result<Value, Refusal>;

/// The answer to a request; everything that it tells is written when this returns.
pub fn answer(tracker: &mut Tracker, request: &Request<'_>) -> Answer {
    let refuse = || Refusal::no_endpoint(request.method, request.path);
    let path = request.path.strip_prefix("/ajax-api/").or_else(|| request.path.strip_prefix("/api/"));
    let path = path.and_then(|path| path.strip_prefix("2.0/mlflow/")).ok_or_else(refuse)?;
    match (request.method, path) {
        ("POST", "runs/log-metric") => log_metric(tracker, request.args()?),
        ("POST", "runs/log-batch") => log_batch(tracker, request.args()?),
        ("POST", "runs/log-parameter") => log_parameter(tracker, request.args()?),
        ("POST", "runs/set-tag") => set_tag(tracker, request.args()?),
        ("POST", "runs/delete-tag") => delete_tag(tracker, &request.args()?),
        ("POST", "runs/create") => create_run(tracker, request.args()?),
        ("GET", "runs/get") => get_run(tracker, &request.args()?),
        ("POST", "runs/update") => update_run(tracker, request.args()?),
        ("POST", "runs/delete") => hide(tracker, &request.args()?, true),
        ("POST", "runs/restore") => hide(tracker, &request.args()?, false),
        ("POST", "runs/search") => search_runs(tracker, &request.args()?),
        ("POST", "runs/log-inputs") => log_inputs(tracker, request.args()?),
        ("POST", "runs/outputs") => log_outputs(tracker, request.args()?),
        ("POST", "runs/log-model") => log_model_file(tracker, &request.args()?),
        ("GET", "metrics/get-history") => history(tracker, &request.args()?),
        ("GET", "experiments/get-by-name" | "experiments/get") | ("POST", "experiments/create") => {
            experiment(tracker, &request.args()?, path)
        }
        ("POST", "experiments/search") => Ok(json!({"experiments": [shown_experiment(tracker, None)]})),
        ("POST", "experiments/set-experiment-tag") => {
            let Pair { key, value } = request.args()?;
            check_pair(&key, &value)?;
            done(tracker.journal.commit(vec![Event::ExperimentTag { key, value }]))
        }
        ("POST", "logged-models") => create_model(tracker, request.args()?),
        ("POST", "logged-models/search") => search_models(tracker, &request.args()?),
        ("POST", "registered-models/create") => register(tracker, request.args()?),
        ("GET", "registered-models/get") => registered(tracker, &request.args()?),
        ("POST", "model-versions/create") => create_version(tracker, request.args()?),
        ("GET", "model-versions/get" | "model-versions/get-download-uri") => {
            version(tracker, &request.args()?, path)
        }
        ("GET" | "POST", "model-versions/search" | "registered-models/get-latest-versions") => {
            let all: Vec<Value> = tracker.state().versions.iter().map(shapes::version).collect();
            Ok(json!({"model_versions": all}))
        }
        // What else is said of registered models is accepted: the registry is not azml's.
        ("POST" | "PATCH", path)
            if path.starts_with("registered-models/") || path.starts_with("model-versions/") =>
        {
            Ok(json!({}))
        }
        (method, path) => {
            match path.strip_prefix("logged-models/").map(|rest| (method, rest.split_once('/'), rest)) {
                Some(("GET", None, id) | ("POST", Some((id, "params")), _)) => model(tracker, id),
                Some(("PATCH", None, id)) => update_model(tracker, id, &request.args()?),
                Some(("PATCH", Some((id, "tags")), _)) => tag_model(tracker, id, request.args()?),
                _ => Err(refuse()),
            }
        }
    }
}

fn head(tracker: &Tracker, run: &Run) -> Value {
    shapes::info(run, shapes::EXPERIMENT_ID, &tracker.artifact_uri(run))
}

fn shown(tracker: &Tracker, run: &Run) -> Value {
    shapes::run(run, shapes::EXPERIMENT_ID, &tracker.artifact_uri(run))
}

fn shown_model(tracker: &Tracker, model: &Model) -> Value {
    shapes::model(model, shapes::EXPERIMENT_ID, &tracker.uri_of(&model.folder))
}

/// The experiment, by the name that was asked for or the last one.
fn shown_experiment(tracker: &Tracker, name: Option<&str>) -> Value {
    let state = tracker.state();
    let name = name.unwrap_or_else(|| state.experiment_name());
    let (uri, start) = (tracker.outputs_uri(), state.runs[&state.main].start);
    shapes::experiment(shapes::EXPERIMENT_ID, name, &uri, start, &state.experiment_tags)
}

fn done(result: Result<(), Refusal>) -> Answer {
    result.map(|()| json!({}))
}

fn run<'t>(tracker: &'t Tracker, id: &str) -> Result<&'t Run, Refusal> {
    tracker
        .state()
        .runs
        .get(id)
        .ok_or_else(|| Refusal::missing(format!("Run with id={} not found", short(id))))
}

/// Keys as MLflow takes them.
fn check_key(key: &str) -> Result<(), Refusal> {
    if key.len() > MLFLOW_KEY {
        return Err(Refusal::invalid(format!("the key '{}…' has more than {MLFLOW_KEY} bytes", short(key))));
    }
    let is_plain = |c: char| c.is_alphanumeric() || "_-.: /".contains(c);
    let is_path = key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if key.chars().all(is_plain) && is_path {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Invalid name: '{}'. Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), \
         colon(:) and slashes (/), and no part of a path may be empty, `.` or `..`",
        short(key)
    )))
}

fn check_pair(key: &str, value: &str) -> Result<(), Refusal> {
    if value.len() > MLFLOW_VALUE {
        return Err(Refusal::invalid(format!(
            "the value of '{}' has more than {MLFLOW_VALUE} bytes",
            short(key)
        )));
    }
    check_key(key)
}

/// Checks that a run takes so many more bytes of keys and values.
fn check_room(run: &Run, more: usize) -> Result<(), Refusal> {
    if run.bytes + more > METRICS {
        return Err(Refusal::invalid(format!(
            "all parameters, tags and names of metrics of a run have at most {METRICS} bytes"
        )));
    }
    Ok(())
}

/// The event that says that the script logs to the azml run itself, if it had not.
fn adopt(tracker: &Tracker, id: &str) -> Vec<Event> {
    let is_first = id == tracker.state().main && !tracker.state().is_adopted;
    if is_first { vec![Event::Adopt] } else { Vec::new() }
}

fn log_points(tracker: &mut Tracker, id: &str, points: &[(String, Point)]) -> Result<(), Refusal> {
    let run = run(tracker, id)?;
    let mut more = 0;
    for (key, _) in points {
        if !run.metrics.contains_key(key) {
            check_key(key)?;
            more += key.len();
        }
    }
    check_room(run, more)?;
    tracker.journal.commit(adopt(tracker, id))?;
    tracker.journal.points(id, points)
}

fn log_metric(tracker: &mut Tracker, args: RunAnd<Metric>) -> Answer {
    done(log_points(tracker, args.run.id(), &[args.more.into_point()]))
}

/// The events of parameters, which keep the value that they got first.
fn parameters(run: &Run, pairs: Vec<Pair>) -> Result<Vec<Event>, Refusal> {
    let mut events: Vec<Event> = Vec::new();
    let mut fresh = std::collections::BTreeMap::new();
    for Pair { key, value } in pairs {
        check_pair(&key, &value)?;
        match run.params.get(&key).or_else(|| fresh.get(&key)) {
            Some(known) if *known == value => {}
            Some(known) => {
                return Err(Refusal::invalid(format!(
                    "Changing param values is not allowed. Param with key='{}' was already logged with value='{}' for run \
                     ID='{}'. Attempted logging new value '{}'.",
                    short(&key),
                    short(known),
                    run.id,
                    short(&value)
                )));
            }
            None => {
                fresh.insert(key.clone(), value.clone());
                events.push(Event::Parameter { run: run.id.clone(), key, value });
            }
        }
    }
    Ok(events)
}

fn tags(run: &Run, pairs: Vec<Pair>) -> Result<Vec<Event>, Refusal> {
    let tag = |Pair { key, value }: Pair| {
        check_pair(&key, &value)?;
        Ok(Event::Tag { run: run.id.clone(), key, value })
    };
    pairs.into_iter().map(tag).collect()
}

fn log_batch(tracker: &mut Tracker, args: Batch) -> Answer {
    let Batch { run_id, metrics, params, tags: pairs } = args;
    let (all, most) = (metrics.len() + params.len() + pairs.len(), params.len().max(pairs.len()));
    if all > MLFLOW_BATCH || most > MLFLOW_BATCH_PAIRS {
        return Err(Refusal::invalid(format!(
            "A batch logging request can contain at most {MLFLOW_BATCH} metrics, {MLFLOW_BATCH_PAIRS} params and \
             {MLFLOW_BATCH_PAIRS} tags, {MLFLOW_BATCH} in all. Got {all}. Please split up logs into multiple requests and try again."
        )));
    }
    let run = run(tracker, &run_id)?;
    let more: usize = params.iter().chain(&pairs).map(|pair| pair.key.len() + pair.value.len()).sum();
    check_room(run, more)?;
    let mut events = adopt(tracker, &run_id);
    events.extend(parameters(run, params)?);
    events.extend(tags(run, pairs)?);
    let points: Vec<(String, Point)> = metrics.into_iter().map(Metric::into_point).collect();
    points.iter().try_for_each(|(key, _)| check_key(key))?;
    tracker.journal.commit(events)?;
    if !points.is_empty() {
        log_points(tracker, &run_id, &points)?;
    }
    Ok(json!({}))
}

fn log_parameter(tracker: &mut Tracker, args: RunAnd<Pair>) -> Answer {
    let run = run(tracker, args.run.id())?;
    check_room(run, args.more.key.len() + args.more.value.len())?;
    let mut events = adopt(tracker, &run.id);
    events.extend(parameters(run, vec![args.more])?);
    done(tracker.journal.commit(events))
}

fn set_tag(tracker: &mut Tracker, args: RunAnd<Pair>) -> Answer {
    let run = run(tracker, args.run.id())?;
    check_room(run, args.more.key.len() + args.more.value.len())?;
    let mut events = adopt(tracker, &run.id);
    events.extend(tags(run, vec![args.more])?);
    done(tracker.journal.commit(events))
}

fn delete_tag(tracker: &mut Tracker, args: &RunAnd<Pair>) -> Answer {
    let run = run(tracker, args.run.id())?;
    let key = args.more.key.clone();
    if !run.tags.contains_key(&key) {
        return Err(Refusal::missing(format!("No tag with name: {} in run with id {}", short(&key), run.id)));
    }
    let event = Event::Untag { run: run.id.clone(), key };
    done(tracker.journal.commit(vec![event]))
}

/// The first run that names no parent is the azml run; every other is one below it.
fn create_run(tracker: &mut Tracker, args: CreateRun) -> Answer {
    let parent = args.tags.iter().find(|tag| tag.key == PARENT).map(|tag| tag.value.clone());
    let now = tracker.now();
    let start = args.start_time.unwrap_or(now);
    let (id, mut events) = if parent.is_none() && !tracker.state().is_adopted {
        (tracker.state().main.clone(), vec![Event::Adopt])
    } else {
        if tracker.state().runs.len() >= MLFLOW_RUNS {
            return Err(Refusal::invalid(format!(
                "one azml run has at most {MLFLOW_RUNS} nested runs; begin another with: azml experiment submit"
            )));
        }
        let id = tracker.fresh_id();
        let parent = parent.filter(|parent| tracker.state().runs.contains_key(parent));
        let parent = parent.unwrap_or_else(|| tracker.state().main.clone());
        let user = args.user_id.clone();
        check_pair("user_id", &user)?;
        (id.clone(), vec![Event::Run { id, parent, user, start }])
    };
    for Pair { key, value } in args.tags {
        check_pair(&key, &value)?;
        events.push(Event::Tag { run: id.clone(), key, value });
    }
    if let Some(name) = args.run_name.filter(|name| !name.is_empty()) {
        check_pair(RUN_NAME, &name)?;
        events.push(Event::Update { run: id.clone(), status: None, end: None, name: Some(name) });
    }
    tracker.journal.commit(events)?;
    Ok(json!({"run": shown(tracker, run(tracker, &id)?)}))
}

fn get_run(tracker: &Tracker, args: &OfRun) -> Answer {
    Ok(json!({"run": shown(tracker, run(tracker, args.id())?)}))
}

fn update_run(tracker: &mut Tracker, args: RunAnd<UpdateRun>) -> Answer {
    let id = run(tracker, args.run.id())?.id.clone();
    let UpdateRun { status, end_time: end, run_name } = args.more;
    let name = run_name.filter(|name| !name.is_empty());
    if let Some(name) = &name {
        check_pair(RUN_NAME, name)?;
    }
    let mut events = adopt(tracker, &id);
    events.push(Event::Update { run: id.clone(), status, end, name });
    tracker.journal.commit(events)?;
    Ok(json!({"run_info": head(tracker, run(tracker, &id)?)}))
}

fn hide(tracker: &mut Tracker, args: &OfRun, hidden: bool) -> Answer {
    let run = run(tracker, args.id())?.id.clone();
    done(tracker.journal.commit(vec![Event::Hide { run, hidden }]))
}

fn search_runs(tracker: &Tracker, args: &Search) -> Answer {
    let state = tracker.state();
    // The azml run is one of the script's when the script has logged to it.
    let runs = state.runs.values().filter(|run| run.id != state.main || state.is_adopted);
    let page = search::page(args, runs, &|run| tracker.artifact_uri(run))?;
    Ok(page.answer("runs", |run| shown(tracker, run)))
}

fn history(tracker: &Tracker, args: &RunAnd<History>) -> Answer {
    let run = run(tracker, args.run.id())?;
    let more = &args.more;
    let most = args::most(more.max_results, MLFLOW_HISTORY, MLFLOW_HISTORY)?;
    let from = args::token(&more.page_token)?;
    let failed = |error| Refusal::invalid(format!("the metric's points can't be read: {error}"));
    let file = match std::fs::File::open(tracker.journal.points_of(&run.id)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(json!({"metrics": []})),
        Err(error) => return Err(failed(error)),
    };
    let (points, next) = points::read(file, &more.metric_key, from, most, run.start).map_err(failed)?;
    Ok(points::answer(&more.metric_key, &points, next))
}

#[derive(serde::Deserialize)]
struct Inputs {
    #[serde(default)]
    datasets: Vec<Value>,
    #[serde(default)]
    models: Vec<Value>,
}

fn log_inputs(tracker: &mut Tracker, args: RunAnd<Inputs>) -> Answer {
    let run = run(tracker, args.run.id())?;
    let fresh = args.more.datasets.into_iter().filter(|input| !run.inputs.contains(input));
    let fresh: Vec<Value> = fresh.collect();
    check_objects(run, &fresh)?;
    let mut events = adopt(tracker, &run.id);
    events.extend(fresh.into_iter().map(|input| Event::Input { run: run.id.clone(), input }));
    done(tracker.journal.commit(events))
}

fn log_outputs(tracker: &mut Tracker, args: RunAnd<Inputs>) -> Answer {
    let run = run(tracker, args.run.id())?;
    check_objects(run, &args.more.models)?;
    let mut events = adopt(tracker, &run.id);
    events.extend(args.more.models.into_iter().map(|output| Event::Output { run: run.id.clone(), output }));
    done(tracker.journal.commit(events))
}

fn check_objects(run: &Run, fresh: &[Value]) -> Result<(), Refusal> {
    if run.inputs.len() + run.outputs.len() + run.model_files.len() + fresh.len() > MLFLOW_MODELS {
        return Err(Refusal::invalid(format!("a run has at most {MLFLOW_MODELS} data sets and models")));
    }
    let objects = fresh.iter().all(Value::is_object);
    if objects { Ok(()) } else { Err(Refusal::invalid("a data set or a model is an object")) }
}

#[derive(serde::Deserialize)]
struct ModelFile {
    model_json: String,
}

fn log_model_file(tracker: &mut Tracker, args: &RunAnd<ModelFile>) -> Answer {
    let run = run(tracker, args.run.id())?;
    let model: Value = serde_json::from_str(&args.more.model_json)
        .map_err(|error| Refusal::invalid(format!("Malformed model info. Error: {error}")))?;
    check_objects(run, std::slice::from_ref(&model))?;
    let mut events = adopt(tracker, &run.id);
    events.push(Event::ModelFile { run: run.id.clone(), model });
    done(tracker.journal.commit(events))
}

/// One experiment has all runs, whatever a script calls it: its name is the one that was asked for last.
fn experiment(tracker: &mut Tracker, args: &Named, path: &str) -> Answer {
    let name = if path.ends_with("create") { &args.name } else { &args.experiment_name };
    if name.len() > MLFLOW_NAME {
        return Err(Refusal::invalid(format!("an experiment's name has at most {MLFLOW_NAME} bytes")));
    }
    if !name.is_empty() && tracker.state().experiment.as_ref() != Some(name) {
        tracker.journal.commit(vec![Event::Experiment { name: name.clone() }])?;
    }
    if path.ends_with("create") {
        return Ok(json!({"experiment_id": shapes::EXPERIMENT_ID}));
    }
    let name = Some(name.as_str()).filter(|name| !name.is_empty());
    Ok(json!({"experiment": shown_experiment(tracker, name)}))
}

fn create_model(tracker: &mut Tracker, args: CreateModel) -> Answer {
    if tracker.state().models.len() >= MLFLOW_MODELS {
        return Err(Refusal::invalid(format!("one azml run logs at most {MLFLOW_MODELS} models")));
    }
    for pair in args.params.iter().chain(&args.tags) {
        check_pair(&pair.key, &pair.value)?;
    }
    let id = model_id()?;
    let name = if args.name.is_empty() { "model".to_owned() } else { args.name };
    check_pair("name", &name)?;
    let folder = tracker.model_folder(&name, &id);
    let at = tracker.now();
    let model = Model {
        id: id.clone(),
        name,
        folder,
        run: args.source_run_id.filter(|run| !run.is_empty()),
        kind: args.model_type,
        params: args.params.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        tags: args.tags.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        status: "LOGGED_MODEL_PENDING".to_owned(),
        at,
        updated: at,
    };
    tracker.journal.commit(vec![Event::Model(model)])?;
    self::model(tracker, &id)
}

fn known_model<'t>(tracker: &'t Tracker, id: &str) -> Result<&'t Model, Refusal> {
    let found = tracker.state().models.get(id);
    found.ok_or_else(|| Refusal::missing(format!("Logged model with ID '{}' not found.", short(id))))
}

fn model(tracker: &Tracker, id: &str) -> Answer {
    Ok(json!({"model": shown_model(tracker, known_model(tracker, id)?)}))
}

#[derive(serde::Deserialize)]
struct Status {
    status: String,
}

fn update_model(tracker: &mut Tracker, id: &str, args: &Status) -> Answer {
    known_model(tracker, id)?;
    let known = ["LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"];
    if !known.contains(&args.status.as_str()) {
        return Err(Refusal::invalid(format!("Invalid model status: {}", short(&args.status))));
    }
    let (status, at) = (args.status.clone(), tracker.now());
    tracker.journal.commit(vec![Event::ModelStatus { id: id.to_owned(), status, at }])?;
    model(tracker, id)
}

fn tag_model(tracker: &mut Tracker, id: &str, args: Named) -> Answer {
    known_model(tracker, id)?;
    let mut events = Vec::new();
    for Pair { key, value } in args.tags {
        check_pair(&key, &value)?;
        events.push(Event::ModelTag { id: id.to_owned(), key, value });
    }
    tracker.journal.commit(events)?;
    model(tracker, id)
}

fn search_models(tracker: &Tracker, args: &Search) -> Answer {
    let found = search::models(&args.filter, tracker.state().models.values())?;
    let found: Vec<Value> = found.into_iter().map(|model| shown_model(tracker, model)).collect();
    Ok(if found.is_empty() { json!({}) } else { json!({"models": found}) })
}

fn register(tracker: &mut Tracker, args: Named) -> Answer {
    check_pair("name", &args.name)?;
    if tracker.state().registered.contains(&args.name) {
        return Err(Refusal::exists(format!(
            "Registered Model (name={}) already exists.",
            short(&args.name)
        )));
    }
    if tracker.state().registered.len() >= MLFLOW_MODELS {
        return Err(Refusal::invalid(format!("one azml run registers at most {MLFLOW_MODELS} models")));
    }
    let name = args.name.clone();
    tracker.journal.commit(vec![Event::Registered { name: args.name }])?;
    Ok(json!({"registered_model": shapes::registered(&name, &tracker.state().versions)}))
}

fn registered(tracker: &Tracker, args: &Named) -> Answer {
    if !tracker.state().registered.contains(&args.name) {
        return Err(Refusal::missing(format!("Registered Model with name={} not found", short(&args.name))));
    }
    Ok(json!({"registered_model": shapes::registered(&args.name, &tracker.state().versions)}))
}

fn create_version(tracker: &mut Tracker, args: Named) -> Answer {
    check_pair("name", &args.name)?;
    check_pair("source", &args.source)?;
    if tracker.state().versions.len() >= MLFLOW_MODELS {
        return Err(Refusal::invalid(format!(
            "one azml run registers at most {MLFLOW_MODELS} versions of models"
        )));
    }
    let version = 1 + tracker.state().versions.iter().filter(|other| other.name == args.name).count();
    let (run, model, at) = (args.run_id, args.model_id, tracker.now());
    let version = Version { name: args.name, number: version, source: args.source, run, model, at };
    let shown = shapes::version(&version);
    tracker.journal.commit(vec![Event::Version(version)])?;
    Ok(json!({"model_version": shown}))
}

fn version(tracker: &Tracker, args: &Named, path: &str) -> Answer {
    let found = shapes::find_version(args, &tracker.state().versions)?;
    Ok(if path.ends_with("uri") {
        json!({"artifact_uri": found.source})
    } else {
        json!({"model_version": shapes::version(found)})
    })
}
