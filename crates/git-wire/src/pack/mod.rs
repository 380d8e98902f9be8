//! Packs: which objects go in, how they are written, and how received ones are taken in.
//!
//! The same builder serves fetches and pushes: [`count()`] finds what the receiver lacks, [`write()`] streams it,
//! copying entries as they lie compressed in stored packs. [`ingest()`] is the other direction: a pack is received
//! into a quarantine, indexed, checked, and seen by nobody until [`Quarantine::accept()`].

/// The folder in a repository for what Git doesn't know.
pub(crate) const OWN_FOLDER: &str = "git-wire";

mod check;
mod closure;
mod closure_pack;
mod commits;
mod complete;
mod count;
mod delta;
mod delta_index;
mod entries;
pub(crate) mod error;
mod filter;
mod finished;
mod fsck;
mod held;
mod ingest;
mod large;
pub(crate) mod objects;
mod quarantine;
mod received;
mod resolve;
mod scan;
pub(crate) mod store;
mod trees;
mod unpack;
mod write;

pub(crate) use check::{Boundary, links};
pub(crate) use closure::{Closure, ClosureRecord};
pub(crate) use closure_pack::ClosurePack;
pub(crate) use commits::{CommitInfo, Commits, parse as parse_commit};
pub(crate) use count::count_with;
pub use count::{CountOptions, Counted, count};
pub(crate) use delta_index::DeltaIndex;
pub use error::{Disconnected, Error};
pub use filter::Filter;
pub(crate) use finished::{FinishedPacks, Key, Tee, WORTH_KEEPING};
pub(crate) use fsck::Link;
pub use ingest::ingest;
pub use objects::IdSet;
pub(crate) use quarantine::{Opened, QUARANTINE_LOCK};
pub use quarantine::{Quarantine, Stored};
pub use received::{Connectivity, IngestOptions, Received};

pub use crate::policy::{ObjectRule, ObjectRules};
pub(crate) use store::Pack;
pub use write::{WriteOptions, Written, write};
pub(crate) use write::{write_deltas, write_with};
