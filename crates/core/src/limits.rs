//! Bounds on what comes from elsewhere: other people's folders, repositories and remotes.

/// Bytes of a file that somebody writes by hand: an ignore file, a run configuration, a project file, a settings file.
pub const SMALL_FILE: u64 = 4 << 20;
/// Folders in each other. The system takes paths of 4,096 bytes, so that no more can be reached by one.
pub const DEPTH: usize = 2048;
/// Files and folders of one tree. Few objects can say "10^20 files".
pub const TREE_ENTRIES: usize = 10_000_000;
/// Bytes of all paths of one tree.
pub const TREE_PATHS: usize = 1 << 30;
/// Bytes of the journal of a restore: some 200 for each path that changes.
pub const RESTORE_JOURNAL: u64 = 2 << 30;
/// Bytes of one stored run record.
pub const RUN_RECORD: u64 = 16 << 20;
/// Secrets that are kept of one content, in findings. A log with more is not masked, but left out.
pub const SECRET_FINDINGS: usize = 10_000;
/// Bytes of a key beyond what a check sees that are masked with it: no key is longer.
pub const SECRET_TAIL: u64 = 256 << 10;
