//! Attempts to merge: a commit of both tips at `refs/pull/ID/merge`, or the files that are in conflict.

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use git_wire::pack::ObjectRule;

use super::super::context::RepoContext;
use super::super::push::{Command, push_one_through};
use super::super::refused::Refused;
use super::merging::{Merged, Merger};
use super::{edit_as, merged_tip, now, short, signature, tip};
use crate::directory::PullRequest;
use crate::directory::pull_request::{Merge, MergeFailure, MergeStatus, PullStatus};
use crate::hosting::PushOrigin;

/// The message if the branches have no commit in common.
const UNRELATED: &str = "The source and the target branch have no common history.";
/// The message if a branch is gone.
const NO_BRANCH: &str = "The source or the target branch no longer exists.";

/// The ref with the merge of a pull request.
pub(super) fn ref_name(id: i64) -> String {
    format!("refs/pull/{id}/merge")
}

/// Merges the tips that the record names, if that is due.
pub(super) fn attempt(ctx: &RepoContext, pull: &PullRequest) -> Result<PullRequest, Refused> {
    if pull.status != PullStatus::Active || pull.merge.status != MergeStatus::Queued {
        return Ok(pull.clone());
    }
    let merge = guarded(|| made(ctx, pull)).unwrap_or_else(|error| {
        tracing::warn!(%error, pull = pull.id, "a pull request could not be merged");
        Merge { failure: Some(kind(&error)), ..failed(&pull.merge, error.to_string()) }
    });
    let (pull, ()) = edit_as(ctx, &pull.id.to_string(), |_, now| {
        // Somebody may have changed it meanwhile; then it is due again.
        if now.status == PullStatus::Active && now.merge == pull.merge {
            now.merge = merge;
        }
        Ok(())
    })?;
    Ok(pull)
}

/// Merges; a panic of the library is an error as any other.
pub(super) fn guarded<T>(merge: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    let caught = panic::catch_unwind(AssertUnwindSafe(merge));
    caught.unwrap_or_else(|_| Err(Refused::Unsupported("The branches cannot be merged by this server.")))
}

/// The kind of a failure.
pub(super) fn kind(error: &Refused) -> MergeFailure {
    match error {
        Refused::ObjectRejected { rule: ObjectRule::CaseClash, .. } => MergeFailure::CaseSensitive,
        Refused::ObjectRejected { rule: ObjectRule::FileSize, .. } => MergeFailure::ObjectTooLarge,
        _ => MergeFailure::Unknown,
    }
}

/// A merge of these tips that has failed.
pub(super) fn failed(merge: &Merge, message: impl Into<String>) -> Merge {
    Merge {
        status: MergeStatus::Failure,
        commit: None,
        conflicts: Vec::new(),
        message: Some(message.into()),
        ..merge.clone()
    }
}

fn made(ctx: &RepoContext, pull: &PullRequest) -> Result<Merge, Refused> {
    let (Some(source), Some(target)) = (merged_tip(&pull.merge.source), merged_tip(&pull.merge.target))
    else {
        return Ok(failed(&pull.merge, NO_BRANCH));
    };
    let repository = ctx.open()?;
    let merger = Merger::new(ctx, &repository)?;
    let tree = match merger.merge(target, source)? {
        Merged::Clean(tree) => tree,
        Merged::Conflicts(conflicts) => {
            let status = MergeStatus::Conflicts;
            return Ok(Merge {
                status,
                commit: None,
                conflicts,
                message: None,
                failure: None,
                ..pull.merge.clone()
            });
        }
        Merged::Unrelated => return Ok(failed(&pull.merge, UNRELATED)),
    };
    let name = ref_name(pull.id);
    let old = tip(&repository, &name)?;
    let (from, into) = (short(&pull.source), short(&pull.target));
    let message = format!("Merge pull request {} from {from} into {into}", pull.id);
    let mut time = now(ctx);
    let commit = loop {
        let by = signature(ctx, pull.creator, time)?;
        let commit = merger.write(tree, &[target, source], &by, &by, &message)?;
        // Each attempt is another commit, also within a second.
        if Some(commit) != old && pull.merge.commit != Some(commit.to_string()) {
            break commit;
        }
        time += Duration::from_secs(1);
    };
    let command = Command { name, old, new: Some(commit) };
    push_one_through(ctx, &command, &merger.pack(commit)?, PushOrigin::Server)?;
    let (status, commit) = (MergeStatus::Succeeded, Some(commit.to_string()));
    Ok(Merge { status, commit, conflicts: Vec::new(), message: None, failure: None, ..pull.merge.clone() })
}
