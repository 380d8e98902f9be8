//! Tells which run a record is about, when two computers gave two runs one id.
//!
//! An id is a project and a millisecond, and a millisecond can be had twice: by computers that do not hear of each
//! other before both have begun. What tells such runs apart never changes in a run's life ([`Origin`]): when it was
//! submitted to the microsecond, where, by whom, and its snapshot. The smallest origin keeps the id; every other run is kept
//! under an id of its own that follows from its origin alone, and says in a property what it was submitted as.
//! So everybody who merges, in whatever order, ends with the same records, and no run is lost.

use gix::ObjectId;
use jiff::Timestamp;
use serde_json::Value;

use super::RunRecord;
use crate::id::RunId;

/// The property of a run that had to give its id to another: the id it was submitted as.
pub const SUBMITTED_AS: &str = "SubmittedAs";

/// Digits of the origin's hash in an id: two runs of one millisecond that agree in them are not to be expected.
const HEX_DIGITS: usize = 12;
/// The bytes of the project's name that stay in such an id, which has its limit.
const NAME_BYTES: usize = 100;

/// The properties that tell two runs of one id apart; ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) created: Timestamp,
    pub(super) host: Option<String>,
    pub(super) user: String,
    pub(super) commit: Option<ObjectId>,
}

impl Origin {
    /// The one that sorts before all others.
    pub(super) fn smallest() -> Self {
        Self { created: Timestamp::MIN, host: None, user: String::new(), commit: None }
    }

    /// The id of a run of this origin whose own, `submitted_as`, another run keeps.
    pub(super) fn moved_id(&self, submitted_as: &RunId) -> RunId {
        let Self { created, host, user, commit } = self;
        let said = format!("{created}\n{host:?}\n{user:?}\n{commit:?}\n");
        let hash = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, said.as_bytes())
            .expect("a short text has a SHA-1")
            .to_hex_with_len(HEX_DIGITS)
            .to_string();
        let project = submitted_as.project();
        let project = &project[..project.floor_char_boundary(NAME_BYTES)];
        RunId::new(&format!("{project}-{hash}"), submitted_as.epoch_ms())
            .expect("a name that an id had, shortened, and hex digits are fit for an id")
    }
}

impl RunRecord {
    /// The id it had when it was submitted: its own, unless another run of that moment has it.
    pub fn submitted_as(&self) -> RunId {
        let said = self.properties.get(SUBMITTED_AS).and_then(Value::as_str);
        said.and_then(|text| RunId::parse(text).ok()).unwrap_or_else(|| self.run_id.clone())
    }

    /// Returns whether both are about one run, which may be kept under another id than it was submitted as.
    pub fn is_same_run(&self, other: &Self) -> bool {
        self.submitted_as() == other.submitted_as() && self.origin() == other.origin()
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            created: self.created_utc,
            host: self.host.clone(),
            user: self.user_id.clone(),
            commit: self.commit_id(),
        }
    }

    /// This record under another id than it was submitted as, which it says then; or under that one again.
    pub(super) fn under(mut self, id: &RunId) -> Self {
        let submitted_as = self.submitted_as();
        if *id == submitted_as {
            self.properties.remove(SUBMITTED_AS);
        } else {
            self.properties.insert(SUBMITTED_AS.to_owned(), submitted_as.as_str().into());
        }
        self.run_id = id.clone();
        self
    }
}
