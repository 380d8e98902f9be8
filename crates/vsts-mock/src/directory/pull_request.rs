//! Pull requests and what belongs to them: iterations, threads and comments, statuses, and the policies of branches.
//!
//! Each is one row, whose fields are stored as JSON beside its key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Defines an enum that the API names, with its names and numbers there.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal $number:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) enum $name { $($variant),+ }

        impl $name {
            /// The names and numbers of the API.
            pub(crate) const CHOICES: &'static [(&'static str, u64, Self)] = &[$(($text, $number, Self::$variant)),+];

            pub(crate) fn name(self) -> &'static str {
                Self::CHOICES.iter().find(|(.., one)| *one == self).map_or("", |(name, ..)| name)
            }
        }
    };
}

named! {
    /// The state of a pull request.
    PullStatus { Active = "active" 1, Abandoned = "abandoned" 2, Completed = "completed" 3 }
}
named! {
    /// The state of a pull request's merge.
    MergeStatus {
        Queued = "queued" 1, Conflicts = "conflicts" 2, Succeeded = "succeeded" 3,
        RejectedByPolicy = "rejectedByPolicy" 4, Failure = "failure" 5,
    }
}
named! {
    /// The kind of a failed merge.
    MergeFailure { Unknown = "unknown" 1, CaseSensitive = "caseSensitive" 2, ObjectTooLarge = "objectTooLarge" 3 }
}
named! {
    /// The way in which a completion changes the target.
    MergeStrategy {
        NoFastForward = "noFastForward" 1, Squash = "squash" 2, Rebase = "rebase" 3, RebaseMerge = "rebaseMerge" 4,
    }
}
named! {
    /// The state of a thread of comments.
    ThreadStatus {
        Unknown = "unknown" 0, Active = "active" 1, Fixed = "fixed" 2, WontFix = "wontFix" 3, Closed = "closed" 4,
        ByDesign = "byDesign" 5, Pending = "pending" 6,
    }
}
named! {
    /// The kind of a comment.
    CommentType { Unknown = "unknown" 0, Text = "text" 1, CodeChange = "codeChange" 2, System = "system" 3 }
}
named! {
    /// The state that a status reports.
    StatusState {
        NotSet = "notSet" 0, Pending = "pending" 1, Succeeded = "succeeded" 2, Failed = "failed" 3, Error = "error" 4,
        NotApplicable = "notApplicable" 5, PartiallySucceeded = "partiallySucceeded" 6,
    }
}
named! {
    /// The reason for an iteration.
    IterationReason {
        Push = "push" 0, ForcePush = "forcePush" 1, Create = "create" 2, Rebase = "rebase" 4, Unknown = "unknown" 8,
        Retarget = "retarget" 16, ResolveConflicts = "resolveConflicts" 32,
    }
}

/// A request to take the commits of one branch into another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PullRequest {
    pub(crate) account: Uuid,
    /// Unique in the account.
    pub(crate) id: i64,
    pub(crate) repo: Uuid,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    /// The fork with the source branch, if that is in another repository.
    #[serde(default)]
    pub(crate) fork: Option<Uuid>,
    /// The full name of the branch with the commits.
    pub(crate) source: String,
    /// The full name of the branch that takes them.
    pub(crate) target: String,
    pub(crate) status: PullStatus,
    pub(crate) is_draft: bool,
    pub(crate) creator: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) closed: Option<Timestamp>,
    pub(crate) closed_by: Option<Uuid>,
    pub(crate) merge: Merge,
    /// The time when the target was last seen to have moved.
    #[serde(default)]
    pub(crate) target_updated: Option<Timestamp>,
    /// The number of the last push of the repository with the source that was looked at.
    pub(crate) last_push: i64,
    pub(crate) reviewers: Vec<Reviewer>,
    pub(crate) labels: Vec<Label>,
    /// The ids of work items.
    pub(crate) work_items: Vec<String>,
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) completion: Option<CompletionOptions>,
    /// The completion that is queued.
    pub(crate) queued: Option<QueuedCompletion>,
    /// The user for whom it completes by itself.
    pub(crate) auto_complete: Option<Uuid>,
}

/// The last attempt to merge a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Merge {
    pub(crate) id: Uuid,
    pub(crate) status: MergeStatus,
    /// The tips that were merged.
    pub(crate) source: String,
    pub(crate) target: String,
    /// The merge commit, or the one that landed on the target.
    pub(crate) commit: Option<String>,
    /// The files in conflict.
    pub(crate) conflicts: Vec<String>,
    /// The reason of a failure.
    pub(crate) message: Option<String>,
    /// Its kind.
    #[serde(default)]
    pub(crate) failure: Option<MergeFailure>,
}

/// A completion that waits for its turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueuedCompletion {
    pub(crate) by: Uuid,
    pub(crate) time: Timestamp,
    /// The tip of the source branch that is completed.
    pub(crate) source: String,
    /// The commit that is about to land on the target, so that a restarted server knows whether it has.
    pub(crate) landing: Option<String>,
}

/// The options of a completion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CompletionOptions {
    pub(crate) strategy: Option<MergeStrategy>,
    pub(crate) delete_source: bool,
    pub(crate) message: Option<String>,
    pub(crate) squash: bool,
    pub(crate) transition_work_items: bool,
    pub(crate) bypass: bool,
    pub(crate) bypass_reason: Option<String>,
    /// Policies that auto-complete does not wait for.
    pub(crate) ignored_policies: Vec<i64>,
}

impl CompletionOptions {
    /// The strategy that is used.
    pub(crate) fn strategy(&self) -> MergeStrategy {
        let usual = if self.squash { MergeStrategy::Squash } else { MergeStrategy::NoFastForward };
        self.strategy.unwrap_or(usual)
    }
}

/// A user or a group that reviews a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reviewer {
    pub(crate) id: Uuid,
    /// From -10, rejected, to 10, approved.
    pub(crate) vote: i64,
    pub(crate) is_required: bool,
    pub(crate) is_flagged: bool,
    pub(crate) has_declined: bool,
}

/// A label on a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// The commits of a pull request after one push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Iteration {
    pub(crate) account: Uuid,
    pub(crate) pull_request: i64,
    /// Counts from 1 in each pull request.
    pub(crate) id: i64,
    pub(crate) author: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) source: String,
    pub(crate) target: String,
    /// The merge base.
    pub(crate) common: Option<String>,
    pub(crate) reason: IterationReason,
    pub(crate) push: Option<i64>,
}

/// A thread of comments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thread {
    pub(crate) account: Uuid,
    pub(crate) pull_request: i64,
    /// Counts from 1 in each pull request.
    pub(crate) id: i64,
    pub(crate) status: Option<ThreadStatus>,
    pub(crate) published: Timestamp,
    pub(crate) updated: Timestamp,
    /// The place in a file, as the client describes it.
    pub(crate) context: Option<Value>,
    pub(crate) pull_request_context: Option<Value>,
    pub(crate) properties: BTreeMap<String, Value>,
    /// The people whom properties name, by keys that count from 1.
    #[serde(default)]
    pub(crate) identities: Vec<Uuid>,
    pub(crate) is_deleted: bool,
}

/// A comment in a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) account: Uuid,
    pub(crate) pull_request: i64,
    pub(crate) thread: i64,
    /// Counts from 1 in each thread.
    pub(crate) id: i64,
    pub(crate) parent: i64,
    pub(crate) author: Uuid,
    pub(crate) content: String,
    pub(crate) kind: CommentType,
    pub(crate) published: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) content_updated: Timestamp,
    pub(crate) is_deleted: bool,
    pub(crate) likes: Vec<Uuid>,
}

/// A file that is attached to a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) account: Uuid,
    pub(crate) pull_request: i64,
    /// Counts from 1 in each pull request.
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The content's SHA-256, which is its name in the store of large files.
    pub(crate) oid: String,
    pub(crate) size: u64,
    /// The content's SHA-1, as the API tells it.
    pub(crate) sha1: String,
    pub(crate) author: Uuid,
    pub(crate) created: Timestamp,
}

/// A status that a program has posted on a commit or a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GitStatus {
    pub(crate) repo: Uuid,
    /// The commit's id, or `pull/` and the pull request's.
    pub(crate) subject: String,
    /// Counts from 1 for each subject.
    pub(crate) id: i64,
    pub(crate) state: StatusState,
    pub(crate) name: String,
    pub(crate) genre: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) iteration: Option<i64>,
    pub(crate) properties: Option<Value>,
}

/// The configuration of a policy on branches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyConfiguration {
    pub(crate) account: Uuid,
    /// Unique in the account.
    pub(crate) id: i64,
    pub(crate) project: Uuid,
    pub(crate) kind: Uuid,
    pub(crate) revision: i64,
    pub(crate) is_enabled: bool,
    pub(crate) is_blocking: bool,
    pub(crate) is_deleted: bool,
    pub(crate) creator: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) scopes: Vec<PolicyScope>,
    /// Its other settings, as the client gave them.
    pub(crate) settings: Value,
}

/// Branches to which a policy applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyScope {
    /// All repositories of the project without it.
    pub(crate) repo: Option<Uuid>,
    pub(crate) name: Option<String>,
    pub(crate) matches: ScopeMatch,
}

named! {
    /// The way in which a scope names branches.
    ScopeMatch { Exact = "Exact" 0, Prefix = "Prefix" 1, DefaultBranch = "DefaultBranch" 2 }
}

impl PolicyScope {
    /// Returns whether a branch of a repository is in the scope.
    pub(crate) fn covers(&self, repo: Uuid, name: &str, default_branch: Option<&str>) -> bool {
        self.repo.is_none_or(|own| own == repo)
            && match (self.matches, self.name.as_deref()) {
                (ScopeMatch::DefaultBranch, _) => default_branch == Some(name),
                (_, None) => true,
                (ScopeMatch::Exact, Some(own)) => own == name,
                (ScopeMatch::Prefix, Some(own)) => {
                    let own = own.trim_end_matches('/');
                    name == own || name.strip_prefix(own).is_some_and(|rest| rest.starts_with('/'))
                }
            }
    }
}

/// The subject of statuses of a pull request.
pub(crate) fn status_subject(id: i64) -> String {
    format!("pull/{id}")
}

/// All records of pull requests of a directory, each by its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PullRequests {
    pub(crate) all: imbl::OrdMap<(Uuid, i64), std::sync::Arc<PullRequest>>,
    /// (repository, pull request), of those that are active.
    pub(crate) active: imbl::OrdSet<(Uuid, i64)>,
    /// (fork, pull request), of those that are active.
    pub(crate) from_forks: imbl::OrdSet<(Uuid, i64)>,
    /// (repository, pull request)
    pub(crate) of_repos: imbl::OrdSet<(Uuid, i64)>,
    pub(crate) iterations: imbl::OrdMap<(Uuid, i64, i64), std::sync::Arc<Iteration>>,
    pub(crate) threads: imbl::OrdMap<(Uuid, i64, i64), std::sync::Arc<Thread>>,
    pub(crate) comments: imbl::OrdMap<(Uuid, i64, i64, i64), std::sync::Arc<Comment>>,
    pub(crate) attachments: imbl::OrdMap<(Uuid, i64, i64), std::sync::Arc<Attachment>>,
    pub(crate) statuses: imbl::OrdMap<(Uuid, String, i64), std::sync::Arc<GitStatus>>,
    pub(crate) policies: imbl::OrdMap<(Uuid, i64), std::sync::Arc<PolicyConfiguration>>,
}

/// Ids of all records of something.
const ALL: std::ops::RangeInclusive<i64> = 0..=i64::MAX;

impl PullRequests {
    /// The pull request of that number in an account.
    pub(crate) fn get(&self, account: Uuid, id: i64) -> Option<&PullRequest> {
        self.all.get(&(account, id)).map(AsRef::as_ref)
    }

    /// The pull requests of a repository, newest first.
    pub(crate) fn of_repo(&self, account: Uuid, repo: Uuid) -> impl Iterator<Item = &PullRequest> {
        let ids = self.of_repos.range((repo, *ALL.start())..=(repo, *ALL.end())).rev();
        ids.filter_map(move |(_, id)| self.get(account, *id))
    }

    /// The ids of the active pull requests of a repository.
    pub(crate) fn active_in(&self, repo: Uuid) -> Vec<i64> {
        self.active.range((repo, *ALL.start())..=(repo, *ALL.end())).map(|(_, id)| *id).collect()
    }

    /// The repositories with an active pull request whose source is in the repository: itself, and those that it is a fork
    /// of.
    pub(crate) fn targets_of(&self, account: Uuid, repo: Uuid) -> BTreeSet<Uuid> {
        let of_forks = self.from_forks.range((repo, *ALL.start())..=(repo, *ALL.end()));
        let targets = of_forks.filter_map(|(_, id)| Some(self.get(account, *id)?.repo));
        let own = self.active.range((repo, *ALL.start())..=(repo, *ALL.end())).take(1);
        targets.chain(own.map(|_| repo)).collect()
    }

    /// The number for the next pull request of an account.
    pub(crate) fn next_id(&self, account: Uuid) -> i64 {
        let mut own = self.all.range((account, *ALL.start())..=(account, *ALL.end()));
        own.next_back().map_or(1, |((_, id), _)| id + 1)
    }

    /// The iterations of a pull request, oldest first.
    pub(crate) fn iterations_of(&self, pull: &PullRequest) -> impl DoubleEndedIterator<Item = &Iteration> {
        let (account, id) = (pull.account, pull.id);
        let range = (account, id, *ALL.start())..=(account, id, *ALL.end());
        self.iterations.range(range).map(|(_, iteration)| iteration.as_ref())
    }

    /// The threads of a pull request, oldest first.
    pub(crate) fn threads_of(&self, pull: &PullRequest) -> impl DoubleEndedIterator<Item = &Thread> {
        let (account, id) = (pull.account, pull.id);
        let range = (account, id, *ALL.start())..=(account, id, *ALL.end());
        self.threads.range(range).map(|(_, thread)| thread.as_ref())
    }

    /// The comments of a thread, oldest first.
    pub(crate) fn comments_of(&self, thread: &Thread) -> impl DoubleEndedIterator<Item = &Comment> + use<'_> {
        let (account, id, thread) = (thread.account, thread.pull_request, thread.id);
        let range = (account, id, thread, *ALL.start())..=(account, id, thread, *ALL.end());
        self.comments.range(range).map(|(_, comment)| comment.as_ref())
    }

    /// The files attached to a pull request, oldest first.
    pub(crate) fn attachments_of(&self, pull: &PullRequest) -> impl DoubleEndedIterator<Item = &Attachment> {
        let (account, id) = (pull.account, pull.id);
        let range = (account, id, *ALL.start())..=(account, id, *ALL.end());
        self.attachments.range(range).map(|(_, attachment)| attachment.as_ref())
    }

    /// The statuses of a commit or a pull request, oldest first.
    pub(crate) fn statuses_of(
        &self,
        repo: Uuid,
        subject: &str,
    ) -> impl DoubleEndedIterator<Item = &GitStatus> {
        let range = (repo, subject.to_owned(), *ALL.start())..=(repo, subject.to_owned(), *ALL.end());
        self.statuses.range(range).map(|(_, status)| status.as_ref())
    }

    /// The policies of a project that are not deleted, by their numbers.
    pub(crate) fn policies_of(
        &self,
        account: Uuid,
        project: Uuid,
    ) -> impl Iterator<Item = &PolicyConfiguration> {
        let all = self.policies.range((account, *ALL.start())..=(account, *ALL.end()));
        all.map(|(_, policy)| policy.as_ref()).filter(move |one| one.project == project && !one.is_deleted)
    }

    /// The number for the next policy of an account.
    pub(crate) fn next_policy(&self, account: Uuid) -> i64 {
        let mut own = self.policies.range((account, *ALL.start())..=(account, *ALL.end()));
        own.next_back().map_or(1, |((_, id), _)| id + 1)
    }
}
