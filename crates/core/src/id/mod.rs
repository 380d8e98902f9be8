//! Identifiers: what names a project, a run, a snapshot.
//!
//! Each is a type of its own that converts into no other, and is checked where it enters: an id in
//! hand is one that may be written into a ref name, a file name or a path.
//!
//! ```compile_fail
//! use azml_core::id::{ProjectId, RunId};
//! fn wants_a_run(_: &RunId) {}
//! let project: ProjectId = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
//! wants_a_run(&project);
//! ```

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Names a snapshot: the id of its Git commit.
pub type CommitId = gix::ObjectId;

/// An identifier that can't be what it was given as.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Error {
    /// Not a GUID in lower or upper case with dashes.
    #[error("`{text}` is not a project id (a GUID such as 0a1b2c3d-0000-4000-8000-000000000001)")]
    NotAProjectId {
        /// The text given, made fit to print.
        text: String,
    },
    /// Not `<project>_<milliseconds since 1970>`.
    #[error("`{text}` is not a run id (<project>_<milliseconds since 1970>)")]
    NotARunId {
        /// The text given, made fit to print.
        text: String,
    },
}

/// Names a project for good: a GUID, printed in lower case with dashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectId(Uuid);

impl ProjectId {
    /// The id of these 16 random bytes, as a version 4 GUID.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl From<Uuid> for ProjectId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for ProjectId {
    type Err = Error;

    /// Takes the dashed form alone, in either case: what stands in a ref name has one spelling.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() == 36
            && let Ok(uuid) = Uuid::try_parse(text)
        {
            return Ok(Self(uuid));
        }
        Err(Error::NotAProjectId { text: printable(text) })
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProjectId({self})")
    }
}

/// Names a run: `<project>_<milliseconds since 1970>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    text: String,
    epoch_ms: u64,
}

/// The latest millisecond that 13 digits can say (the year 2286): run records are sharded by them.
const LAST_MS: u64 = 9_999_999_999_999;

impl RunId {
    /// The id of the run that `project` starts at `epoch_ms`.
    pub fn new(project: &str, epoch_ms: u64) -> Result<Self, Error> {
        Self::parse(&format!("{project}_{epoch_ms}"))
    }

    /// Reads an id; a text that could not be a file name is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = || Error::NotARunId { text: printable(text) };
        let (name, digits) = text.rsplit_once('_').ok_or_else(refuse)?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        if name.is_empty()
            || name.starts_with(['.', '-', ' '])
            || name.contains("..")
            || name.len() > 128
            || !name.chars().all(plain)
        {
            return Err(refuse());
        }
        let canonical = digits == "0" || !digits.starts_with('0');
        if digits.is_empty() || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let epoch_ms = digits.parse().ok().filter(|ms| *ms <= LAST_MS).ok_or_else(refuse)?;
        Ok(Self { text: text.to_owned(), epoch_ms })
    }

    /// When the run was made, in milliseconds since 1970.
    pub fn epoch_ms(&self) -> u64 {
        self.epoch_ms
    }

    /// The project's name as it was when the run was made.
    pub fn project(&self) -> &str {
        self.text.rsplit_once('_').map_or("", |(name, _)| name)
    }

    /// The id as it is written everywhere.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}
serde_as_text!(ProjectId);
serde_as_text!(RunId);

/// Foreign text made fit for an error message: no control bytes, not endless.
fn printable(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_project_id_is_a_dashed_guid_and_prints_in_lower_case() {
        let id: ProjectId = "0A1B2C3D-0000-4000-8000-000000000001".parse().unwrap();
        assert_eq!(id.to_string(), "0a1b2c3d-0000-4000-8000-000000000001");
        for bad in ["", "0a1b2c3d000040008000000000000001", "{0a1b2c3d-0000-4000-8000-000000000001}", "../x"]
        {
            assert!(bad.parse::<ProjectId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_run_id_keeps_its_project_and_its_time() {
        let id = RunId::new("my_iris", 1_511_000_000_123).unwrap();
        assert_eq!(id.as_str(), "my_iris_1511000000123");
        assert_eq!((id.project(), id.epoch_ms()), ("my_iris", 1_511_000_000_123));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"my_iris_1511000000123\"");
        assert_eq!(serde_json::from_str::<RunId>("\"my_iris_1511000000123\"").unwrap(), id);
    }

    #[test]
    fn a_run_id_that_could_leave_its_folder_is_refused() {
        for bad in [
            "",
            "_1",
            "iris",
            "iris_",
            "iris_-1",
            "iris_01",
            "../x_1",
            "a/b_1",
            "a\\b_1",
            "a\n_1",
            "-o_1",
            "iris_99999999999999",
        ] {
            assert!(RunId::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn run_ids_round_trip(name in "[A-Za-z0-9][A-Za-z0-9_-]{0,20}", ms in 0..=LAST_MS) {
            let id = RunId::new(&name, ms).unwrap();
            prop_assert_eq!(RunId::parse(id.as_str()).unwrap(), id.clone());
            prop_assert_eq!(id.project(), name);
        }
    }
}
