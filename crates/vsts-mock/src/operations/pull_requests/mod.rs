//! Pull requests: made, changed, reviewed, merged and completed.
//!
//! A request changes the record, and adds the repository to the merge queue if something has to be done with its
//! branches. The worker of [`queue`] does that: it notes pushes, makes merges and completes. Who reads a pull request
//! waits until the worker has done what is due.

pub(crate) mod activity;
pub(crate) mod attachments;
pub(crate) mod complete;
pub(crate) mod create;
pub(crate) mod fork;
pub(crate) mod iterations;
pub(crate) mod labels;
pub(crate) mod list;
mod merge;
mod merging;
pub(crate) mod policies;
pub(crate) mod policy_configurations;
pub(crate) mod queue;
pub(crate) mod reviewers;
pub(crate) mod statuses;
pub(crate) mod threads;
pub(crate) mod update;

use gix::ObjectId;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::context::RepoContext;
use super::refused::Refused;
use super::signature::Person;
use super::versions::commit_at_ref;
use crate::access::{Permission, Target, authorize};
use crate::directory::pull_request::PullStatus;
use crate::directory::{Directory, PullRequest};
use crate::limits::FACTS_BYTES;
use crate::state::Change;

/// The pull request of that number in the repository, after what is due has been done. Blocks.
pub(crate) fn find(ctx: &RepoContext, id: &str) -> Result<PullRequest, Refused> {
    let found = stored(ctx, &ctx.app.state.directory(), id)?;
    if found.status == PullStatus::Active {
        let repository = ctx.open()?;
        let tips = (
            fork::source_tip(ctx, &repository, found.fork, &found.source)?,
            tip(&repository, &found.target)?,
        );
        // Its folder is a plain one: somebody may have moved a branch there.
        if tips != (merged_tip(&found.merge.source), merged_tip(&found.merge.target)) {
            ctx.app.merge_queue.add(ctx.repo.id);
        }
    }
    ctx.runtime.block_on(ctx.app.merge_queue.settled(ctx.repo.id));
    stored(ctx, &ctx.app.state.directory(), id)
}

/// The pull request of that number, as the directory has it.
fn stored(ctx: &RepoContext, directory: &Directory, id: &str) -> Result<PullRequest, Refused> {
    let found = id.parse().ok().and_then(|id| directory.pulls.get(ctx.repo.account, id));
    found.filter(|pull| pull.repo == ctx.repo.id).cloned().ok_or(Refused::NoPullRequest)
}

/// Changes a pull request, for somebody who may work on it. Blocks.
pub(crate) fn edit<T>(
    ctx: &RepoContext,
    id: &str,
    edit: impl FnOnce(&mut Change<'_>, &mut PullRequest) -> Result<T, Refused>,
) -> Result<(PullRequest, T), Refused> {
    edit_as(ctx, id, |change, pull| {
        let permission = Permission::PullRequestContribute;
        authorize(&change.directory, &ctx.principal, permission, Target::Repo(&ctx.repo))?;
        edit(change, pull)
    })
}

/// Changes a pull request, whoever asks.
fn edit_as<T>(
    ctx: &RepoContext,
    id: &str,
    edit: impl FnOnce(&mut Change<'_>, &mut PullRequest) -> Result<T, Refused>,
) -> Result<(PullRequest, T), Refused> {
    ctx.runtime.block_on(async {
        let mut change = ctx.app.state.change().await;
        let before = stored(ctx, &change.directory, id)?;
        let mut pull = before.clone();
        let value = edit(&mut change, &mut pull)?;
        if pull != before {
            change.put(pull.clone());
            activity::changed(ctx, &mut change, &before, &pull);
        }
        change.commit().await?;
        Ok((pull, value))
    })
}

/// The commit at a branch.
fn tip(repository: &gix::Repository, name: &str) -> Result<Option<ObjectId>, Refused> {
    commit_at_ref(repository, name.into())
}

/// The tip that was merged; none if the branch was not there.
fn merged_tip(text: &str) -> Option<ObjectId> {
    ObjectId::from_hex(text.as_bytes()).ok()
}

fn written(tip: Option<ObjectId>) -> String {
    tip.map(|id| id.to_string()).unwrap_or_default()
}

/// A branch without what its full name begins with.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// The present time as it is stored.
fn now(ctx: &RepoContext) -> Timestamp {
    let now = ctx.app.clock.now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The signature of a user at a time.
fn signature(ctx: &RepoContext, user: Uuid, time: Timestamp) -> Result<String, Refused> {
    let directory = ctx.app.state.directory();
    let known = directory.users.get(&user);
    let name = known.map_or("Anonymous", |user| user.name.as_str());
    let email = known.and_then(|user| user.email.as_deref()).unwrap_or(name);
    Person { name: Some(name), email: Some(email), time: Some(time) }.signature(ctx)
}

/// Refuses JSON of a client that is too large to keep.
fn check_facts(what: &str, value: &Value) -> Result<(), Refused> {
    if value.to_string().len() > FACTS_BYTES {
        return Err(Refused::Invalid(format!("{what} has more than {} KiB.", FACTS_BYTES >> 10)));
    }
    Ok(())
}

/// Refuses a text that is too long.
fn check_text(what: &str, text: &str, most: usize) -> Result<(), Refused> {
    if text.encode_utf16().count() > most {
        return Err(Refused::Invalid(format!("{what} has more than {most} characters.")));
    }
    Ok(())
}

/// The number of something in a path.
fn number(what: &'static str, id: &str) -> Result<i64, Refused> {
    id.parse().map_err(|_| no_part(what, id))
}

/// The refusal of a part of a pull request that is not there.
fn no_part(what: &'static str, id: &str) -> Refused {
    Refused::NoPart { what, id: id.to_owned() }
}

/// Returns whether a commit is one that a pull request takes, or has taken, into its target.
pub(crate) fn is_of_commit(
    ctx: &RepoContext,
    repository: &gix::Repository,
    pull: &PullRequest,
    commit: ObjectId,
) -> Result<bool, Refused> {
    let (Some(source), Some(target)) = (merged_tip(&pull.merge.source), merged_tip(&pull.merge.target))
    else {
        return Ok(false);
    };
    let is_there =
        repository.try_find_header(commit)?.is_some_and(|one| one.kind() == gix::objs::Kind::Commit);
    let is_below = |tip| Ok::<_, Refused>(ctx.merge_bases(repository, commit, tip)?.first() == Some(&commit));
    Ok(is_there && is_below(source)? && !is_below(target)?)
}
