//! The newest commit of the records, and the totals that it states.
//!
//! Each commit says in trailers how many records there are and what the highest run number is, so that numbering a run
//! reads no other record; a commit without them is counted.

use gix::{ObjectId, Repository, bstr::ByteSlice};

use super::{
    error::Error,
    shard::{self, NewestFirst},
    stored::read_or_stand_in,
};

/// The state of the records that a write starts from.
pub(super) struct Tip {
    pub(super) commit: Option<ObjectId>,
    pub(super) tree: Option<ObjectId>,
    pub(super) totals: Totals,
}

/// The totals that each commit states of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) runs: u64,
    pub(super) last_number: u64,
}

impl Tip {
    /// Returns the totals of `commit`.
    pub(super) fn at(repo: &Repository, commit: Option<ObjectId>) -> Result<Self, Error> {
        let Some(id) = commit else {
            return Ok(Self { commit: None, tree: None, totals: Totals::default() });
        };
        let read = |source| Error::Object { id, source };
        let object = repo.find_commit(id).map_err(read)?;
        let tree = object.tree_id().map_err(read)?.detach();
        shard::load_root(repo, tree)?;
        let totals = match Totals::parse(object.message_raw().map_err(read)?) {
            Some(totals) => totals,
            None => Totals::counted(repo, tree)?,
        };
        Ok(Self { commit, tree: Some(tree), totals })
    }
}

impl Totals {
    /// The message of a commit that has these.
    pub(super) fn message(self, summary: &str) -> String {
        format!("{summary}\n\nRuns: {}\nLast-Run-Number: {}\n", self.runs, self.last_number)
    }

    fn parse(message: &[u8]) -> Option<Self> {
        let number = |key: &str| {
            let line = message.lines().rev().find_map(|line| line.strip_prefix(key.as_bytes()))?;
            line.to_str().ok()?.trim().parse().ok()
        };
        Some(Self { runs: number("Runs: ")?, last_number: number("Last-Run-Number: ")? })
    }

    fn counted(repo: &Repository, tree: ObjectId) -> Result<Self, Error> {
        let mut totals = Self::default();
        for entry in NewestFirst::new(repo, tree)? {
            let (run, blob) = entry?;
            totals.runs += 1;
            totals.last_number = totals.last_number.max(read_or_stand_in(repo, run, blob)?.run_number);
        }
        Ok(totals)
    }
}
