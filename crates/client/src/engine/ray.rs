//! Ray: `azml node carry` as a job, by the Jobs API of the cluster's head.
//!
//! The job's submission id is the run's, and Ray refuses a second job of an id: a submit may be repeated. The snapshot and the
//! job are a package of Ray's, named by its hash; azml's own program is another, which is there after the first run. The API
//! gives no file back, so that the run's results are at the end of its log. Nothing there is secret: whoever reaches the API sees
//! all jobs, and runs their own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::thread::sleep;
use std::time::Instant;

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::large;
use azml_core::remote_url::RemoteUrl;
use git_wire::client::TransportError;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::AsSendBody;
use ureq::http::{Method, Request, StatusCode};
use url::Url;

use super::node::Node;
use super::package::{self, Log};
use super::program::Own;
use super::prune::{PruneRequest, Pruned};
use super::{Engine, Error, Handle, JobSpec, State};
use crate::context::{Context, NamedBy};
use crate::error::CommandError;
use crate::limits;
use crate::run::config::RunConfig;
use crate::run::target::Program;
use crate::text::shell_word;
use crate::transport;

/// The folder of azml's files on the cluster.
const FOLDER: &str = "~/.azml";
/// The digits of the hash in a package's name.
const HASH: usize = 16;
/// The word for a job that somebody ended, as azml has it for all engines.
const CANCELED: &str = "CANCELLED";

/// A Ray cluster.
pub struct RayEngine {
    agent: ureq::Agent,
    base: Url,
    place: Handle,
    own: Own,
    /// The folder for packages, as a node's.
    scratch: TempDir,
    node: Node,
}

/// An answer of the API.
struct Answer {
    status: StatusCode,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl RayEngine {
    /// The cluster at the address of a handle.
    pub fn new(ctx: &Context, handle: &Handle) -> Result<Self, CommandError> {
        let place =
            Handle::new(&handle.kind, handle.host.clone()).at(handle.azml.clone(), handle.folder.clone());
        let text = handle.host.trim_end_matches('/').to_owned();
        let base = Url::parse(&text).map_err(|error| CommandError::usage(format!("{text}: {error}")))?;
        let agent = ctx.remote_at(RemoteUrl::parse(&format!("{text}/api"))?, NamedBy::Service, None)?.agent();
        let agent = agent.map_err(|source| Error::Unreachable { host: text.clone(), source })?;
        let scratch = tempfile::Builder::new().prefix("azml-ray-").tempdir_in(ctx.env.temp());
        let scratch = scratch.map_err(|source| Error::Package { host: text, source })?;
        let node = Node::in_folder(ctx, scratch.path())?;
        Ok(Self { agent, base, place, own: Own::find(&ctx.env.state_dir())?, scratch, node })
    }

    fn host(&self) -> String {
        self.place.host.clone()
    }

    fn unreachable(&self, source: TransportError) -> Error {
        Error::Unreachable { host: self.host(), source }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Package { host: self.host(), source }
    }

    /// Asks the API; reads at most `most` bytes of its answer.
    fn ask(&self, method: Method, path: &str, body: impl AsSendBody, most: u64) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        tracing::debug!(%method, url, "asking Ray");
        let request = Request::builder().method(method).uri(url).header("Accept", "application/json");
        let request = request.header("Content-Type", "application/json").body(body);
        let request =
            request.map_err(|error| Error::Refused { host: self.host(), why: error.to_string() })?;
        let failed = |error| self.unreachable(transport::request_failed(&self.base, error));
        let response = self.agent.run(request).map_err(failed)?;
        let status = response.status();
        let mut bytes = Vec::new();
        let body = response.into_body().into_reader().take(most).read_to_end(&mut bytes);
        body.map_err(|error| failed(error.into()))?;
        Ok(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    fn get(&self, path: &str, most: u64) -> Result<Answer, Error> {
        self.ask(Method::GET, path, (), most)
    }

    /// Takes every answer that is no success for an error.
    fn succeeded(&self, what: &str, answer: Answer) -> Result<Answer, Error> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        // A traceback: its last line says what failed.
        let last = answer.text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let said: String = last.chars().take(400).collect();
        let said = format!("HTTP status {}: {said}", answer.status.as_u16());
        Err(Error::Command { what: what.to_owned(), host: self.host(), said, code: None })
    }

    /// The path of a job; its id is the run's, and the attempt's if it is not the first.
    fn path(handle: &Handle) -> String {
        let id = handle.id.clone().unwrap_or_else(|| Self::id(&handle.run, handle.attempt));
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        format!("/api/jobs/{id}")
    }

    fn id(run: &str, attempt: u32) -> String {
        if attempt > 1 { format!("{run}.{attempt}") } else { run.to_owned() }
    }

    /// A job as Ray has it; `None` if it does not know it.
    fn job(&self, handle: &Handle) -> Result<Option<Value>, Error> {
        let answer = self.get(&Self::path(handle), limits::RAY_ANSWER)?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(self.succeeded("the job", answer)?.json()))
    }

    /// The log of a job, as far as it is; empty if there is none.
    fn log(&self, handle: &Handle) -> Result<String, Error> {
        let answer = self.get(&format!("{}/logs", Self::path(handle)), limits::RAY_LOG)?;
        if !answer.status.is_success() {
            return Ok(String::new());
        }
        let value = answer.json();
        Ok(value["logs"].as_str().unwrap_or_default().to_owned())
    }

    /// Uploads a package of this name, unless the cluster has it; gives its address there.
    fn bring(&self, name: &str, pack: impl FnOnce() -> Result<File, Error>) -> Result<String, Error> {
        let name = format!("_ray_pkg_{name}.zip");
        let path = format!("/api/packages/gcs/{name}");
        let known = self.get(&path, limits::RAY_ANSWER)?;
        if known.status != StatusCode::NOT_FOUND {
            self.succeeded("looking for the package", known)?;
            return Ok(format!("gcs://{name}"));
        }
        let mut file = pack()?;
        let size = file.metadata().map_err(|error| self.failed(error))?.len();
        if size > limits::RAY_PACKAGE {
            let why = format!(
                "the package of the snapshot has {}, and Ray takes at most {}; leave out what is not needed by .amlignore",
                crate::text::size(size),
                crate::text::size(limits::RAY_PACKAGE)
            );
            return Err(Error::Refused { host: self.host(), why });
        }
        file.rewind().map_err(|error| self.failed(error))?;
        let put = self.ask(Method::PUT, &path, file, limits::RAY_ANSWER)?;
        self.succeeded("uploading the package", put)?;
        Ok(format!("gcs://{name}"))
    }

    /// The name of a package by its content, or by that of what is packed.
    fn name_by(&self, content: &mut impl Read) -> Result<String, Error> {
        let hash = large::hash(content, &mut |_| {}).map_err(|error| self.failed(error))?.oid.to_string();
        Ok(hash.chars().filter(char::is_ascii_hexdigit).take(HASH).collect())
    }

    /// Packs into a file of the scratch folder.
    fn packed<T>(&self, pack: impl FnOnce(File) -> std::io::Result<T>) -> Result<T, Error> {
        let file = tempfile::tempfile_in(self.scratch.path()).map_err(|error| self.failed(error))?;
        pack(file).map_err(|error| self.failed(error))
    }

    /// The line of shell that Ray runs.
    fn entrypoint(&self, spec: &JobSpec) -> String {
        let folder = self.place.folder.as_deref().unwrap_or(FOLDER);
        let words = [package::PROGRAM.0, spec.run.as_str(), folder, &self.own.name].into_iter();
        let words = words.chain(self.place.azml.as_deref());
        let words: Vec<String> = words.map(shell_word).collect();
        format!("exec python3 {}", words.join(" "))
    }
}

impl Engine for RayEngine {
    /// The folder here that takes the place of one.
    fn node(&self) -> &Node {
        &self.node
    }

    fn check(&self, _: &RunConfig, _: &Program) -> Result<(), Error> {
        let answer = self.succeeded("the version", self.get("/api/version", limits::RAY_ANSWER)?)?;
        if answer.json()["ray_version"].is_string() {
            return Ok(());
        }
        Err(Error::Answer { host: self.host(), answer: answer.text.chars().take(200).collect() })
    }

    fn submit(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<Handle, Error> {
        let handle = self.place.of_run(&spec.run, spec.attempt);
        let id = Self::id(spec.run.as_str(), spec.attempt);
        let handle = Handle { id: Some(id.clone()), ..handle };
        if self.job(&handle)?.is_some() {
            return Ok(handle);
        }
        // They come back in its log.
        let large_limit = spec.large_limit.min(limits::RAY_LARGE_OUTPUTS);
        let spec = &JobSpec { large_limit, ..spec.clone() };
        self.node.bring_job(history, spec)?;
        let mut environment = json!({});
        let mut package = self.packed(|file| package::pack(self.scratch.path(), file))?;
        package.rewind().map_err(|error| self.failed(error))?;
        environment["working_dir"] = self.bring(&self.name_by(&mut package)?, || Ok(package))?.into();
        // These two are packed only if the cluster lacks them.
        let mut modules = Vec::new();
        if self.place.azml.is_none() {
            let pack = || self.packed(|file| package::pack_program(&self.own.path, file));
            modules.push(self.bring(self.own.hash(), pack)?);
        }
        let store = self.store(history);
        let large = package::large_files(&store).map_err(|error| self.failed(error))?;
        if !large.is_empty() {
            // Their names are the hashes of their contents.
            let names = large.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n");
            let pack = || self.packed(|file| package::pack_large(&store, &large, file));
            modules.push(self.bring(&self.name_by(&mut names.as_bytes())?, pack)?);
        }
        if !modules.is_empty() {
            environment["py_modules"] = modules.into();
        }
        let resources = &spec.config.compute.resources;
        let gpus = resources.gpus.as_deref().and_then(|gpus| gpus.rsplit(':').next()?.parse::<u32>().ok());
        let body = json!({
            "submission_id": id,
            "entrypoint": self.entrypoint(spec),
            "runtime_env": environment,
            "metadata": {"azml_run": spec.run.as_str(), "azml_commit": spec.commit.to_string()},
            "entrypoint_num_cpus": resources.cpus,
            "entrypoint_num_gpus": gpus,
            "entrypoint_memory": resources.memory,
        });
        let answer = self.ask(Method::POST, "/api/jobs/", body.to_string(), limits::RAY_ANSWER)?;
        // Another submit may have been faster.
        if !answer.status.is_success() && answer.text.contains("already exists") {
            return Ok(handle);
        }
        self.succeeded("submitting the job", answer)?;
        Ok(handle)
    }

    fn states(&self, handles: &[Handle]) -> Result<Vec<State>, Error> {
        let states = handles.iter().map(|handle| self.job(handle).map(state_of)).collect();
        Node::or_unreachable(states, handles.len())
    }

    fn output(&self, handle: &Handle, from: u64) -> Result<Vec<u8>, Error> {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            // Asked first: what ends in between has written all of its log.
            let state = self.state(handle)?;
            let is_over = !matches!(state, State::Queued { .. } | State::Running { .. });
            let text = self.log(handle)?;
            let output = match Log::of(&text).output {
                Some(output) => output,
                // It never came to azml: all that there is are Ray's words.
                None if is_over => &text,
                None => "",
            };
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(output.len());
            let bytes = &output.as_bytes()[from..];
            if !bytes.is_empty() || is_over || begun.elapsed() >= limits::NODE_LOG_WAIT {
                return Ok(bytes.to_vec());
            }
            // All of the log is sent each time: a long one is asked for less often.
            sleep(limits::RAY_LOOK.max(asked.elapsed() * limits::RAY_LOOK_SHARE));
        }
    }

    fn takes_large(&self) -> u64 {
        limits::RAY_PACKAGE
    }

    /// Ray says `FAILED` of a driver that died of the signal before the stop was noted.
    fn tells_cancel(&self) -> bool {
        false
    }

    fn cancel(&self, handles: &[Handle]) -> Result<(), Error> {
        for handle in handles {
            let path = format!("{}/stop", Self::path(handle));
            let answer = self.ask(Method::POST, &path, "", limits::RAY_ANSWER)?;
            if answer.status != StatusCode::NOT_FOUND {
                self.succeeded("stopping the job", answer)?;
            }
        }
        Ok(())
    }

    fn results(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<BTreeSet<RunId>, Error> {
        let mut found = BTreeSet::new();
        for handle in handles {
            found.extend(self.results_of(history, handle)?);
        }
        Ok(found)
    }

    fn prune(&self, _: PruneRequest) -> Result<Pruned, Error> {
        let folder = self.place.folder.as_deref().unwrap_or(FOLDER);
        let why = format!(
            "Ray's API runs jobs and nothing beside them: azml's files are in {folder} of its computers, and those of runs that are over \
             may be removed there"
        );
        Err(Error::Refused { host: self.host(), why })
    }

    fn forget(&self, _: &HistoryRepo, _: &[Handle]) -> Result<(), Error> {
        // Ray keeps the job for whoever looks at its dashboard.
        Ok(())
    }
}

impl RayEngine {
    /// Fetches what a run has left in its log.
    fn results_of(&self, history: &HistoryRepo, handle: &Handle) -> Result<BTreeSet<RunId>, Error> {
        let text = self.log(handle)?;
        let path = self.store(history);
        let store = HistoryRepo::store(&path, &self.root(history), *history.id())?;
        if !Log::of(&text).unpack(store.path()).map_err(|error| self.failed(error))? {
            return Ok(BTreeSet::new());
        }
        // What the results have in common with the snapshot was not sent back.
        let objects = history.path().join("objects");
        let alternates = format!("{}\n", objects.display());
        std::fs::create_dir_all(path.join("objects/info"))
            .and_then(|()| std::fs::write(path.join("objects/info/alternates"), alternates))
            .map_err(|error| self.failed(error))?;
        self.node.fetch(history, std::slice::from_ref(handle))
    }

    /// The project's store in the scratch folder.
    fn store(&self, history: &HistoryRepo) -> std::path::PathBuf {
        self.scratch.path().join("store").join(format!("{}.git", history.id()))
    }

    /// The folder that takes the place of the project's in the scratch folder.
    fn root(&self, history: &HistoryRepo) -> std::path::PathBuf {
        let root = self.scratch.path().join("projects").join(history.id().to_string());
        drop(std::fs::create_dir_all(&root));
        root
    }
}

/// The state of a job as Ray has it; `None` if it does not know it.
fn state_of(job: Option<Value>) -> State {
    let Some(job) = job else { return State::Unknown };
    let text = |key: &str| job[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let exit = job["driver_exit_code"].as_i64().and_then(|code| i32::try_from(code).ok());
    let message = || text("message").map(|text| text.lines().next().unwrap_or_default().to_owned());
    match job["status"].as_str().unwrap_or_default() {
        "PENDING" => State::Queued { reason: message() },
        "RUNNING" => {
            State::Running { node: job["driver_info"]["node_ip_address"].as_str().map(str::to_owned) }
        }
        "SUCCEEDED" => State::Ended { exit: exit.or(Some(0)), why: None },
        "STOPPED" => State::Ended { exit, why: Some(CANCELED.to_owned()) },
        state => {
            let why = text("error_type").or_else(message).unwrap_or_else(|| state.to_owned());
            State::Ended { exit, why: Some(why) }
        }
    }
}
