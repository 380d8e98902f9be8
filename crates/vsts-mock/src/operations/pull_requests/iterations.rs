//! Iterations: the commits of a pull request after each push to its source branch.

use git_wire::history::LogOptions;
use gix::ObjectId;

use super::super::changed_files::{self, Change as FileChange};
use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::fork::source_tip;
use super::{activity, edit_as, merged_tip, no_part, now, number, policies, tip, written};
use crate::directory::pull_request::{IterationReason, MergeStatus, PullStatus};
use crate::directory::{Iteration, PullRequest};
use crate::limits::{COMMITS_TOLD, ITERATIONS};
use crate::state::{Change, Push, PushFilter};

/// Adds an iteration with the tips that the pull request is to merge. Of a full list the last one is replaced.
pub(super) fn add(
    ctx: &RepoContext,
    repository: &gix::Repository,
    change: &mut Change<'_>,
    pull: &PullRequest,
    reason: IterationReason,
    push: Option<&Push>,
) -> Result<(), Refused> {
    let (source, target) = (merged_tip(&pull.merge.source), merged_tip(&pull.merge.target));
    let common = match (source, target) {
        (Some(source), Some(target)) => ctx.merge_bases(repository, source, target)?.first().copied(),
        _ => None,
    };
    let last = change.directory.pulls.iterations_of(pull).next_back().map_or(0, |one| one.id);
    change.put(Iteration {
        account: pull.account,
        pull_request: pull.id,
        id: (last + 1).min(ITERATIONS),
        author: push.map_or(pull.creator, |push| push.user),
        created: push.map_or_else(|| now(ctx), |push| push.time),
        source: pull.merge.source.clone(),
        target: pull.merge.target.clone(),
        common: common.map(|id| id.to_string()),
        reason,
        push: push.map(|push| push.id),
    });
    Ok(())
}

/// Notes what has become of the branches of an active pull request: pushes to its source, a target that has moved, and
/// commits that have come to the target by another way.
pub(super) fn note(ctx: &RepoContext, pull: &PullRequest) -> Result<PullRequest, Refused> {
    let repository = ctx.open()?;
    let filter = PushFilter {
        reference: Some(pull.source.clone()),
        after: Some(pull.last_push),
        top: usize::try_from(ITERATIONS).unwrap_or(usize::MAX),
        ..PushFilter::default()
    };
    let source_repo = pull.fork.unwrap_or(ctx.repo.id);
    let mut pushes = ctx.runtime.block_on(ctx.app.state.pushes(source_repo, &filter))?;
    pushes.reverse();
    let (source, target) =
        (source_tip(ctx, &repository, pull.fork, &pull.source)?, tip(&repository, &pull.target)?);
    let tips = (written(source), written(target));
    if pushes.is_empty() && tips == (pull.merge.source.clone(), pull.merge.target.clone()) {
        return Ok(pull.clone());
    }
    let is_merged = match (source, target) {
        (Some(source), Some(target)) => {
            tips.1 != pull.merge.target && ctx.merge_bases(&repository, source, target)? == [source]
        }
        _ => false,
    };
    let on_target = PushFilter { reference: Some(pull.target.clone()), top: 1, ..PushFilter::default() };
    let merger = ctx.runtime.block_on(ctx.app.state.pushes(ctx.repo.id, &on_target))?;
    let (pull, ()) = edit_as(ctx, &pull.id.to_string(), |change, pull| {
        if pull.status != PullStatus::Active {
            return Ok(());
        }
        for push in &pushes {
            pull.last_push = pull.last_push.max(push.id);
            let moved = push.refs.iter().find(|one| one.name == pull.source);
            let Some(new) = moved.and_then(|one| one.new.clone()) else { continue };
            let reason = reason(ctx, &repository, &pull.merge.source, &new)?;
            let commits = new_commits(ctx, &repository, pull, &new).unwrap_or_default();
            pull.merge.source = new;
            activity::pushed(ctx, change, pull, push.user, &commits);
            add(ctx, &repository, change, pull, reason, Some(push))?;
        }
        if pull.merge.source != tips.0 && source.is_some() {
            pull.merge.source.clone_from(&tips.0);
            add(ctx, &repository, change, pull, IterationReason::Unknown, None)?;
        }
        if !pushes.is_empty() {
            policies::source_pushed(&ctx.app, &change.directory, &ctx.repo, pull);
        }
        if pull.merge.target != tips.1 {
            pull.target_updated = Some(now(ctx));
        }
        (pull.merge.source, pull.merge.target) = tips;
        pull.merge.conflicts.clear();
        pull.merge.status = MergeStatus::Queued;
        // While its completion is in the queue, that decides.
        if is_merged && pull.queued.is_none() {
            pull.status = PullStatus::Completed;
            pull.closed = Some(now(ctx));
            pull.closed_by = merger.first().map(|push| push.user);
            pull.merge.status = MergeStatus::Succeeded;
            pull.merge.commit = Some(pull.merge.target.clone());
        }
        Ok(())
    })?;
    Ok(pull)
}

/// The commits that a push brings to the source, newest first.
fn new_commits(
    ctx: &RepoContext,
    repository: &gix::Repository,
    pull: &PullRequest,
    new: &str,
) -> Result<Vec<ObjectId>, Refused> {
    let Some(tip) = merged_tip(new) else { return Ok(Vec::new()) };
    let hidden =
        [&pull.merge.source, &pull.merge.target].into_iter().filter_map(|old| merged_tip(old)).collect();
    let options = LogOptions { tips: vec![tip], hidden, ..LogOptions::default() };
    ctx.log(repository, options, 0, COMMITS_TOLD, |_| Ok(true))
}

fn reason(
    ctx: &RepoContext,
    repository: &gix::Repository,
    old: &str,
    new: &str,
) -> Result<IterationReason, Refused> {
    let (Some(old), Some(new)) = (merged_tip(old), merged_tip(new)) else { return Ok(IterationReason::Push) };
    let is_forward = ctx.merge_bases(repository, old, new)?.first() == Some(&old);
    Ok(if is_forward { IterationReason::Push } else { IterationReason::ForcePush })
}

/// The iterations of a pull request, oldest first.
pub(crate) fn list(ctx: &RepoContext, pull: &PullRequest) -> Vec<Iteration> {
    ctx.app.state.directory().pulls.iterations_of(pull).cloned().collect()
}

/// One of them.
pub(crate) fn one(ctx: &RepoContext, pull: &PullRequest, id: &str) -> Result<Iteration, Refused> {
    let key = (pull.account, pull.id, number("iteration", id)?);
    let found = ctx.app.state.directory().pulls.iterations.get(&key).map(|one| Iteration::clone(one));
    found.ok_or_else(|| no_part("iteration", id))
}

/// The commits that the source has and the target lacks, newest first.
pub(crate) fn commits(
    ctx: &RepoContext,
    repository: &gix::Repository,
    (source, target): (&str, &str),
    (skip, top): (usize, usize),
) -> Result<Vec<ObjectId>, Refused> {
    let Some(source) = merged_tip(source) else { return Ok(Vec::new()) };
    let hidden = merged_tip(target).into_iter().collect();
    let options = LogOptions { tips: vec![source], hidden, ..LogOptions::default() };
    ctx.log(repository, options, skip, top, |_| Ok(true))
}

/// The files that an iteration changes, beside the merge base or, with `from`, beside another iteration's source.
pub(crate) fn changes(
    ctx: &RepoContext,
    repository: &gix::Repository,
    iteration: &Iteration,
    from: Option<&Iteration>,
) -> Result<Vec<FileChange>, Refused> {
    let Some(source) = merged_tip(&iteration.source) else { return Ok(Vec::new()) };
    let base = match from {
        Some(from) => merged_tip(&from.source),
        None => iteration.common.as_deref().and_then(merged_tip),
    };
    Ok(changed_files::between(repository, &ctx.work, base, source)?)
}
