//! The bounds of pull requests, of their merges and of policies.

use std::time::Duration;

/// Bytes of a file that is merged line by line; of a larger one, one side at most may have changed.
pub(crate) const MERGE_TEXT_BYTES: u64 = 16 << 20;

/// Files in conflict that a pull request lists.
pub(crate) const MERGE_CONFLICTS: usize = 1_000;

/// Commits of a pull request that a rebase replays.
pub(crate) const REBASE_COMMITS: usize = 1_000;

/// Merges of pull requests that are made at the same time, each of another repository.
pub(crate) const MERGES_AT_ONCE: usize = 4;

/// The number of times that a completion merges again because the target has moved.
pub(crate) const COMPLETION_ATTEMPTS: usize = 5;

/// The time that an answer waits for the merges of a repository that are due.
pub(crate) const MERGE_WAIT: Duration = Duration::from_secs(10);

/// Commits of one query whose pull requests are looked for.
pub(crate) const COMMITS_QUERIED: usize = 100;

/// UTF-16 units of a pull request's title.
pub(crate) const PULL_REQUEST_TITLE: usize = 400;

/// UTF-16 units of a pull request's description.
pub(crate) const PULL_REQUEST_DESCRIPTION: usize = 4_000;

/// Characters of a description in a list.
pub(crate) const PULL_REQUEST_EXCERPT: usize = 400;

/// Pull requests of one answer.
pub(crate) const PULL_REQUESTS_LISTED: usize = 1_000;

/// Active pull requests of one repository: each is merged when their target moves.
pub(crate) const ACTIVE_PULL_REQUESTS: usize = 2_000;

/// Reviewers, labels or references to work items of one pull request.
pub(crate) const PULL_REQUEST_PARTS: usize = 200;

/// Characters of a label's name.
pub(crate) const LABEL_CHARS: usize = 400;

/// Iterations of one pull request; later pushes renew the last one.
pub(crate) const ITERATIONS: i64 = 10_000;

/// Threads of one pull request that people begin, and as many that the server writes.
pub(crate) const THREADS: usize = 5_000;

/// Commits that the thread about a push names.
pub(crate) const COMMITS_TOLD: usize = 100;

/// Comments of one thread.
pub(crate) const COMMENTS: usize = 1_000;

/// Characters of a comment.
pub(crate) const COMMENT_CHARS: usize = 150_000;

/// Bytes of the JSON of a property, a place in a file or a policy's settings.
pub(crate) const FACTS_BYTES: usize = 64 << 10;

/// Properties of one pull request or thread.
pub(crate) const PROPERTIES: usize = 200;

/// Files attached to one pull request.
pub(crate) const ATTACHMENTS: usize = 1_000;

/// Bytes of an attached file.
pub(crate) const ATTACHMENT_BYTES: u64 = 60 << 20;

/// UTF-16 units of an attached file's name.
pub(crate) const ATTACHMENT_NAME: usize = 255;

/// Statuses of one commit or pull request.
pub(crate) const STATUSES: usize = 1_000;

/// Characters of a name, a description or an address of a status.
pub(crate) const STATUS_CHARS: usize = 4_000;

/// Branches that one user has marked as favorites in one account.
pub(crate) const REF_FAVORITES: usize = 1_000;

/// Policies of one account.
pub(crate) const POLICIES: usize = 2_000;

/// Scopes of one policy.
pub(crate) const POLICY_SCOPES: usize = 100;
/// People and groups whom the page of a pull request offers as reviewers.
pub(crate) const REVIEWERS_OFFERED: usize = 500;
/// Repositories in a row that are forks of one another.
pub(crate) const FORK_DEPTH: usize = 64;
/// Branches of a repository whose commits its fork is asked for before commits are copied from there.
pub(crate) const FORK_HAVES: usize = 1_000;
/// Forks that the form for a new pull request offers the branches of.
pub(crate) const FORKS_OFFERED: usize = 20;
