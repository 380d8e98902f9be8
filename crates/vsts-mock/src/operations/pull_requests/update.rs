//! Changes of pull requests: their texts, their target, and what becomes of them.

use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::create::{branches, check_description, check_title, check_unique, queued};
use super::{complete, edit, find, iterations, now, written};
use crate::access::authorize_update;
use crate::directory::PullRequest;
use crate::directory::pull_request::{CompletionOptions, IterationReason, PullStatus};
use git_wire::UpdateKind;

/// The changes of a pull request; a field that is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct PullRequestUpdate<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
    pub(crate) is_draft: Option<bool>,
    pub(crate) status: Option<PullStatus>,
    pub(crate) completion: Option<CompletionOptions>,
    /// The user for whom it completes by itself; nobody any more with the id that is nil.
    pub(crate) auto_complete: Option<Uuid>,
    /// The tip of the source branch that is to be completed.
    pub(crate) source_commit: Option<&'a str>,
}

impl PullRequestUpdate<'_> {
    fn is_text_alone(&self) -> bool {
        let Self { title: _, description: _, target, is_draft, status, completion, auto_complete, .. } = self;
        target.is_none()
            && is_draft.is_none()
            && status.is_none()
            && completion.is_none()
            && auto_complete.is_none()
    }
}

/// Changes a pull request. Blocks.
pub(crate) fn update(
    ctx: &RepoContext,
    id: &str,
    new: &PullRequestUpdate<'_>,
) -> Result<PullRequest, Refused> {
    // What is due comes first: a completion is about the tips as they are.
    find(ctx, id)?;
    let repository = ctx.open()?;
    let (pull, ()) = edit(ctx, id, |change, pull| {
        if let Some(title) = new.title {
            check_title(title)?;
            title.clone_into(&mut pull.title);
        }
        if let Some(description) = new.description {
            check_description(description)?;
            pull.description = Some(description.to_owned()).filter(|text| !text.is_empty());
        }
        if new.is_text_alone() {
            return Ok(());
        }
        match (pull.status, new.status) {
            (PullStatus::Active, _) => {}
            (PullStatus::Abandoned, Some(PullStatus::Active)) => {
                let (source, target) = branches(ctx, &repository, (pull.fork, &pull.source), &pull.target)?;
                check_unique(ctx, change, (pull.fork, &pull.source), &pull.target, Some(pull.id))?;
                pull.status = PullStatus::Active;
                (pull.closed, pull.closed_by, pull.queued) = (None, None, None);
                let merged = pull.merge.commit.take();
                pull.merge = queued(written(Some(source)), written(Some(target)));
                // The next merge is another one than this.
                pull.merge.commit = merged;
            }
            _ => return Err(Refused::PullRequestNotEditable),
        }
        if let Some(target) = new.target.filter(|target| *target != pull.target) {
            let (source, tip) = branches(ctx, &repository, (pull.fork, &pull.source), target)?;
            check_unique(ctx, change, (pull.fork, &pull.source), target, Some(pull.id))?;
            target.clone_into(&mut pull.target);
            pull.merge = queued(written(Some(source)), written(Some(tip)));
            iterations::add(ctx, &repository, change, pull, IterationReason::Retarget, None)?;
        }
        if let Some(is_draft) = new.is_draft {
            pull.is_draft = is_draft;
        }
        if let Some(completion) = &new.completion {
            pull.completion = Some(completion.clone());
        }
        if let Some(user) = new.auto_complete {
            let user = Some(user).filter(|user| !user.is_nil());
            if user.is_some() && user != ctx.principal.user {
                return Err(Refused::invalid("autoCompleteSetBy has to be the user who asks."));
            }
            if user.is_some() {
                let kind = UpdateKind::FastForward;
                authorize_update(&change.directory, &ctx.principal, &ctx.repo, &pull.target, kind)?;
                pull.completion.get_or_insert_default();
            }
            pull.auto_complete = user;
        }
        match new.status {
            Some(PullStatus::Abandoned) => {
                if pull.queued.is_some() {
                    return Err(Refused::PullRequestNotEditable);
                }
                pull.status = PullStatus::Abandoned;
                (pull.closed, pull.closed_by) = (Some(now(ctx)), ctx.principal.user);
                pull.auto_complete = None;
            }
            Some(PullStatus::Completed) => {
                complete::queue(ctx, &repository, &change.directory, pull, new.source_commit)?;
            }
            Some(PullStatus::Active) | None => {}
        }
        Ok(())
    })?;
    ctx.app.merge_queue.add(ctx.repo.id);
    Ok(pull)
}
