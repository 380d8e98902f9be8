//! Bounds on what comes from elsewhere: other people's folders, repositories and remotes.

/// Bytes of a file that somebody writes by hand: an ignore file, a run configuration, a project file, a settings file.
pub const SMALL_FILE: u64 = 4 << 20;
/// Folders in each other. The system takes paths of 4,096 bytes, so that no more can be reached by one.
pub const DEPTH: usize = 2048;
/// Files and folders of one tree. Few objects can say "10^20 files".
pub const TREE_ENTRIES: usize = 4_000_000;
/// Bytes of all paths of one tree.
pub const TREE_PATHS: usize = 512 << 20;
/// Bytes from which on a file is a large one, unless a setting says otherwise.
pub const LARGE_FILE: u64 = 50_000_000;
/// Bytes of the list of large files that the remote lacks: some 80 for each.
pub const LARGE_UNPUSHED: u64 = 256 << 20;
/// Bytes that are read of files over a snapshot's limit to see whether they are stored already; further ones are refused by
/// their size.
pub const READ_TO_COMPARE: u64 = 256 << 20;
/// Bytes of the stat index: some 100 for each file.
pub const STAT_INDEX: u64 = 2 << 30;
/// Bytes of the list of paths that are held back from snapshots.
pub const HELD_BACK: u64 = 256 << 20;
/// Bytes of the index of a Git repository that is not azml's.
pub const GIT_INDEX: u64 = 1 << 30;
/// Bytes of the file `.git` of a work tree, and of others that hold one path.
pub const GIT_PATH_FILE: u64 = 8 << 10;
/// Git repositories in each other below a project folder; one that is deeper is a folder as any other.
pub const NESTED_REPOSITORIES: usize = 32;
/// Bytes of the list of all run records: a copy, which is passed over if it is larger.
pub const RUN_LIST: u64 = 1 << 30;
/// Bytes of `packed-refs`.
pub const PACKED_REFS: u64 = 1 << 30;
/// Bytes of the journal of a restore: some 200 for each path that changes.
pub const RESTORE_JOURNAL: u64 = 2 << 30;
/// Bytes of one stored run record.
pub const RUN_RECORD: u64 = 16 << 20;
/// Secrets that are kept of one content, in findings. A log with more is not masked, but left out.
pub const SECRET_FINDINGS: usize = 10_000;
/// Bytes of a key beyond what a check sees that are masked with it: no key is longer.
pub const SECRET_TAIL: u64 = 256 << 10;
/// The fewest digits of a commit id that name a snapshot.
pub const ID_DIGITS: usize = 4;
