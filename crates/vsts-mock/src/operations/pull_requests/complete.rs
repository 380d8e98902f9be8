//! Completions: a request queues one, and the worker lands it on the target as a push of who asked for it.
//!
//! The record names the commit before it is pushed, so that a server that was killed between the push and the record
//! knows that it has landed.

use git_wire::UpdateKind;
use gix::ObjectId;
use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::new_objects::NewObjects;
use super::super::push::{Command, push_one_through};
use super::super::refused::Refused;
use super::super::versions::default_branch;
use super::super::work::Work;
use super::fork::{source_repo, source_tip};
use super::merging::{Merged, Merger};
use super::{edit_as, merge, merged_tip, now, policies, short, signature, tip, written};
use crate::access::{Permission, Permissions, Principal, Target, authorize, authorize_update};
use crate::directory::pull_request::{MergeStatus, MergeStrategy, PullStatus, QueuedCompletion};
use crate::directory::{Directory, PullRequest};
use crate::hosting::PushOrigin;
use crate::limits::COMPLETION_ATTEMPTS;
use crate::registry::work_items::Stamp;

/// Queues the completion of an active pull request, if the principal may.
pub(super) fn queue(
    ctx: &RepoContext,
    repository: &gix::Repository,
    directory: &Directory,
    pull: &mut PullRequest,
    source_commit: Option<&str>,
) -> Result<(), Refused> {
    let kind = UpdateKind::FastForward;
    authorize_update(directory, &ctx.principal, &ctx.repo, &pull.target, kind)?;
    let options = pull.completion.get_or_insert_default().clone();
    if options.bypass {
        let (permission, target) =
            (Permission::PullRequestBypassPolicy, Target::Ref(&ctx.repo, pull.target.as_str()));
        authorize(directory, &ctx.principal, permission, target)?;
    }
    let (source, target) =
        (source_tip(ctx, repository, pull.fork, &pull.source)?, tip(repository, &pull.target)?);
    if source.is_none() || target.is_none() {
        return Err(Refused::PullRequestNotActivated);
    }
    if source_commit != Some(written(source).as_str()) {
        return Err(Refused::PullRequestStale);
    }
    if pull.is_draft {
        return Err(Refused::PullRequestNotEditable);
    }
    let are_merged = (merged_tip(&pull.merge.source), merged_tip(&pull.merge.target)) == (source, target);
    if pull.merge.status == MergeStatus::Conflicts && are_merged {
        return Err(Refused::PullRequestConflicts { files: pull.merge.conflicts.clone() });
    }
    if !options.bypass {
        policies::check(ctx, repository, directory, pull, options.strategy())?;
    }
    pull.merge.status = MergeStatus::Queued;
    let by = ctx.principal.user.unwrap_or_default();
    pull.queued = Some(QueuedCompletion { by, time: now(ctx), source: written(source), landing: None });
    pull.closed_by = Some(by);
    Ok(())
}

/// Queues the completion of a pull request that completes by itself, once nothing is in its way.
pub(super) fn queue_auto(ctx: &RepoContext, pull: &PullRequest) -> Result<PullRequest, Refused> {
    let Some(user) = pull.auto_complete.filter(|_| pull.queued.is_none()) else { return Ok(pull.clone()) };
    if pull.merge.status != MergeStatus::Succeeded || pull.is_draft || pull.status != PullStatus::Active {
        return Ok(pull.clone());
    }
    let repository = ctx.open()?;
    let as_user = acting(ctx, user);
    let (pull, ()) = edit_as(ctx, &pull.id.to_string(), |change, pull| {
        let source = pull.merge.source.clone();
        let mut queued = pull.clone();
        if pull.auto_complete == Some(user)
            && queue(&as_user, &repository, &change.directory, &mut queued, Some(&source)).is_ok()
        {
            *pull = queued;
        }
        Ok(())
    })?;
    Ok(pull)
}

/// The context of a user, for what the server does in their name.
fn acting(ctx: &RepoContext, user: Uuid) -> RepoContext {
    let directory = ctx.app.state.directory();
    let name = directory.identity_name(user).unwrap_or_default().to_owned();
    let principal = Principal { user: Some(user), name, token: None, key: None, ceiling: Permissions::ALL };
    RepoContext::new(&ctx.app, directory, &principal, ctx.repo.clone(), Work::new())
}

/// The end of an attempt to complete.
enum Landed {
    /// The commit is on the target.
    At(ObjectId),
    /// The target has moved.
    Overtaken,
    /// It can't be completed.
    Failed(MergeStatus, Vec<String>, String),
}

/// Lands the completion that is queued. It happens as a whole, or the pull request stays active.
pub(super) fn run(ctx: &RepoContext, pull: &PullRequest) -> Result<PullRequest, Refused> {
    let Some(queued) = pull.queued.clone().filter(|_| pull.status == PullStatus::Active) else {
        return Ok(pull.clone());
    };
    let mut outcome = Landed::Overtaken;
    for _ in 0..COMPLETION_ATTEMPTS {
        let as_user = acting(ctx, queued.by);
        outcome = match merge::guarded(|| land(&as_user, pull.id)) {
            Ok(landed) => landed,
            Err(Refused::StaleRef { .. }) => Landed::Overtaken,
            Err(error) => {
                tracing::warn!(%error, pull = pull.id, "a pull request could not be completed");
                Landed::Failed(MergeStatus::Failure, Vec::new(), error.to_string())
            }
        };
        match outcome {
            Landed::Overtaken => {}
            Landed::At(commit) => return finish(&as_user, pull.id, commit),
            Landed::Failed(..) => break,
        }
    }
    let (status, conflicts, message) = match outcome {
        Landed::Failed(status, conflicts, message) => (status, conflicts, message),
        _ => (MergeStatus::Failure, Vec::new(), "The target branch moves too often.".to_owned()),
    };
    let (pull, ()) = edit_as(ctx, &pull.id.to_string(), |_, pull| {
        if pull.queued.as_ref().is_some_and(|now| now.time == queued.time) {
            (pull.queued, pull.closed_by, pull.auto_complete) = (None, None, None);
            pull.merge.status = status;
            (pull.merge.conflicts, pull.merge.message) = (conflicts, Some(message));
        }
        Ok(())
    })?;
    Ok(pull)
}

/// Makes the commit of a completion and pushes it to the target.
fn land(ctx: &RepoContext, id: i64) -> Result<Landed, Refused> {
    let text = id.to_string();
    let pull = super::stored(ctx, &ctx.app.state.directory(), &text)?;
    let Some(queued) = pull.queued.clone() else { return Ok(Landed::Overtaken) };
    let repository = ctx.open()?;
    let (source, target) =
        (source_tip(ctx, &repository, pull.fork, &pull.source)?, tip(&repository, &pull.target)?);
    let gone = || Landed::Failed(MergeStatus::Failure, Vec::new(), "A branch no longer exists.".to_owned());
    let Some(target) = target else { return Ok(gone()) };
    if let Some(landing) = queued.landing.as_deref().and_then(merged_tip)
        && has_landed(ctx, &repository, landing, target)?
    {
        return Ok(Landed::At(landing));
    }
    let Some(source) = source else { return Ok(gone()) };
    if Some(source) != merged_tip(&queued.source) {
        let message = "The source branch has moved since the completion was asked for.".to_owned();
        return Ok(Landed::Failed(MergeStatus::Queued, Vec::new(), message));
    }
    let options = pull.completion.clone().unwrap_or_default();
    if !options.bypass {
        let directory = ctx.app.state.directory();
        if let Err(refused) = policies::check(ctx, &repository, &directory, &pull, options.strategy()) {
            let message = refused.to_string();
            return Ok(Landed::Failed(MergeStatus::RejectedByPolicy, Vec::new(), message));
        }
    }
    let merger = Merger::new(ctx, &repository)?;
    let made = commit(ctx, &merger, &pull, options.strategy(), (source, target), queued.by)?;
    let commit = match made {
        Merged::Clean(commit) => commit,
        Merged::Conflicts(files) => {
            return Ok(Landed::Failed(MergeStatus::Conflicts, files, String::new()));
        }
        Merged::Unrelated => {
            return Ok(Landed::Failed(MergeStatus::Failure, Vec::new(), "No common history.".to_owned()));
        }
    };
    let (_, is_queued) = edit_as(ctx, &text, |_, pull| {
        let now = pull.queued.as_mut().filter(|now| now.time == queued.time);
        Ok(now.map(|now| now.landing = Some(commit.to_string())).is_some())
    })?;
    if !is_queued {
        return Ok(Landed::Overtaken);
    }
    if commit != target {
        let command = Command { name: pull.target.clone(), old: Some(target), new: Some(commit) };
        push_one_through(ctx, &command, &merger.pack(commit)?, PushOrigin::Completion)?;
    }
    Ok(Landed::At(commit))
}

/// Returns whether a commit that was about to land is on the target.
fn has_landed(
    ctx: &RepoContext,
    repository: &gix::Repository,
    landing: ObjectId,
    target: ObjectId,
) -> Result<bool, Refused> {
    if repository.try_find_header(landing)?.is_none() {
        return Ok(false);
    }
    match ctx.merge_bases(repository, landing, target) {
        Ok(bases) => Ok(bases == [landing]),
        Err(error) => {
            ctx.work.check()?;
            // A server that was killed amid the push may have kept the commit, and not what it stands on.
            tracing::debug!(%error, %landing, "a commit that was about to land is not whole");
            Ok(false)
        }
    }
}

/// Makes the commit that lands.
fn commit(
    ctx: &RepoContext,
    merger: &Merger<'_>,
    pull: &PullRequest,
    strategy: MergeStrategy,
    (source, target): (ObjectId, ObjectId),
    by: Uuid,
) -> Result<Merged, Refused> {
    let time = now(ctx);
    let committer = signature(ctx, by, time)?;
    let message = message(pull);
    if matches!(strategy, MergeStrategy::Rebase | MergeStrategy::RebaseMerge) {
        return Ok(match merger.replay(source, target, &committer)? {
            Merged::Clean(tip) if strategy == MergeStrategy::RebaseMerge => {
                let tree = merger.tree(tip)?;
                Merged::Clean(merger.write(tree, &[target, tip], &committer, &committer, &message)?)
            }
            other => other,
        });
    }
    let tree = match merger.merge(target, source)? {
        Merged::Clean(tree) => tree,
        other => return Ok(other),
    };
    let made = if strategy == MergeStrategy::Squash {
        let author = signature(ctx, pull.creator, time)?;
        merger.write(tree, &[target], &author, &committer, &message)
    } else {
        merger.write(tree, &[target, source], &committer, &committer, &message)
    };
    Ok(Merged::Clean(made?))
}

/// The message of the commit that lands.
fn message(pull: &PullRequest) -> String {
    let given = pull.completion.as_ref().and_then(|options| options.message.as_deref());
    if let Some(given) = given.filter(|message| !message.trim().is_empty()) {
        return given.to_owned();
    }
    let mut message = format!("Merged PR {}: {}", pull.id, pull.title);
    if let Some(description) = &pull.description {
        message.push_str("\n\n");
        message.push_str(description);
    }
    if !pull.work_items.is_empty() {
        let items: Vec<String> = pull.work_items.iter().map(|id| format!("#{id}")).collect();
        message.push_str("\n\nRelated work items: ");
        message.push_str(&items.join(", "));
    }
    message
}

/// Records that a commit has landed, and removes the source branch if that was asked for.
fn finish(ctx: &RepoContext, id: i64, commit: ObjectId) -> Result<PullRequest, Refused> {
    let pull = super::stored(ctx, &ctx.app.state.directory(), &id.to_string())?;
    let queued_source = pull.queued.as_ref().map(|queued| queued.source.clone()).unwrap_or_default();
    if pull.completion.as_ref().is_some_and(|options| options.delete_source)
        && let Err(error) = delete_source(ctx, &pull, &queued_source)
    {
        tracing::info!(%error, pull = id, branch = short(&pull.source), "the source branch stays");
    }
    let repository = ctx.open()?;
    let target = tip(&repository, &pull.target)?;
    let (pull, ()) = edit_as(ctx, &id.to_string(), |change, pull| {
        if pull.completion.as_ref().is_some_and(|options| options.transition_work_items) {
            let by = ctx.principal.user.unwrap_or_default();
            change.transition_work_items(pull, Stamp::new(by, now(ctx)));
        }
        pull.status = PullStatus::Completed;
        pull.closed = Some(now(ctx));
        pull.closed_by = ctx.principal.user;
        pull.merge.status = MergeStatus::Succeeded;
        pull.merge.source.clone_from(&queued_source);
        // The tip before it landed is what was merged, unless the commit is of the source itself.
        let first = repository.find_commit(commit)?.parent_ids().next().map(gix::Id::detach);
        pull.merge.target = written(first.or(target));
        pull.merge.commit = Some(commit.to_string());
        pull.merge.conflicts.clear();
        pull.merge.message = None;
        Ok(())
    })?;
    Ok(pull)
}

fn delete_source(ctx: &RepoContext, pull: &PullRequest, source: &str) -> Result<(), Refused> {
    // The rights of who completes count where the branch is.
    let Some(repo) = source_repo(ctx, pull) else { return Ok(()) };
    let ctx = &RepoContext::new(&ctx.app, ctx.app.state.directory(), &ctx.principal, repo, Work::new());
    let repository = ctx.open()?;
    let old = tip(&repository, &pull.source)?.filter(|tip| Some(*tip) == merged_tip(source));
    let is_default = default_branch(&repository)?.as_deref() == Some(short(&pull.source));
    let Some(old) = old.filter(|_| !is_default) else { return Ok(()) };
    let command = Command { name: pull.source.clone(), old: Some(old), new: None };
    push_one_through(ctx, &command, &NewObjects::new(&repository).finish()?, PushOrigin::Client)
}
