//! `_apis/identities/{group}/members` and `_apis/identities/{member}/membersof`: who is in what, by identities.

use serde_json::Value;
use uuid::Uuid;

use super::super::Call;
use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::change_member;
use super::identities::{Depth, members, no_identity};
use super::shapes::Members;
use crate::access::sees_subject;
use crate::directory::{Directory, subject};

/// Somebody by id or by descriptor, if the caller may know of them.
fn find(call: &Call<'_>, directory: &Directory, asked: &str) -> Result<Uuid, Failure> {
    let account = call.account(directory)?;
    let found = Uuid::parse_str(asked).ok().or_else(|| subject::by_descriptor(directory, asked));
    let found = found.filter(|id| directory.users.contains_key(id) || directory.groups.contains_key(id));
    found
        .filter(|id| sees_subject(directory, &call.principal, account.id, *id))
        .ok_or_else(|| no_identity(asked))
}

/// Lists the descriptors of the members of a group.
pub(crate) fn list(call: &Call<'_>) -> Outcome {
    descriptors(call, call.part("containerId"), |found| found.down)
}

/// Lists the descriptors of the groups of a member.
pub(crate) fn list_of(call: &Call<'_>) -> Outcome {
    descriptors(call, call.part("memberId"), |found| found.up)
}

fn descriptors(call: &Call<'_>, asked: &str, of: fn(Members) -> Vec<Uuid>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let depth = match call.depth()? {
        Depth::None => Depth::Direct,
        depth => depth,
    };
    let found = members(call, &directory, account, find(call, &directory, asked)?, depth);
    let descriptors =
        of(found).into_iter().filter_map(|id| subject::descriptor(&directory, id)).map(Value::from);
    Ok(Reply::ok(shape::list(descriptors)))
}

/// The member's descriptor, if they are in the group, through others or not.
pub(crate) fn is_in(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (group, member) = both(call, &directory)?;
    let is_in = directory.all_containers_of(member).contains(&group);
    let found = subject::descriptor(&directory, member).filter(|_| is_in);
    Ok(Reply::ok(found.map_or(Value::Null, Value::from)))
}

/// The group and the member that the path names.
fn both(call: &Call<'_>, directory: &Directory) -> Result<(Uuid, Uuid), Failure> {
    let found = |name| find(call, directory, call.part(name));
    Ok((found("containerId")?, found("memberId")?))
}

pub(crate) async fn add(call: &Call<'_>) -> Outcome {
    set(call, true).await
}

pub(crate) async fn remove(call: &Call<'_>) -> Outcome {
    set(call, false).await
}

/// Answers whether anything changed.
async fn set(call: &Call<'_>, joins: bool) -> Outcome {
    let directory = call.app.state.directory();
    let (group, member) = both(call, &directory)?;
    let group = directory.groups.get(&group).ok_or_else(|| no_identity(&group.to_string()))?;
    let changes = joins != directory.containers_of(member).contains(&group.id);
    change_member(call, member, group.id, joins).await?;
    Ok(Reply::ok(changes.into()))
}
