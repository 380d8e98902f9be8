//! The question of what a node has that no run needs, and the answer.

use serde::{Deserialize, Serialize};

/// The things to remove from a node, if no run needs them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PruneRequest {
    /// The number of each kind that stays, the newest.
    pub keep: usize,
    /// Only name what would be removed.
    pub dry_run: bool,
}

/// The kinds of things that a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// azml's own program.
    Program,
    /// An environment.
    Environment,
    /// Files that a run left beside its outputs, or outputs that were not to travel.
    RunFiles,
    /// The snapshots of a project.
    Store,
    /// A large file of a snapshot.
    LargeFile,
}

impl Kind {
    /// Its name for people, of one or of many.
    pub fn name(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Program, 1) => "old azml",
            (Self::Program, _) => "old azmls",
            (Self::Environment, 1) => "environment",
            (Self::Environment, _) => "environments",
            (Self::RunFiles, 1) => "run's files",
            (Self::RunFiles, _) => "runs' files",
            (Self::Store, 1) => "project's snapshots",
            (Self::Store, _) => "projects' snapshots",
            (Self::LargeFile, 1) => "large file",
            (Self::LargeFile, _) => "large files",
        }
    }
}

/// A thing that is removed from a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    pub kind: Kind,
    /// Its name there: of a program, an environment, a run, a project, a large file.
    pub name: String,
    /// The bytes that this frees.
    pub bytes: u64,
}

/// The things that were removed from a node, or would be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pruned {
    pub removed: Vec<Piece>,
    /// Runs that go on there, or whose results have not been taken in: they stay.
    pub jobs: usize,
    /// Their bytes.
    pub job_bytes: u64,
}
