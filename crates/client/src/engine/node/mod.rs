//! A node as seen from here: a host on which azml's own commands (`azml node …`) are run.
//!
//! It gets azml itself, if it lacks it, the snapshot by a push into its store of the project, and the job after it ([`git`]). It
//! gives a state, a piece of the log, and the run's refs by a fetch.

mod git;
mod large;

use std::fmt;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use git_wire::client::TransportError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::program::{self, Own};
use super::prune::{PruneRequest, Pruned};
use super::{ArraySpec, Error, Handle, JobSpec, State, shell};
use crate::context::Context;
use crate::env::AZML_NODE_DIR;
use crate::error::CommandError;
use crate::notices::Notices;
use crate::run::config::RunConfig;
use crate::run::target::Program;
use crate::text::shell_word;
use crate::transport::host::{Answer, Host};

/// The folder of azml's files on a node, as its shell writes it.
const FOLDER: &str = "$HOME/.azml";

/// A question that `azml node check` answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    pub config: RunConfig,
    pub program: Program,
}

/// The answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The version of the jobs that it reads.
    pub spec: u32,
    /// The reason why the program can't run.
    pub refused: Option<String>,
}

/// The state of a job on its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobState {
    /// The run.
    pub run: String,
    /// True if the node has the job.
    pub is_known: bool,
    /// True if `azml node run` was started.
    pub is_started: bool,
    /// True if `azml node run` goes on.
    pub goes_on: bool,
    /// The computer that it was started on.
    pub node: Option<String>,
    /// The exit code of `azml node run`, once it has ended.
    pub exit: Option<i32>,
    /// True if somebody has asked for its end.
    #[serde(default)]
    pub is_cancel_asked: bool,
    /// True if its engine may start it again.
    #[serde(default)]
    pub may_start_again: bool,
}

/// A host with azml on it.
#[derive(Clone)]
pub struct Node {
    host: Host,
    kind: String,
    address: String,
    /// The path of azml there, as a word of shell.
    azml: String,
    /// azml's own program, if it is to be brought there.
    own: Option<Own>,
    /// The folder of azml's files there, as a word of shell.
    folder: String,
    given: (Option<String>, Option<String>),
    /// Shows the progress of what takes long.
    notices: Arc<dyn Notices>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("host", &self.host).field("azml", &self.azml).finish_non_exhaustive()
    }
}

impl Node {
    /// The node that a handle names.
    pub fn of(ctx: &Context, handle: &Handle) -> Result<Self, CommandError> {
        let host = if handle.host.is_empty() { Host::Here } else { ctx.host(&handle.host)? };
        let folder = handle.folder.as_deref().map_or_else(|| format!("\"{FOLDER}\""), shell_word_home);
        let mut own = None;
        let azml = match (&handle.azml, &host) {
            (Some(path), _) => shell_word_home(path),
            (None, Host::Here) => {
                let path = std::env::current_exe().map_err(Error::Own)?;
                shell_word(&path.display().to_string())
            }
            (None, Host::Ssh { .. }) => {
                let found = Own::find(&ctx.env.state_dir())?;
                format!("{folder}/bin/{}", own.insert(found).name)
            }
        };
        Ok(Self {
            host,
            kind: handle.kind.clone(),
            address: handle.host.clone(),
            azml,
            own,
            folder,
            given: (handle.azml.clone(), handle.folder.clone()),
            notices: Arc::clone(&ctx.notices),
        })
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        self.host.name().to_owned()
    }

    /// The folder of azml's files there, as a word of shell.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// A line of shell that runs `azml node WORDS` there, for engines that start it themselves.
    pub fn line(&self, words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
        format!("env {AZML_NODE_DIR}={} {} node {}", self.folder, self.azml, words.join(" "))
    }

    /// The handle of a run there.
    pub fn handle(&self, spec: &JobSpec) -> Handle {
        let (azml, folder) = self.given.clone();
        let place = Handle::new(&self.kind, self.address.clone()).at(azml, folder);
        place.of_run(&spec.run, spec.attempt)
    }

    /// Runs a line of shell there that may start azml, which is brought there again if it is gone. A command that fails is an error in
    /// its own words.
    pub fn shell(&self, what: &str, line: &str, input: &[u8]) -> Result<Answer, Error> {
        let run = || shell::run(&self.host, what, line, &mut Cursor::new(input.to_vec()));
        match run() {
            Err(error) if program::is_missing(&error) && self.bring_again()? => run(),
            answer => answer,
        }
    }

    /// Brings azml there if it is to be brought there and is not there; returns whether it was.
    fn bring_again(&self) -> Result<bool, Error> {
        let Some(own) = &self.own else { return Ok(false) };
        let there = format!("test -x {} && echo there || echo missing", self.azml);
        let answer = shell::run(&self.host, "test", &there, &mut Cursor::new(Vec::new()))?;
        if answer.out.trim_ascii() == b"there" {
            return Ok(false);
        }
        own.bring(&self.host, &self.azml)?;
        Ok(true)
    }

    fn unreachable(&self, source: TransportError) -> Error {
        shell::unreachable(&self.host, source)
    }

    /// Runs `azml node WORDS` there; gives the bytes that it prints.
    fn azml(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        let what = format!("azml node {}", words[0]);
        Ok(self.shell(&what, &self.line(words), input)?.out)
    }

    fn json<T: DeserializeOwned>(&self, words: &[&str], input: &[u8]) -> Result<T, Error> {
        self.parse(&self.azml(words, input)?)
    }

    fn parse<T: DeserializeOwned>(&self, out: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(out).map_err(|_| {
            let answer: String = String::from_utf8_lossy(out).chars().take(200).collect();
            Error::Answer { host: self.name(), answer: answer.trim().to_owned() }
        })
    }

    /// Brings azml there, if it is not there yet, and asks whether it can run a program.
    pub fn check(&self, config: &RunConfig, wanted: &Program) -> Result<(), Error> {
        let question = Question { config: config.clone(), program: wanted.clone() };
        let question = serde_json::to_vec(&question).expect("text keys and JSON values are always JSON");
        let checked: Checked = self.json(&["check"], &question)?;
        let refused = |why: String| Error::Refused { host: self.name(), why };
        if checked.spec != super::spec::VERSION {
            return Err(refused(format!(
                "its azml, {}, reads jobs of version {}, and this azml writes version {}: one of them is to be updated",
                self.azml,
                checked.spec,
                super::spec::VERSION
            )));
        }
        checked.refused.map_or(Ok(()), |why| Err(refused(why)))
    }

    /// A node in a folder of this computer.
    pub fn in_folder(ctx: &Context, folder: &Path) -> Result<Self, CommandError> {
        let place = Handle::new("process", String::new());
        Self::of(ctx, &place.at(None, Some(folder.display().to_string())))
    }

    /// Brings the snapshot and the job there. Nothing is started.
    pub fn bring_job(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<JobState, Error> {
        self.hand_over(history, spec.commit, &[&spec.run], ("put", &spec.to_bytes()))
    }

    /// Brings the snapshot and the job there, and starts it as a process of the node's own, unless it was started before.
    pub fn start_job(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<JobState, Error> {
        self.hand_over(history, spec.commit, &[&spec.run], ("start", &spec.to_bytes()))
    }

    /// Brings the snapshot and the jobs of an array there, which have one snapshot.
    pub fn bring_array(&self, history: &HistoryRepo, array: &ArraySpec) -> Result<Vec<JobState>, Error> {
        let Some(first) = array.members.values().next() else { return Ok(Vec::new()) };
        let runs: Vec<&RunId> = array.members.values().map(|spec| &spec.run).collect();
        self.hand_over(history, first.commit, &runs, ("put-array", &array.to_bytes()))
    }

    /// The states of jobs there, in their order.
    pub fn states(&self, handles: &[Handle]) -> Result<Vec<JobState>, Error> {
        self.json(&["state"], lines(handles).as_bytes())
    }

    /// Bytes of the job's log, after a short wait if there are none yet.
    pub fn output(&self, run: &str, from: u64) -> Result<Vec<u8>, Error> {
        self.azml(&["output", run, &from.to_string()], &[])
    }

    /// Asks for the end of jobs.
    pub fn cancel(&self, handles: &[Handle]) -> Result<(), Error> {
        self.azml(&["cancel"], lines(handles).as_bytes()).map(drop)
    }

    /// Removes jobs.
    pub fn forget(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<(), Error> {
        self.azml(&["forget", &history.id().to_string()], lines(handles).as_bytes()).map(drop)
    }

    /// Removes from there what no run needs.
    pub fn prune(&self, request: PruneRequest) -> Result<Pruned, Error> {
        let request = serde_json::to_vec(&request).expect("numbers are always JSON");
        self.json(&["prune"], &request)
    }

    /// Takes no answer for the state of so many runs: they may go on.
    pub fn or_unreachable(answer: Result<Vec<State>, Error>, runs: usize) -> Result<Vec<State>, Error> {
        match answer {
            Err(error @ Error::Unreachable { .. }) => {
                let why = CommandError::from(error).chain().join(": ");
                Ok(vec![State::Unreachable { why }; runs])
            }
            answer => answer,
        }
    }
}

/// The ids of runs, a line each, as a node's azml reads them.
pub fn lines(handles: &[Handle]) -> String {
    let mut all = String::new();
    for handle in handles {
        all.push_str(handle.run.as_str());
        all.push('\n');
    }
    all
}

/// A path as a word of shell, in which `~/` is the home folder.
fn shell_word_home(path: &str) -> String {
    match path.strip_prefix("~/") {
        Some(rest) => format!("\"$HOME\"/{}", shell_word(rest)),
        None => shell_word(path),
    }
}
