//! The part of a record that names the run to its engine.

use azml_core::id::RunId;
use azml_core::run::RunRecord;
use serde::{Deserialize, Serialize};

/// The record's key.
const KEY: &str = "engine";

/// Names a run to its engine, on any computer. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// The kind of engine: `ssh`, `slurm` ...
    pub kind: String,
    /// The host by which the engine is reached, as `[USER@]NAME[:PORT]`; empty for this computer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The run's id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The name that the engine gave it, where that is another; `None` also if it is not known whether the run was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The task of an array that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<Task>,
    /// The attempt, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// The path of azml on the node, where azml did not bring it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azml: Option<String>,
    /// The folder of azml's files on the node, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The computer that it runs on, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The reason why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// True if it was asked to end while it waited, and the engine may start it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_asked: bool,
    /// When the engine was last reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_utc: Option<String>,
}

/// A task of an array.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Task {
    /// The array's name.
    pub name: String,
    /// The task's index.
    pub index: u64,
}

impl Handle {
    /// Returns whether two runs are reached in the same way.
    pub fn is_beside(&self, other: &Self) -> bool {
        let way = |handle: &Self| {
            (handle.kind.clone(), handle.host.clone(), handle.azml.clone(), handle.folder.clone())
        };
        way(self) == way(other)
    }

    /// The run's id; `None` if it is none.
    pub fn run_id(&self) -> Option<RunId> {
        RunId::parse(&self.run).ok()
    }

    /// A place for runs.
    pub fn new(kind: &str, host: String) -> Self {
        Self { kind: kind.to_owned(), host, attempt: 1, ..Self::default() }
    }

    /// The same with azml at a path and its files in a folder.
    #[must_use]
    pub fn at(self, azml: Option<String>, folder: Option<String>) -> Self {
        Self { azml, folder, ..self }
    }

    /// The same for a run.
    #[must_use]
    pub fn of_run(&self, run: &RunId, attempt: u32) -> Self {
        Self { run: run.to_string(), attempt, ..self.clone() }
    }

    /// Its engine, for people.
    pub fn place(&self) -> &str {
        if self.host.is_empty() { "this computer" } else { &self.host }
    }

    /// Reads it from a record; `None` for a run of an azml's own.
    pub fn of(record: &RunRecord) -> Option<Self> {
        serde_json::from_value(record.extra.get(KEY)?.clone()).ok()
    }

    /// Returns whether a run was given to an engine.
    pub fn is_in(record: &RunRecord) -> bool {
        record.extra.contains_key(KEY)
    }

    /// Writes it into a record.
    pub fn put(&self, record: &mut RunRecord) {
        if let Ok(value) = serde_json::to_value(self) {
            record.extra.insert(KEY.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use azml_core::id::ProjectId;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_record_keeps_it() {
        let id = RunId::new("iris", 5).unwrap();
        let mut record =
            RunRecord::new(id.clone(), &ProjectId::from_random([7; 16]), "train.py", Timestamp::UNIX_EPOCH);
        assert!(Handle::of(&record).is_none() && !Handle::is_in(&record));
        let handle = Handle::new("ssh", "me@box:2222".to_owned()).of_run(&id, 2);
        handle.put(&mut record);
        let stored = RunRecord::from_stored(&record.to_stored()).unwrap();
        assert_eq!(Handle::of(&stored), Some(handle));
        let text = String::from_utf8(record.to_stored()).unwrap();
        assert!(text.contains(r#""run": "iris_5""#) && !text.contains("azml\": null"), "{text}");
    }
}
