//! The snapshots of a history: listed, named and tagged.
//!
//! A name is what people type for a snapshot ([`resolve`]): a commit id or its beginning, `HEAD`, a run, a tag or a time, each
//! maybe followed by `~2` or `^`. Knows what is here alone; whoever has a remote asks it where this does not suffice.

mod log;
mod name;
mod tag;
#[cfg(test)]
mod tests;
mod time;

pub use log::{Logged, log};
pub use name::{Candidate, Named, resolve};
pub use tag::{check_tag, set_tag, tags};
pub use time::Clock;

use gix::ObjectId;

use crate::{history, run};

/// Why a name is no snapshot's, or can't be given to one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is called so.
    #[error("there is no snapshot `{given}`")]
    Unknown {
        /// The name.
        given: String,
    },
    /// Several snapshots begin with it.
    #[error("`{given}` could be any of {} snapshots", candidates.len())]
    Ambiguous {
        /// The name.
        given: String,
        /// All of them, newest first.
        candidates: Vec<Candidate>,
    },
    /// It is the beginning of an id, and too short.
    #[error(
        "`{given}` is too short for the beginning of a commit id: it takes {} digits",
        crate::limits::ID_DIGITS
    )]
    TooShort {
        /// The name.
        given: String,
    },
    /// An id of something else.
    #[error("{id} is no snapshot")]
    NotASnapshot {
        /// The id.
        id: ObjectId,
    },
    /// A run whose record names no snapshot.
    #[error("run {run} has no snapshot")]
    RunWithout {
        /// The run.
        run: crate::id::RunId,
    },
    /// The history begins later.
    #[error("`{given}` is before the first snapshot, {} (the history that is here has {ancestors} before `{base}`)", first.to_hex_with_len(10))]
    BeforeFirst {
        /// The name.
        given: String,
        /// The name without `~` and `^`.
        base: String,
        /// The snapshots that are before that.
        ancestors: usize,
        /// The first snapshot that is here.
        first: ObjectId,
    },
    /// No snapshot is as old as the time that was named.
    #[error("no snapshot is as old as `{given}`; the first one is {}", first.to_hex_with_len(10))]
    TooOld {
        /// The name.
        given: String,
        /// The first snapshot that is here.
        first: ObjectId,
    },
    /// There is no snapshot at all.
    #[error("the project has no snapshot yet")]
    Empty,
    /// A tag's name that Git refuses, or that means something else.
    #[error("`{name}` can't be a snapshot's tag: {why}")]
    TagName {
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A snapshot has the tag already.
    #[error("the tag `{name}` is there already, on snapshot {}", of.to_hex_with_len(10))]
    TagTaken {
        /// The name.
        name: String,
        /// The snapshot that has it.
        of: ObjectId,
    },
    /// The history can't be read.
    #[error("can't read the history")]
    Walk(#[source] gix::Error),
    /// The history repository fails.
    #[error("can't use the run history")]
    History(#[from] history::Error),
    /// A run record can't be read.
    #[error("can't read the run records")]
    Runs(#[from] run::Error),
}
