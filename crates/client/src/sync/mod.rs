//! Between the history repository and its remote: unpushed commits go out, the work of others comes in.
//!
//! - No push is ever forced, and no commit id that a run named ever changes: where somebody else
//!   pushed first, a join commit is put on top of both and run records are merged.
//! - What a function could not finish leaves the repository as it was, apart from objects that
//!   nothing points to.
//! - The refs below `refs/remotes/origin/` say what the remote had when it was last talked to.

mod attachments;
mod clone;
mod error;
mod fetching;
pub mod large;
mod link;
mod list;
mod progress;
mod pull;
mod push;
mod turns;

pub use attachments::fetch_attachments;
pub use clone::{CloneOptions, clone};
pub use error::SyncError;
pub use fetching::{fetch_everything, fetch_snapshot, fetch_tag};
pub use link::{LinkMode, link};
pub use list::list;
pub use progress::with_progress;
pub use pull::{Pulled, pull};
pub use push::{Pushed, push_history};

use crate::env::{Pace, SystemPace};

/// An event of a synchronisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A line that the server says, clean enough to be shown.
    Remote(String),
    /// Bytes of packs received so far.
    Received(u64),
    /// Bytes sent so far.
    Sent(u64),
    /// Somebody else pushed first: their work is fetched, joined with ours, and the push repeated.
    Joining,
    /// Others push at the same time, and so many went first: the push waits for its turn.
    Waiting {
        /// Their number.
        others: usize,
    },
}

/// On whose behalf, and who watches.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The author and time of join commits and merges of run records.
    pub by: &'a gix::actor::Signature,
    /// Told what happens.
    pub observer: &'a (dyn Fn(Event) + Sync),
    /// The clock and the chance that waiting takes.
    pub pace: &'a dyn Pace,
}

impl<'a> Context<'a> {
    /// With nobody watching.
    pub fn quiet(by: &'a gix::actor::Signature) -> Self {
        Self::watched(by, &|_| {})
    }

    /// With the process's own clock and chance.
    pub fn watched(by: &'a gix::actor::Signature, observer: &'a (dyn Fn(Event) + Sync)) -> Self {
        Self { by, observer, pace: &SystemPace }
    }

    fn show(&self, progress: git_wire::client::Progress<'_>) {
        use git_wire::client::Progress;
        match progress {
            Progress::Remote(text) => {
                for line in String::from_utf8_lossy(text).split(['\r', '\n']) {
                    let line: String = line.chars().filter(|c| !c.is_control()).collect();
                    if !line.trim().is_empty() {
                        (self.observer)(Event::Remote(line));
                    }
                }
            }
            Progress::Received { bytes } => (self.observer)(Event::Received(bytes)),
            Progress::Sent { bytes } => (self.observer)(Event::Sent(bytes)),
        }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("by", &self.by).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
