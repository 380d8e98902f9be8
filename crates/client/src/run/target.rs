//! Targets: the interface of the machines on which scripts run.
//!
//! A target is handed the snapshot's ids, not a folder: one that is another machine fetches the snapshot from
//! the project's remote, this machine ([`super::local`]) has it in the history repository.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::checkout;
use azml_core::id::RunId;
use azml_core::large::Tree;
use gix::ObjectId;
use gix::bstr::BString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address_mask::AddressMask;
use super::environment;
use super::kept::Collected;
use super::outputs::Outputs;
use super::process::Ended;
use super::signals::Cancel;
use super::streams::Watch;

/// The program of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A script of the project, run by the interpreter that its name asks for.
    Script {
        /// The script, relative to the project folder.
        path: String,
        arguments: Vec<String>,
    },
    /// Words that are executed as they are; the first one is found on the PATH, or in the run's folder if it has a `/`.
    Command {
        /// The words; there is at least one.
        words: Vec<String>,
        /// The name that records have of it: the script among the words, or else the first word.
        name: String,
        /// The number of words before the arguments.
        before: usize,
    },
    /// A module of Python, run by the environment's interpreter.
    Module {
        /// The module.
        name: String,
        arguments: Vec<String>,
    },
    /// A notebook, executed by what the environment has for that.
    Notebook {
        /// The notebook, relative to the project folder.
        path: String,
        /// Its parameters as arguments.
        arguments: Vec<String>,
    },
}

impl Program {
    /// The name that records and snapshots have of it.
    pub fn name(&self) -> &str {
        match self {
            Self::Script { path: name, .. }
            | Self::Command { name, .. }
            | Self::Module { name, .. }
            | Self::Notebook { path: name, .. } => name,
        }
    }

    /// The arguments as they were given.
    pub fn arguments(&self) -> &[String] {
        match self {
            Self::Script { arguments, .. }
            | Self::Module { arguments, .. }
            | Self::Notebook { arguments, .. } => arguments,
            Self::Command { words, before, .. } => &words[*before..],
        }
    }
}

/// A run's program with everything that a target needs to run it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The run.
    pub run_id: RunId,
    /// The snapshot.
    pub commit: ObjectId,
    pub tree: Tree,
    /// Files of the project folder that the snapshot left out and the script may want.
    pub left_out: BTreeSet<BString>,
    /// The files of the run's folder that are collected.
    pub outputs: Outputs,
    pub program: Program,
    /// Variables on top of what the target has.
    pub environment: BTreeMap<OsString, OsString>,
    /// True if the program reads azml's standard input; otherwise it has none.
    pub reads_stdin: bool,
    /// Commands for the shell that come before the script, in its folder.
    pub prepare: Vec<String>,
    /// The file with the output of those.
    pub prepare_log: PathBuf,
    /// The file with the script's output.
    pub driver_log: PathBuf,
    /// The address that is masked in all output.
    pub address: Option<AddressMask>,
}

/// Why a target can't run a job.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No program to run the script with.
    #[error("cannot run {script}: there is no program `{program}` on the PATH")]
    NoProgram {
        script: String,
        /// The program that was looked for.
        program: String,
    },
    /// No program of this name.
    #[error("there is no program `{name}` on the PATH, and no such file in the project")]
    NoCommand { name: String },
    /// A file that may not be executed.
    #[error("cannot run {file}: it is not executable")]
    NotExecutable { file: String },
    /// Nothing to execute a notebook with.
    #[error("cannot run {notebook}: {} has neither papermill nor nbconvert", python.display())]
    NoNotebookTool {
        notebook: String,
        /// The interpreter that was asked.
        python: PathBuf,
    },
    /// Arguments for a notebook that is executed by nbconvert.
    #[error("cannot give arguments to {notebook}: nbconvert, which would execute it, takes no parameters")]
    NotebookParameters { notebook: String },
    /// The snapshot does not have the script.
    #[error("the snapshot has no file {script}")]
    NoScript { script: String },
    /// The run's folder can't be made.
    #[error("cannot make the run's folder {}", folder.display())]
    Checkout {
        folder: PathBuf,
        /// Why.
        #[source]
        source: checkout::Error,
    },
    /// A command that comes before the script failed.
    #[error("`{command}`, which PrepareEnvironment asks for, {how}")]
    Prepare {
        command: String,
        /// Its end.
        how: String,
    },
    /// The environment can't be made.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// No program that runs containers.
    #[error("there is no program {names} on the PATH, which the target's containers need")]
    NoRuntime { names: String },
    /// A command of docker's or podman's failed.
    #[error("`{what}` failed: {said}")]
    Runtime {
        /// The command, in short.
        what: String,
        said: String,
    },
    /// An image can't be had.
    #[error("{runtime} has no image `{image}`, and can't pull it")]
    Image { image: String, runtime: String },
    /// A path or word that no container can be given.
    #[error("a container can't be given `{what}`: it has a `:`, a `,` or is not UTF-8")]
    NotText { what: String },
    /// A program that the target's containers can't run.
    #[error("notebooks can't be run in a container")]
    NotebookInContainer,
    /// The script can't be started.
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl TargetError {
    /// Makes an error of a failed file operation.
    pub fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}

/// A machine on which scripts run.
pub trait Target {
    /// Refuses a program that can't be run, before anything is done; `is_prepared`: commands come before the script. Gives
    /// the words that will be executed, where they are more than the script and its arguments.
    fn check(&self, program: &Program, is_prepared: bool) -> Result<Option<Vec<String>>, TargetError>;

    /// Makes ready: the run's folder with the snapshot's files.
    fn prepare(&mut self, job: &Job) -> Result<(), TargetError>;

    /// Runs the script to its end.
    fn execute(&mut self, job: &Job, watch: &Arc<dyn Watch>, cancel: &Cancel) -> Result<Ended, TargetError>;

    /// The place where the script ran, with the key under which the run's record shows it.
    fn about(&self) -> Option<(&'static str, Value)> {
        None
    }

    /// Brings the outputs into the folder `into`, and keeps what else the script wrote.
    fn collect(&mut self, into: &Path, now: Timestamp) -> Result<Collected, TargetError>;
}
