//! System threads: what has become of a pull request, as threads that the service itself writes. Programs tell them from
//! people's by the type of their comments, `system`, and by the property `CodeReviewThreadType`.
//!
//! The names of the types and properties are those of the service's own library for code reviews. People in properties are
//! named by keys of the thread's `identities`.

use std::collections::BTreeMap;

use gix::ObjectId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::context::RepoContext;
use super::{merged_tip, now, short};
use crate::directory::pull_request::{CommentType, MergeStatus, PullStatus};
use crate::directory::{Comment, Directory, PullRequest, PullRequests, Thread, subject};
use crate::limits::THREADS;
use crate::state::Change;

/// The property by which system threads are known.
const KIND: &str = "CodeReviewThreadType";

/// A system thread to write.
#[derive(Debug, PartialEq)]
struct Entry {
    content: String,
    properties: BTreeMap<String, Value>,
    /// The people in the properties; the first has the key 1.
    identities: Vec<Uuid>,
}

impl Entry {
    fn new(kind: &str, content: impl Into<String>) -> Self {
        let entry = Self { content: content.into(), properties: BTreeMap::new(), identities: Vec::new() };
        entry.with(KIND, kind)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    fn naming(mut self, name: &str, who: Uuid) -> Self {
        let known = self.identities.iter().position(|one| *one == who);
        let at = known.unwrap_or_else(|| {
            self.identities.push(who);
            self.identities.len() - 1
        });
        self.with(name, (at + 1).to_string())
    }
}

/// Returns whether the server has written a thread, which begins with this comment.
pub(crate) fn is_system(first: Option<&Comment>) -> bool {
    first.is_some_and(|first| first.kind == CommentType::System && first.author == subject::SERVICE)
}

/// The threads of a pull request that the server has written, or those that people have. Each kind has its own bound.
pub(super) fn count(pulls: &PullRequests, pull: &PullRequest, by_server: bool) -> usize {
    let is_counted = |thread: &&Thread| is_system(pulls.comments_of(thread).next()) == by_server;
    pulls.threads_of(pull).filter(is_counted).count()
}

/// Writes what a change of a pull request amounts to.
pub(super) fn changed(ctx: &RepoContext, change: &mut Change<'_>, before: &PullRequest, after: &PullRequest) {
    for entry in entries(&change.directory, before, after, ctx.principal.user) {
        write(ctx, change, after, entry);
    }
}

/// Writes that commits were pushed to the source.
pub(super) fn pushed(
    ctx: &RepoContext,
    change: &mut Change<'_>,
    pull: &PullRequest,
    by: Uuid,
    commits: &[ObjectId],
) {
    let ids: Vec<String> = commits.iter().map(ToString::to_string).collect();
    let entry = Entry::new("RefUpdate", format!("The reference {} was updated.", pull.source))
        .with("CodeReviewRefName", pull.source.as_str())
        .with("CodeReviewRefNewCommits", ids.join(";"))
        .with("CodeReviewRefNewCommitsCount", ids.len())
        .with("CodeReviewRefNewHeadCommit", pull.merge.source.as_str())
        .naming("CodeReviewRefUpdatedByIdentity", by);
    write(ctx, change, pull, entry);
}

fn write(ctx: &RepoContext, change: &mut Change<'_>, pull: &PullRequest, entry: Entry) {
    let pulls = &change.directory.pulls;
    let last = pulls.threads_of(pull).next_back().map_or(0, |thread| thread.id);
    if count(pulls, pull, true) >= THREADS {
        tracing::debug!(pull = pull.id, "a pull request has all the system threads that it may");
        return;
    }
    let (account, pull_request, time) = (pull.account, pull.id, now(ctx));
    let thread = Thread {
        account,
        pull_request,
        id: last + 1,
        status: None,
        published: time,
        updated: time,
        context: None,
        pull_request_context: None,
        properties: entry.properties,
        identities: entry.identities,
        is_deleted: false,
    };
    change.put(Comment {
        account,
        pull_request,
        thread: thread.id,
        id: 1,
        parent: 0,
        author: subject::SERVICE,
        content: entry.content,
        kind: CommentType::System,
        published: time,
        updated: time,
        content_updated: time,
        is_deleted: false,
        likes: Vec::new(),
    });
    change.put(thread);
}

/// The threads that the difference of a pull request amounts to, for somebody who has changed it, or for the server itself.
fn entries(
    directory: &Directory,
    before: &PullRequest,
    after: &PullRequest,
    actor: Option<Uuid>,
) -> Vec<Entry> {
    let name = |id: Uuid| directory.identity_name(id).unwrap_or("Anonymous");
    let mut entries = Vec::new();
    let by = actor.or(after.closed_by);
    if let Some(by) = by {
        entries.extend(reviewers(before, after, by, &name));
        entries.extend(votes(before, after, by, &name));
        if before.target != after.target {
            let (from, to) = (short(&before.target), short(&after.target));
            let text = format!("{} changed the target branch from {from} to {to}", name(by));
            entries.push(
                Entry::new("TargetChanged", text)
                    .with("CodeReviewTargetChangedByDisplayName", name(by))
                    .with("CodeReviewTargetChangedByTfId", by.to_string())
                    .naming("CodeReviewTargetChangedByIdentity", by),
            );
        }
        if before.is_draft != after.is_draft {
            let done = if after.is_draft {
                "marked the pull request as a draft"
            } else {
                "published the pull request"
            };
            entries.push(
                Entry::new("IsDraftUpdate", format!("{} {done}", name(by)))
                    .with("CodeReviewIsDraftNowSet", capital(after.is_draft))
                    .naming("CodeReviewIsDraftUpdatedByIdentity", by),
            );
        }
    }
    let is_same_status = before.status == after.status;
    if let Some(by) = actor.filter(|_| is_same_status && before.auto_complete != after.auto_complete) {
        let is_set = after.auto_complete.is_some();
        let done = if is_set { "set auto-complete" } else { "cancelled auto-complete" };
        entries.push(
            Entry::new("AutoCompleteUpdate", format!("{} {done}", name(by)))
                .with("CodeReviewAutoCompleteNowSet", capital(is_set))
                .naming("CodeReviewAutoCompleteUpdatedByIdentity", by),
        );
    }
    if let Some(by) = by.filter(|_| !is_same_status) {
        entries.push(status(after, by, name(by)));
    }
    entries.extend(merge(before, after));
    entries
}

fn capital(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

fn status(after: &PullRequest, by: Uuid, name: &str) -> Entry {
    let (word, commit) = match after.status {
        PullStatus::Active => ("Active", None),
        PullStatus::Abandoned => ("Abandoned", None),
        PullStatus::Completed => ("Completed", after.merge.commit.as_deref()),
    };
    let mut entry = Entry::new("StatusUpdate", format!("{name} updated the pull request status to {word}"))
        .with("CodeReviewStatus", word)
        .naming("CodeReviewStatusUpdatedByIdentity", by);
    if let Some(commit) = commit {
        let options = after.completion.as_ref();
        entry = entry
            .with("CodeReviewStatusUpdateAssociatedCommit", commit)
            .with("BypassPolicy", capital(options.is_some_and(|options| options.bypass)));
        if let Some(reason) = options.and_then(|options| options.bypass_reason.as_deref()) {
            entry = entry.with("BypassReason", reason);
        }
    }
    entry
}

/// Reviewers who have come and gone.
fn reviewers<'d>(
    before: &PullRequest,
    after: &PullRequest,
    by: Uuid,
    name: &impl Fn(Uuid) -> &'d str,
) -> Option<Entry> {
    let missing_in = |from: &PullRequest, other: &PullRequest| -> Vec<Uuid> {
        let ids = from.reviewers.iter().map(|one| one.id);
        ids.filter(|id| other.reviewers.iter().all(|one| one.id != *id)).collect()
    };
    let (added, removed) = (missing_in(after, before), missing_in(before, after));
    let others = |ids: &[Uuid]| match ids.len() - 1 {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        more => format!(" and {more} others"),
    };
    let text = match (added.first(), removed.first()) {
        (None, None) => return None,
        (Some(one), _) if added == [by] && *one == by => format!("{} joined as a reviewer", name(by)),
        (Some(one), _) => format!("{} added {}{} as a reviewer", name(by), name(*one), others(&added)),
        (None, Some(one)) => {
            format!("{} removed {}{} as a reviewer", name(by), name(*one), others(&removed))
        }
    };
    let mut entry = Entry::new("ReviewersUpdate", text)
        .with("CodeReviewReviewersUpdatedNumAdded", added.len())
        .with("CodeReviewReviewersUpdatedNumRemoved", removed.len())
        .with("CodeReviewReviewersUpdatedNumChanged", 0)
        .with("CodeReviewReviewersUpdatedNumDeclined", 0)
        .naming("CodeReviewReviewersUpdatedByIdentity", by);
    for (property, who) in [
        ("CodeReviewReviewersUpdatedAddedIdentity", added.first()),
        ("CodeReviewReviewersUpdatedRemovedIdentity", removed.first()),
    ] {
        if let Some(who) = who {
            entry = entry.naming(property, *who);
        }
    }
    Some(entry)
}

/// The vote of who has changed it, and the votes of others that were taken back.
fn votes<'d>(
    before: &PullRequest,
    after: &PullRequest,
    by: Uuid,
    name: &impl Fn(Uuid) -> &'d str,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut reset = Vec::new();
    for one in &after.reviewers {
        let old = before.reviewers.iter().find(|old| old.id == one.id).map_or(0, |old| old.vote);
        if one.vote == old {
            continue;
        }
        if one.id != by {
            reset.push(one.id);
            continue;
        }
        entries.push(
            Entry::new("VoteUpdate", format!("{} voted {}", name(by), one.vote))
                .with("CodeReviewVoteResult", one.vote.to_string())
                .naming("CodeReviewVotedByIdentity", by)
                .naming("CodeReviewVotedByInitiatorIdentity", by),
        );
    }
    if !reset.is_empty() {
        let names: Vec<&str> = reset.iter().map(|id| name(*id)).collect();
        let text = format!("{} reset the votes of {}", name(by), names.join(", "));
        let mut entry = Entry::new("ResetMultipleVotes", text)
            .with("CodeReviewResetMultipleVotesNumVoters", reset.len())
            .naming("CodeReviewResetMultipleVotesInitiatorIdentity", by);
        let first = entry.identities.len() + 1;
        let keys: Vec<String> = (first..first + reset.len()).map(|key| key.to_string()).collect();
        entry.identities.extend(reset);
        entries
            .push(entry.with("CodeReviewResetMultipleVotesExampleVoterIdentities", json!(keys).to_string()));
    }
    entries
}

/// A merge that did not succeed.
fn merge(before: &PullRequest, after: &PullRequest) -> Option<Entry> {
    let word = match after.merge.status {
        MergeStatus::Conflicts => "Conflicts",
        MergeStatus::RejectedByPolicy => "RejectedByPolicy",
        MergeStatus::Failure => "Failure",
        MergeStatus::Queued | MergeStatus::Succeeded => return None,
    };
    let (source, target) = (&after.merge.source, &after.merge.target);
    if before.merge.status == after.merge.status || merged_tip(source).is_none() {
        return None;
    }
    let why = match after.merge.status {
        MergeStatus::Conflicts => "has conflicts",
        MergeStatus::RejectedByPolicy => "was rejected by a policy",
        _ => "failed",
    };
    let text = format!("The merge of the commit {source} into {target} {why}.");
    Some(
        Entry::new("MergeAttempt", text)
            .with("CodeReviewMergeStatus", word)
            .with("CodeReviewSourceCommit", source.as_str())
            .with("CodeReviewTargetCommit", target.as_str()),
    )
}
