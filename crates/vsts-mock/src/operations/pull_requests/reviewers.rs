//! Reviewers and their votes.

use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::{edit, no_part};
use crate::directory::PullRequest;
use crate::directory::pull_request::{PullStatus, Reviewer};
use crate::limits::PULL_REQUEST_PARTS;
use crate::state::Change;

/// The votes that there are.
const VOTES: [i64; 5] = [-10, -5, 0, 5, 10];

/// The change of a reviewer; a field that is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReviewerUpdate {
    pub(crate) vote: Option<i64>,
    pub(crate) is_required: Option<bool>,
    pub(crate) is_flagged: Option<bool>,
    pub(crate) has_declined: Option<bool>,
}

/// Adds a reviewer who is known, or changes whether it is required.
pub(super) fn put(
    change: &Change<'_>,
    pull: &mut PullRequest,
    id: Uuid,
    is_required: Option<bool>,
) -> Result<(), Refused> {
    if change.directory.identity_name(id).is_none() {
        return Err(no_part("reviewer", &id.to_string()));
    }
    if let Some(known) = pull.reviewers.iter_mut().find(|reviewer| reviewer.id == id) {
        known.is_required = is_required.unwrap_or(known.is_required);
        return Ok(());
    }
    if pull.reviewers.len() >= PULL_REQUEST_PARTS {
        return Err(Refused::Invalid(format!("A pull request has at most {PULL_REQUEST_PARTS} reviewers.")));
    }
    pull.reviewers.push(Reviewer {
        id,
        vote: 0,
        is_required: is_required.unwrap_or_default(),
        is_flagged: false,
        has_declined: false,
    });
    Ok(())
}

fn check_active(pull: &PullRequest) -> Result<(), Refused> {
    if pull.status == PullStatus::Active { Ok(()) } else { Err(Refused::PullRequestNotEditable) }
}

/// Adds reviewers, or one and its vote, which only that user can cast. Blocks.
pub(crate) fn set(
    ctx: &RepoContext,
    pull: &str,
    reviewers: &[(Uuid, ReviewerUpdate)],
) -> Result<PullRequest, Refused> {
    let (pull, ()) = edit(ctx, pull, |change, pull| {
        check_active(pull)?;
        for (id, new) in reviewers {
            let vote = new.vote.unwrap_or_default();
            if !VOTES.contains(&vote) {
                let message = format!("A vote is one of -10, -5, 0, 5 and 10, not {vote}.");
                return Err(Refused::Invalid(message));
            }
            let before = pull.reviewers.iter().find(|one| one.id == *id).map_or(0, |one| one.vote);
            if new.vote.is_some_and(|vote| vote != before) && ctx.principal.user != Some(*id) {
                return Err(Refused::AccessCheck("A vote can be cast for oneself only.".to_owned()));
            }
            put(change, pull, *id, new.is_required)?;
            let known = pull.reviewers.iter_mut().find(|one| one.id == *id);
            let Some(known) = known else { continue };
            known.vote = new.vote.unwrap_or(known.vote);
            known.is_flagged = new.is_flagged.unwrap_or(known.is_flagged);
            known.has_declined = new.has_declined.unwrap_or(known.has_declined);
        }
        Ok(())
    })?;
    ctx.app.merge_queue.add(ctx.repo.id);
    Ok(pull)
}

/// Takes back the votes of some reviewers. Blocks.
pub(crate) fn reset(ctx: &RepoContext, pull: &str, ids: &[Uuid]) -> Result<PullRequest, Refused> {
    let (pull, ()) = edit(ctx, pull, |_, pull| {
        check_active(pull)?;
        pull.reviewers.iter_mut().filter(|one| ids.contains(&one.id)).for_each(|one| one.vote = 0);
        Ok(())
    })?;
    Ok(pull)
}

/// Removes a reviewer. Blocks.
pub(crate) fn remove(ctx: &RepoContext, pull: &str, id: Uuid) -> Result<(), Refused> {
    edit(ctx, pull, |_, pull| {
        check_active(pull)?;
        let before = pull.reviewers.len();
        pull.reviewers.retain(|one| one.id != id);
        if pull.reviewers.len() == before { Err(no_part("reviewer", &id.to_string())) } else { Ok(()) }
    })?;
    Ok(())
}
