//! Statuses that programs post on commits and pull requests.

use gix::objs::Kind;
use serde_json::Value;

use super::super::context::RepoContext;
use super::super::objects;
use super::super::refused::Refused;
use super::{check_facts, check_text, find, no_part, now, number};
use crate::access::{Permission, Target, authorize};
use crate::directory::pull_request::{StatusState, status_subject};
use crate::directory::{Directory, GitStatus, PullRequest, Record};
use crate::limits::{STATUS_CHARS, STATUSES};

/// A status to post.
#[derive(Debug)]
pub(crate) struct NewStatus<'a> {
    pub(crate) state: StatusState,
    pub(crate) name: &'a str,
    pub(crate) genre: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) target_url: Option<&'a str>,
    pub(crate) iteration: Option<i64>,
    pub(crate) properties: Option<Value>,
}

/// The subject of the statuses of a commit that is there.
pub(crate) fn of_commit(repository: &gix::Repository, id: gix::ObjectId) -> Result<String, Refused> {
    objects::check(repository, id, Kind::Commit)?;
    Ok(id.to_string())
}

/// The statuses of a subject, newest first; with `latest`, the last of each context alone.
pub(crate) fn list(directory: &Directory, ctx: &RepoContext, subject: &str, latest: bool) -> Vec<GitStatus> {
    let mut seen = std::collections::HashSet::new();
    let all = directory.pulls.statuses_of(ctx.repo.id, subject).rev();
    let wanted = all.filter(|one| !latest || seen.insert((one.genre.clone(), one.name.clone())));
    wanted.cloned().collect()
}

/// Posts a status on a subject. Blocks.
pub(crate) fn post(ctx: &RepoContext, subject: &str, new: &NewStatus<'_>) -> Result<GitStatus, Refused> {
    if new.name.trim().is_empty() {
        return Err(Refused::invalid("A value is required for context.name."));
    }
    for (what, text) in [
        ("context.name", Some(new.name)),
        ("context.genre", new.genre),
        ("description", new.description),
        ("targetUrl", new.target_url),
    ] {
        check_text(what, text.unwrap_or_default(), STATUS_CHARS)?;
    }
    if let Some(properties) = &new.properties {
        check_facts("properties", properties)?;
    }
    let permission =
        if subject.contains('/') { Permission::PullRequestContribute } else { Permission::GenericContribute };
    let status = ctx.runtime.block_on(async {
        let mut change = ctx.app.state.change().await;
        authorize(&change.directory, &ctx.principal, permission, Target::Repo(&ctx.repo))?;
        let own: Vec<_> = change.directory.pulls.statuses_of(ctx.repo.id, subject).map(Record::key).collect();
        let last = own.last().map_or(0, |(_, _, id)| *id);
        // The oldest make room.
        let surplus = own.len().saturating_sub(STATUSES - 1);
        let gone = own.into_iter().take(surplus);
        change.remove_all::<GitStatus>(gone);
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let status = GitStatus {
            repo: ctx.repo.id,
            subject: subject.to_owned(),
            id: last + 1,
            state: new.state,
            name: new.name.to_owned(),
            genre: text(new.genre),
            description: text(new.description),
            target_url: text(new.target_url),
            creator: ctx.principal.user.unwrap_or_default(),
            created: now(ctx),
            iteration: new.iteration,
            properties: new.properties.clone(),
        };
        change.put(status.clone());
        change.commit().await?;
        Ok::<_, Refused>(status)
    })?;
    // A policy may wait for it.
    if subject.contains('/') {
        ctx.app.merge_queue.add(ctx.repo.id);
    }
    Ok(status)
}

/// Posts a status on a pull request, or on one of its iterations. Blocks.
pub(crate) fn post_on_pull(ctx: &RepoContext, pull: &str, new: &NewStatus<'_>) -> Result<GitStatus, Refused> {
    let pull = find(ctx, pull)?;
    if let Some(iteration) = new.iteration {
        super::iterations::one(ctx, &pull, &iteration.to_string())?;
    }
    post(ctx, &status_subject(pull.id), new)
}

/// One status of a pull request.
pub(crate) fn one(ctx: &RepoContext, pull: &PullRequest, id: &str) -> Result<GitStatus, Refused> {
    let key = (ctx.repo.id, status_subject(pull.id), number("status", id)?);
    let found = ctx.app.state.directory().pulls.statuses.get(&key).map(|one| GitStatus::clone(one));
    found.ok_or_else(|| no_part("status", id))
}

/// Removes statuses of a pull request. Blocks.
pub(crate) fn remove(ctx: &RepoContext, pull: &str, ids: &[&str]) -> Result<(), Refused> {
    let pull = find(ctx, pull)?;
    let keys: Result<Vec<_>, Refused> = ids.iter().map(|id| Ok(one(ctx, &pull, id)?.key())).collect();
    super::edit(ctx, &pull.id.to_string(), |change, _| {
        change.remove_all::<GitStatus>(keys?);
        Ok(())
    })?;
    ctx.app.merge_queue.add(ctx.repo.id);
    Ok(())
}
