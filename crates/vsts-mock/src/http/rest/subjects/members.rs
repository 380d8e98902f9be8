//! `_apis/identities/{group}/members` and `_apis/identities/{member}/membersof`: who is in what, by identities.

use http::Method;
use serde_json::Value;
use uuid::Uuid;

use super::super::Call;
use super::super::failure::Failure;
use super::super::locations::Route;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::change_member;
use super::identities::{Depth, members, no_identity};
use crate::access::sees_subject;
use crate::directory::{Directory, subject};

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route) -> Option<Outcome> {
    let (group, member) = (route.value("containerId"), route.value("memberId"));
    let upwards = route.resource() == "ims/membersof";
    Some(match (method, group, member) {
        (&Method::GET, Some(group), Some(member)) => is_in(call, group, member),
        (&Method::GET, Some(one), None) | (&Method::GET, None, Some(one)) => list(call, one, upwards),
        (&Method::PUT, Some(group), Some(member)) if !upwards => set(call, group, member, true).await,
        (&Method::DELETE, Some(group), Some(member)) if !upwards => set(call, group, member, false).await,
        _ => return None,
    })
}

/// Somebody by id or by descriptor, if the caller may know of them.
fn find(call: &Call<'_>, directory: &Directory, asked: &str) -> Result<Uuid, Failure> {
    let account = call.account(directory)?;
    let found = Uuid::parse_str(asked).ok().or_else(|| subject::by_descriptor(directory, asked));
    let found = found.filter(|id| directory.users.contains_key(id) || directory.groups.contains_key(id));
    found
        .filter(|id| sees_subject(directory, &call.principal, account.id, *id))
        .ok_or_else(|| no_identity(asked))
}

/// The descriptors of those.
fn list(call: &Call<'_>, asked: &str, upwards: bool) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let depth = match call.depth()? {
        Depth::None => Depth::Direct,
        depth => depth,
    };
    let found = members(call, &directory, account, find(call, &directory, asked)?, depth);
    let all = if upwards { found.up } else { found.down };
    let descriptors = all.into_iter().filter_map(|id| subject::descriptor(&directory, id)).map(Value::from);
    Ok(Reply::ok(shape::list(descriptors)))
}

/// The member's descriptor, if they are in the group, through others or not.
fn is_in(call: &Call<'_>, group: &str, member: &str) -> Outcome {
    let directory = call.app.state.directory();
    let (group, member) = (find(call, &directory, group)?, find(call, &directory, member)?);
    let is_in = directory.all_containers_of(member).contains(&group);
    let found = subject::descriptor(&directory, member).filter(|_| is_in);
    Ok(Reply::ok(found.map_or(Value::Null, Value::from)))
}

/// Whether anything changed.
async fn set(call: &Call<'_>, group: &str, member: &str, joins: bool) -> Outcome {
    let directory = call.app.state.directory();
    let (group, member) = (find(call, &directory, group)?, find(call, &directory, member)?);
    let group = directory.groups.get(&group).ok_or_else(|| no_identity(&group.to_string()))?;
    let changes = joins != directory.containers_of(member).contains(&group.id);
    change_member(call, member, group.id, joins).await?;
    Ok(Reply::ok(changes.into()))
}
