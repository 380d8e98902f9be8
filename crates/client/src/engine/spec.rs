//! The job that a node is given: everything about a run that does not follow from its snapshot.
//!
//! JSON of one version; an unknown newer one is refused. It has the program's arguments and variables as they were given, so
//! that secrets may be in it: on the node it is a file that only the user can read, and it never stands in a command line.

use std::collections::BTreeMap;

use azml_core::id::RunId;
use azml_core::project::ProjectFile;
use azml_core::run::RunRecord;
use gix::ObjectId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::config::RunConfig;
use crate::run::target::Program;

/// The version that this azml writes and reads.
pub const VERSION: u32 = 1;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The version of this form.
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The attempt at it, from 1: a higher one takes the place of a lower one.
    pub attempt: u32,
    /// The project.
    pub project: ProjectFile,
    /// The snapshot's commit.
    #[serde(with = "hex")]
    pub commit: ObjectId,
    /// The snapshot's tree: what the node promises to run.
    #[serde(with = "hex")]
    pub tree: ObjectId,
    /// The run's record as the history has it.
    pub record: Value,
    /// The program, with its arguments as they were given.
    pub program: Program,
    /// The run configuration, with its variables.
    pub config: RunConfig,
    /// The most bytes of outputs and logs that come back.
    pub attachments_limit: u64,
    /// The most bytes of outputs beyond that which come back as large files.
    #[serde(default)]
    pub large_limit: u64,
    /// Seconds between two signs of life.
    pub heartbeat: u64,
    /// True if the engine may start it again.
    #[serde(default)]
    pub may_start_again: bool,
    /// Files that the snapshot left out, for whoever misses them.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Jobs that an engine runs as one, its array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArraySpec {
    /// The version of this form.
    pub version: u32,
    /// The array's name, which no other has: also that of its job, and of a folder on the node.
    pub name: String,
    /// The jobs by their indexes.
    pub members: BTreeMap<u64, JobSpec>,
}

/// Why a job can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// It is no job.
    #[error("this is no job of azml's")]
    Malformed(#[source] serde_json::Error),
    /// A newer azml has made it.
    #[error("the job has version {version}, and this azml knows version {VERSION}: a newer azml made it")]
    Newer {
        /// Its version.
        version: u32,
    },
}

/// Reads what has a version.
fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, SpecError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(SpecError::Malformed)?;
    if version > VERSION {
        return Err(SpecError::Newer { version });
    }
    serde_json::from_slice(bytes).map_err(SpecError::Malformed)
}

impl ArraySpec {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        parse(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text keys and JSON values are always JSON")
    }
}

impl JobSpec {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        parse(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("text keys and JSON values are always JSON")
    }

    /// The run's record.
    pub fn record(&self) -> Option<RunRecord> {
        RunRecord::from_stored(self.record.to_string().as_bytes()).ok()
    }
}

/// Object ids as text.
mod hex {
    use gix::ObjectId;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let text = String::deserialize(deserializer)?;
        ObjectId::from_hex(text.as_bytes()).map_err(de::Error::custom)
    }
}
