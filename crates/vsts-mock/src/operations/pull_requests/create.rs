//! New pull requests.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::{check_text, fork, labels, now, policies, reviewers, written};
use crate::access::{Permission, Target, Viewer, authorize, reads_work};
use crate::directory::PullRequest;
use crate::directory::pull_request::{CompletionOptions, IterationReason, Merge, MergeStatus, PullStatus};
use crate::limits::{
    ACTIVE_PULL_REQUESTS, PULL_REQUEST_DESCRIPTION, PULL_REQUEST_PARTS, PULL_REQUEST_TITLE, REF_NAME_BYTES,
};
use crate::registry::work_items::Stamp;
use crate::registry::{WorkItemError, random_id};
use crate::state::{Change, PushFilter};

/// A pull request to make.
#[derive(Debug, Default)]
pub(crate) struct NewPullRequest<'a> {
    /// The repository with the source branch; the pull request's own without it.
    pub(crate) fork: Option<Uuid>,
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) is_draft: bool,
    /// The reviewers, and whether each is required.
    pub(crate) reviewers: Vec<(Uuid, bool)>,
    pub(crate) labels: Vec<&'a str>,
    pub(crate) work_items: Vec<String>,
    pub(crate) completion: Option<CompletionOptions>,
}

/// Makes a pull request; its merge is queued. Blocks.
pub(crate) fn create(ctx: &RepoContext, new: &NewPullRequest<'_>) -> Result<PullRequest, Refused> {
    let permission = Permission::PullRequestContribute;
    authorize(&ctx.directory, &ctx.principal, permission, Target::Repo(&ctx.repo))?;
    check_title(new.title)?;
    check_description(new.description.unwrap_or_default())?;
    let fork = fork::named(ctx, new.fork)?;
    if fork.is_none() && new.source == new.target {
        return Err(Refused::invalid("The source branch and the target branch have to be different."));
    }
    if new.work_items.len() > PULL_REQUEST_PARTS {
        return Err(Refused::Invalid(format!("A pull request has at most {PULL_REQUEST_PARTS} work items.")));
    }
    let repository = ctx.open()?;
    let (source, target) = branches(ctx, &repository, (fork, new.source), new.target)?;
    let newest = PushFilter { top: 1, ..PushFilter::default() };
    ctx.runtime.block_on(async {
        let last = ctx.app.state.pushes(fork.unwrap_or(ctx.repo.id), &newest).await?;
        let now = now(ctx);
        let mut change = ctx.app.state.change().await;
        if change.directory.pulls.active_in(ctx.repo.id).len() >= ACTIVE_PULL_REQUESTS {
            return Err(Refused::Invalid(format!(
                "The repository has {ACTIVE_PULL_REQUESTS} active pull requests, the most that it may have. Complete or abandon some."
            )));
        }
        check_unique(ctx, &change, (fork, new.source), new.target, None)?;
        let mut pull = PullRequest {
            account: ctx.repo.account,
            id: change.directory.pulls.next_id(ctx.repo.account),
            repo: ctx.repo.id,
            title: new.title.to_owned(),
            description: new.description.filter(|text| !text.is_empty()).map(str::to_owned),
            fork,
            source: new.source.to_owned(),
            target: new.target.to_owned(),
            status: PullStatus::Active,
            is_draft: new.is_draft,
            creator: ctx.principal.user.unwrap_or_default(),
            created: now,
            closed: None,
            closed_by: None,
            merge: queued(written(Some(source)), written(Some(target))),
            target_updated: None,
            last_push: last.first().map_or(0, |push| push.id),
            reviewers: Vec::new(),
            labels: Vec::new(),
            work_items: Vec::new(),
            properties: BTreeMap::new(),
            completion: new.completion.clone(),
            queued: None,
            auto_complete: None,
        };
        for (id, is_required) in &new.reviewers {
            reviewers::put(&change, &mut pull, *id, Some(*is_required))?;
        }
        for name in &new.labels {
            labels::put(&mut pull, name)?;
        }
        policies::add_required_reviewers(ctx, &repository, &change.directory, &mut pull)?;
        super::iterations::add(ctx, &repository, &mut change, &pull, IterationReason::Create, None)?;
        change.put(pull.clone());
        for id in &new.work_items {
            let stamp = Stamp::new(pull.creator, now);
            link(ctx, &mut change, id, &pull, stamp)?;
        }
        let stored = change.directory.pulls.get(pull.account, pull.id);
        let pull = stored.cloned().unwrap_or(pull);
        change.commit().await?;
        ctx.app.merge_queue.add(ctx.repo.id);
        Ok(pull)
    })
}

/// Links a work item, which has to be one that the creator may know of.
fn link(
    ctx: &RepoContext,
    change: &mut Change<'_>,
    id: &str,
    pull: &PullRequest,
    stamp: Stamp,
) -> Result<(), Refused> {
    let found = id.parse().ok().and_then(|id| change.directory.work.get(pull.account, id));
    let project = found.and_then(|item| change.directory.projects.get(&item.project));
    let viewer = Viewer::new(&change.directory, &ctx.principal);
    if !project.is_some_and(|project| reads_work(&viewer, project)) {
        return Err(WorkItemError::no_item(id).into());
    }
    Ok(change.link_work_item(id, pull, ctx.repo.project, stamp)?)
}

/// A merge that is due.
pub(super) fn queued(source: String, target: String) -> Merge {
    Merge {
        id: random_id(),
        status: MergeStatus::Queued,
        source,
        target,
        commit: None,
        conflicts: Vec::new(),
        message: None,
        failure: None,
    }
}

/// The tips of both branches, which have to be there.
pub(super) fn branches(
    ctx: &RepoContext,
    repository: &gix::Repository,
    (fork, source): (Option<Uuid>, &str),
    target: &str,
) -> Result<(gix::ObjectId, gix::ObjectId), Refused> {
    ctx.work.check()?;
    let at = |fork: Option<Uuid>, name: &str| {
        let is_branch = name.starts_with("refs/heads/") && name.len() <= REF_NAME_BYTES;
        if is_branch { fork::source_tip(ctx, repository, fork, name) } else { Ok(None) }
    };
    match (at(fork, source)?, at(None, target)?) {
        (Some(source), Some(target)) => Ok((source, target)),
        _ => Err(Refused::PullRequestNotActivated),
    }
}

/// Refuses a second active pull request of the same two branches.
pub(super) fn check_unique(
    ctx: &RepoContext,
    change: &Change<'_>,
    (fork, source): (Option<Uuid>, &str),
    target: &str,
    own: Option<i64>,
) -> Result<(), Refused> {
    let pulls = &change.directory.pulls;
    let active = pulls.active_in(ctx.repo.id);
    let is_same = |id: i64| {
        let other = pulls.get(ctx.repo.account, id);
        Some(id) != own
            && other.is_some_and(|other| {
                (other.fork, other.source.as_str(), other.target.as_str()) == (fork, source, target)
            })
    };
    if active.into_iter().any(is_same) { Err(Refused::PullRequestExists) } else { Ok(()) }
}

pub(super) fn check_title(title: &str) -> Result<(), Refused> {
    if title.trim().is_empty() {
        return Err(Refused::invalid("Invalid argument value.\r\nParameter name: A title must be provided."));
    }
    check_text("The title", title, PULL_REQUEST_TITLE)
}

pub(super) fn check_description(description: &str) -> Result<(), Refused> {
    check_text("The description", description, PULL_REQUEST_DESCRIPTION)
}
