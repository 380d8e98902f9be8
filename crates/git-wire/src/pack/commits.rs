//! Commits as the walk sees them: parents, tree, and when.

/// TODO
#[derive(Debug)]
pub(crate) struct Commits;
/// TODO
#[derive(Debug)]
pub(crate) struct CommitInfo;
