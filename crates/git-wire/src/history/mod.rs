//! Questions about history: the commits that changed a path, how far versions are apart, where they parted.
//!
//! The commit-graph answers what it can: parents, trees and times without reading a commit, generation numbers that end a
//! walk early, and changed-path filters that say of most commits that they left a path alone. Commits that came after it was
//! written are read; without one all are.

pub(crate) mod bloom;
pub(crate) mod graph;

mod apart;
mod commits;
mod graphs;
mod latest;
mod log;
mod paths;

use std::sync::Arc;

pub use apart::Apart;
pub use graph::Graph;
pub use graphs::Graphs;
pub use log::{Log, LogOptions};
pub use paths::PathQuery;

use commits::Commits;

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody waits for the answer any more.
    #[error("the walk through history was ended before its end")]
    Ended,
    /// An object of the history is missing or damaged.
    #[error("couldn't walk through the history")]
    Object(#[from] crate::pack::Error),
}

/// The history of a repository, for some questions in a row.
pub struct History<'r> {
    commits: Commits<'r>,
}

impl<'r> History<'r> {
    /// The history of `repo`, with its commit-graph if there is one. While a question is answered, `may_go_on` is asked now and
    /// then; once it says no, the answer is [`Error::Ended`].
    pub fn new(
        repo: &'r gix::Repository,
        graph: Option<Arc<Graph>>,
        may_go_on: &'r dyn Fn() -> bool,
    ) -> Self {
        Self { commits: Commits::new(repo, graph, may_go_on) }
    }

    /// Returns the number of commits that were read because the commit-graph lacks them.
    pub fn read_without_graph(&self) -> usize {
        self.commits.outside_graph()
    }
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("graph", &self.commits.graph).finish_non_exhaustive()
    }
}

/// A mark for each commit that a walk has met.
#[derive(Debug, Default)]
struct Marks<T>(Vec<T>);

impl<T: Copy + Default> Marks<T> {
    fn get(&self, place: u32) -> T {
        self.0.get(place as usize).copied().unwrap_or_default()
    }

    /// The mark of a commit of so many that have a place.
    fn at(&mut self, place: u32, commits: usize) -> &mut T {
        if place as usize >= self.0.len() {
            self.0.resize(commits.max(place as usize + 1), T::default());
        }
        &mut self.0[place as usize]
    }
}
