//! Stores of MLflow's runs: a folder of files, a database, a server. A [`Source`] reads one, whatever its kind.
//!
//! The content of a store is foreign: everything that it can make large or long has a bound, and what can't be taken is named
//! ([`Refused`]) and stops nothing else.

pub mod artifacts;
pub mod content;
pub mod files;
pub mod sqlite;
mod text;
pub mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::state::{Model, Point, Run, RunStatus};
use crate::limits::MLFLOW_REFUSED;
use crate::text::clean_line;

/// The tag of a run that names the azml run that it is of.
pub const AZML_RUN: &str = "azml.runId";
/// The tag of a run that azml has exported.
pub const EXPORT: &str = "azml.export";
/// Its value when all of the run is there.
pub const COMPLETE: &str = "complete";

/// The reason why a store can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be read.
    #[error("cannot read {}", azml_core::quote::quoted_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// A file or folder can't be written.
    #[error("cannot write {}", azml_core::quote::quoted_path(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// There is no store of this name.
    #[error("{} is no store of MLflow's: {why}", azml_core::quote::quoted_path(path))]
    NotAStore {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A database can't be read.
    #[error("cannot read the database {}", azml_core::quote::quoted_path(path))]
    Database {
        /// The file.
        path: PathBuf,
        /// The database's words.
        #[source]
        source: rusqlite::Error,
    },
    /// More than a store can have.
    #[error("the store has more than {most} {what}")]
    TooMany {
        /// The things.
        what: &'static str,
        /// Their bound.
        most: usize,
    },
    /// A server refused, or answers what no server of MLflow's does.
    #[error("the tracking server {0}")]
    Server(String),
    /// A server can't be reached.
    #[error("the tracking server can't be reached: {0}")]
    Unreachable(String),
    /// A server does not know who asks.
    #[error("the tracking server does not let you in: {0}")]
    NotAllowed(String),
}

impl Error {
    /// The error and its cause in one line.
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// Returns whether it is about one run alone, so that others can be read.
    pub fn is_of_one_run(&self) -> bool {
        match self {
            Self::Read { .. } => true,
            Self::Server(why) => why.starts_with("answers"),
            _ => false,
        }
    }
}

/// One experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiment {
    /// Its id in the store.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// True if it was deleted, and its runs with it.
    pub is_deleted: bool,
}

/// A run as far as a list of runs tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its id in the store.
    pub id: String,
    /// The place of its experiment among those of the store.
    pub experiment: usize,
    /// When it began, in milliseconds since 1970.
    pub start: i64,
    /// When it ended.
    pub end: Option<i64>,
    /// Its status.
    pub status: RunStatus,
    /// True if it was deleted.
    pub is_deleted: bool,
    /// The azml run that it is of, if it is of one.
    pub azml: Option<String>,
    /// The state of its export, if azml has exported it: [`COMPLETE`], or another.
    pub export: Option<String>,
}

impl Head {
    /// The azml run that it was exported from, if all of it is there.
    pub fn exported(&self) -> Option<&str> {
        self.azml.as_deref().filter(|_| self.export.as_deref() == Some(COMPLETE))
    }
}

/// A run without its points and artifacts.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The run.
    pub run: Run,
    /// The models that it has logged.
    pub models: Vec<Model>,
    /// The address of its artifacts.
    pub artifact_uri: Option<String>,
    /// Those of its models, in their order.
    pub model_uris: Vec<Option<String>>,
}

/// One artifact of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its path below the run's outputs.
    pub path: PathBuf,
    /// Its length, where the store tells it.
    pub bytes: u64,
    /// The folder or address that it is below.
    pub root: String,
    /// Its path there.
    pub name: PathBuf,
}

/// Things that could not be taken, in words for the user: the first of them, and their number.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// The first ones.
    pub named: Vec<String>,
    /// All.
    pub count: usize,
}

impl Refused {
    /// Adds one.
    pub fn push(&mut self, what: &str) {
        if self.named.len() < MLFLOW_REFUSED {
            self.named.push(clean_line(what));
        }
        self.count += 1;
    }
}

/// Takes one point of a metric.
pub type TakePoint<'t> = &'t mut dyn FnMut(&str, Point) -> io::Result<()>;

/// A store that can be read.
pub trait Source {
    /// Its experiments, also deleted ones.
    fn experiments(&mut self, refused: &mut Refused) -> Result<Vec<Experiment>, Error>;

    /// Runs of the wanted experiments, in no particular order.
    fn heads(
        &mut self,
        experiments: &[Experiment],
        wanted: &dyn Fn(&Experiment) -> bool,
        refused: &mut Refused,
    ) -> Result<Vec<Head>, Error>;

    /// The runs of some heads, in their order; none for one that can't be read.
    fn load(&mut self, heads: &[Head], refused: &mut Refused) -> Result<Vec<Option<Stored>>, Error>;

    /// Every point of a run's metrics, metric by metric.
    fn points(
        &mut self,
        head: &Head,
        stored: &Stored,
        take: TakePoint<'_>,
        refused: &mut Refused,
    ) -> Result<(), Error>;

    /// The artifacts of a run and of its models.
    fn artifacts(
        &mut self,
        head: &Head,
        stored: &Stored,
        refused: &mut Refused,
    ) -> Result<Vec<Artifact>, Error>;

    /// Opens an artifact.
    fn open(&mut self, artifact: &Artifact) -> io::Result<Box<dyn io::Read>>;
}

/// The path of a logged model's files below a run's outputs.
pub fn model_folder(name: &str, id: &str) -> PathBuf {
    let is_plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    PathBuf::from("models").join(if is_plain { name } else { id })
}

/// The status that a store's text means.
pub fn status_of(text: &str) -> RunStatus {
    match text {
        "SCHEDULED" | "2" => RunStatus::Scheduled,
        "FINISHED" | "3" => RunStatus::Finished,
        "FAILED" | "4" => RunStatus::Failed,
        "KILLED" | "5" => RunStatus::Killed,
        _ => RunStatus::Running,
    }
}
