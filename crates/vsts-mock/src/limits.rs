//! The bounds on everything that a client can make large, many or long; the one place that holds these numbers.

use std::time::Duration;

/// HTTP connections that are open at once; more wait.
pub(crate) const HTTP_CONNECTIONS: usize = 1_024;

/// Git conversations that are worked on at once.
pub(crate) const GIT_CONVERSATIONS: usize = 64;

/// Bytes that are held in memory for clients at once: bodies of requests, contents of files.
pub(crate) const BYTES_IN_FLIGHT: u64 = 512 << 20;

/// How long a request waits for its part of [`BYTES_IN_FLIGHT`].
pub(crate) const BUDGET_WAIT: Duration = Duration::from_secs(10);

/// Repositories that are kept open. One takes some 50 KB and the address space of its packs.
pub(crate) const OPEN_REPOSITORIES: usize = 256;

/// How often open repositories are looked through for those that nobody has used since the last time, which are closed.
pub(crate) const IDLE_REPOSITORIES_EVERY: Duration = Duration::from_mins(5);

/// Time that a page or an answer of the REST API may take to be made.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Entries of folders, or commits, that all walks for one request go through together.
pub(crate) const REQUEST_ENTRIES: u64 = 2_000_000;

/// Entries that one walk through a folder, or one comparison of two, lists; and one answer.
pub(crate) const WALK_ENTRIES: u64 = 300_000;

/// Bytes that the paths of one walk have together, and those of one answer.
pub(crate) const WALK_PATH_BYTES: u64 = 32 << 20;

/// Levels of folders in folders that a walk goes down: as Git's `core.maxTreeDepth`.
pub(crate) const WALK_DEPTH: usize = 2_048;

/// Bytes of one tree object that is read: a folder of about 700,000 entries.
pub(crate) const TREE_BYTES: u64 = 32 << 20;

/// Items that may be asked for at once, each with a path of its own.
pub(crate) const BATCH_ITEMS: usize = 1_000;

/// Items whose last change is looked up for one request.
pub(crate) const LATEST_CHANGES: usize = 100;

/// Levels of quotes, lists and elements in each other that a Markdown text may have to be rendered.
pub(crate) const MARKDOWN_DEPTH: usize = 100;

/// Elements that rendering a Markdown text may make.
pub(crate) const MARKDOWN_ELEMENTS: usize = 200_000;

/// Bytes that the addresses of a Markdown text's links may have together.
pub(crate) const MARKDOWN_LINK_BYTES: usize = 8 << 20;

/// Time that rendering a Markdown text may take.
pub(crate) const MARKDOWN_TIME: Duration = Duration::from_secs(2);

/// Bytes of rendered Markdown that are kept.
pub(crate) const MARKDOWN_KEPT_BYTES: usize = 8 << 20;

/// Bytes of a text that is rendered as Markdown, or shown below a folder.
pub(crate) const README_BYTES: u64 = 256 << 10;
