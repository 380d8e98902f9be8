//! The bounds of the engine that are no option of a conversation; the one place that holds these numbers.

/// How many packs an open repository can get before its table of packs is made larger, for which it is opened anew. A
/// slot takes 128 bytes whether it is used or not.
pub(crate) const FREE_PACK_SLOTS: usize = 256;

/// How many packs a repository may have: as many as gix can number.
pub(crate) const MAX_PACK_SLOTS: u16 = 32_767;

/// Bytes of a commit-graph file that is read into memory: that of some 30 million commits.
pub(crate) const MAX_COMMIT_GRAPH_BYTES: u64 = 2 << 30;

/// Bits that one path may set in a changed-path filter; Git sets 7.
pub(crate) const MAX_FILTER_HASHES: u32 = 32;

/// Changed-path filters that are computed for one commit-graph; the next one gets more. Older commits wait.
pub(crate) const MAX_NEW_FILTERS: usize = 500_000;

/// Trees nested in trees that are compared for a filter: as Git's `core.maxTreeDepth`. Deeper changes make it "too large".
pub(crate) const MAX_FILTER_DEPTH: usize = 2_048;

/// Commits that may come before the commit-graph is written anew while packs are only rolled up: so many of those that it has
/// already, in hundredths.
pub(crate) const GRAPH_MAY_LACK_PERCENT: usize = 2;
