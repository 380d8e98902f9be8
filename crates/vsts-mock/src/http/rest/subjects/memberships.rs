//! `_apis/graph/memberships`: who is in what, by subject descriptors.

use serde_json::json;
use uuid::Uuid;

use super::super::Call;
use super::super::failure::{Failure, excerpt};
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::{change_member, find, find_group, no_subject, shapes};
use crate::access::{is_known, sees_subject};
use crate::directory::Directory;
use crate::directory::subject::{self, Subject};

/// The values of a path that name a member and a group.
const MEMBER: &str = "subjectDescriptor";
const GROUP: &str = "containerDescriptor";

/// The direction of a list of memberships.
const DIRECTIONS: [(&str, u64, bool); 3] = [("Unknown", 0, true), ("Down", 1, false), ("Up", 2, true)];

pub(crate) fn list(call: &Call<'_>) -> Outcome {
    let descriptor = call.part(MEMBER);
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let upwards = call.query.choice(&["direction"], &DIRECTIONS)?.unwrap_or(true);
    let found = find(call, &directory, descriptor)?;
    let (Subject::User(id) | Subject::Group(id)) = found else { return Err(no_subject(descriptor)) };
    let others = if upwards { directory.containers_of(id) } else { directory.members_of(id) };
    let base = call.base(account);
    let own = subject::subject_descriptor(&directory, id).unwrap_or_default();
    let shown = others
        .into_iter()
        .filter(|other| sees_subject(&directory, &call.principal, account.id, *other))
        .filter_map(|other| subject::subject_descriptor(&directory, other))
        .map(|other| {
            let (member, group) = if upwards { (&own, &other) } else { (&other, &own) };
            shapes::membership(&base, member, group)
        });
    Ok(Reply::ok(shape::list(shown)))
}

/// The member and the group that the path names.
fn both(call: &Call<'_>, directory: &Directory) -> Result<(Uuid, Uuid), Failure> {
    let member = call.part(MEMBER);
    let group = find_group(call, directory, call.part(GROUP))?.id;
    match find(call, directory, member)? {
        Subject::User(id) | Subject::Group(id) => Ok((id, group)),
        Subject::Scope(_) => Err(no_subject(member)),
    }
}

fn no_membership(call: &Call<'_>) -> Failure {
    let message = format!("{} is not in {}.", excerpt(call.part(MEMBER)), excerpt(call.part(GROUP)));
    Failure::not_found("GraphMembershipNotFoundException", message)
}

fn reply(call: &Call<'_>, directory: &Directory) -> Outcome {
    let base = call.base(call.account(directory)?);
    Ok(Reply::ok(shapes::membership(&base, call.part(MEMBER), call.part(GROUP))))
}

/// Shows a membership, if it is direct or implied; one through other groups does not count.
pub(crate) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (member, group) = both(call, &directory)?;
    if !directory.containers_of(member).contains(&group) {
        return Err(no_membership(call));
    }
    reply(call, &directory)
}

pub(crate) async fn add(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (member, group) = both(call, &directory)?;
    change_member(call, member, group, true).await?;
    reply(call, &directory)
}

pub(crate) async fn remove(call: &Call<'_>) -> Outcome {
    let (member, group) = both(call, &call.app.state.directory())?;
    if change_member(call, member, group, false).await? {
        Ok(Reply::nothing())
    } else {
        Err(no_membership(call))
    }
}

/// Shows whether a subject belongs to the account.
pub(crate) fn state(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let active = match find(call, &directory, call.part(MEMBER))? {
        Subject::User(id) => is_known(&directory, id, account.id, None),
        Subject::Group(_) | Subject::Scope(_) => true,
    };
    Ok(Reply::ok(json!({ "active": active })))
}
