//! `_apis/graph/memberships`: who is in what, by subject descriptors.

use http::Method;
use serde_json::json;

use super::super::Call;
use super::super::failure::{Failure, shown};
use super::super::locations::Route;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::{change_member, find, find_group, no_subject, shapes};
use crate::access::{is_known, sees_subject};
use crate::directory::subject::{self, Subject};

/// Which way a list of memberships looks.
const DIRECTIONS: [(&str, u64, bool); 3] = [("Unknown", 0, true), ("Down", 1, false), ("Up", 2, true)];

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route) -> Option<Outcome> {
    let member = route.value("subjectDescriptor").unwrap_or_default();
    let group = route.value("containerDescriptor");
    Some(match (method, group) {
        (&Method::GET, None) => list(call, member),
        (&Method::GET | &Method::HEAD, Some(group)) => show(call, member, group),
        (&Method::PUT, Some(group)) => set(call, member, group, true).await,
        (&Method::DELETE, Some(group)) => set(call, member, group, false).await,
        _ => return None,
    })
}

fn list(call: &Call<'_>, descriptor: &str) -> Outcome {
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

/// The membership, if it is said or implied; through other groups does not count.
fn show(call: &Call<'_>, member: &str, group: &str) -> Outcome {
    let directory = call.app.state.directory();
    let container = find_group(call, &directory, group)?;
    let found = find(call, &directory, member)?;
    let (Subject::User(id) | Subject::Group(id)) = found else { return Err(no_subject(member)) };
    if !directory.containers_of(id).contains(&container.id) {
        return Err(Failure::not_found(
            "GraphMembershipNotFoundException",
            format!("{} is not in {}.", shown(member), shown(group)),
        ));
    }
    Ok(Reply::ok(shapes::membership(&call.base(call.account(&directory)?), member, group)))
}

async fn set(call: &Call<'_>, member: &str, group: &str, joins: bool) -> Outcome {
    let directory = call.app.state.directory();
    let container = find_group(call, &directory, group)?;
    let found = find(call, &directory, member)?;
    let (Subject::User(id) | Subject::Group(id)) = found else { return Err(no_subject(member)) };
    let changed = change_member(call, id, container.id, joins).await?;
    if joins {
        Ok(Reply::ok(shapes::membership(&call.base(call.account(&directory)?), member, group)))
    } else if changed {
        Ok(Reply::nothing())
    } else {
        Err(Failure::not_found(
            "GraphMembershipNotFoundException",
            format!("{} is not in {}.", shown(member), shown(group)),
        ))
    }
}

/// Whether somebody belongs to the account.
pub(super) fn state(call: &Call<'_>, descriptor: &str) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let active = match find(call, &directory, descriptor)? {
        Subject::User(id) => is_known(&directory, id, account.id, None),
        Subject::Group(_) | Subject::Scope(_) => true,
    };
    Ok(Reply::ok(json!({ "active": active })))
}
