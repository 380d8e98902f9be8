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
