//! Users and groups: `_apis/identities` and `_apis/graph`, two ways of looking at the same ones.
//!
//! Who belongs to the account knows of those who belong to it, and of the groups of the projects they see. What is not
//! to be seen is not there. Changing a group takes an administrator of the project or the account that it belongs to,
//! and changes at once what its members may do.

mod graph;
mod identities;
mod lookup;
mod members;
mod memberships;
mod shapes;

use axum::body::Body;
use http::{Method, StatusCode};
use uuid::Uuid;

use super::Call;
use super::failure::Failure;
use super::locations::Route;
use super::reply::Outcome;
use crate::access::{Refusal, Target, Use, authorize_use, can_see, sees_subject};
use crate::directory::subject::{self, Subject};
use crate::directory::{Account, Directory, Group};
use crate::operations::groups;
use crate::operations::refused::Refused;

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    let directory = call.app.state.directory();
    let verdict = authorize_use(&directory, &call.principal, Use::Subjects);
    if let Err(failure) = verdict.map_err(|refusal| refused(&refusal)).and_then(|()| call.account(&directory))
    {
        return Some(Err(failure));
    }
    let resource = route.resource();
    let value = |name: &str| route.value(name);
    Some(match (resource.as_str(), method) {
        ("ims/identities", &Method::GET) => match value("identityId") {
            None => identities::query(call),
            Some(id) => identities::one(call, id),
        },
        ("ims/identitybatch", &Method::POST) => identities::batch(call, body).await,
        ("ims/groups", &Method::GET) => identities::groups(call, value("groupId")),
        ("ims/descriptors", &Method::GET) => identities::descriptor(call, value("id").unwrap_or_default()),
        ("ims/members" | "ims/membersof", method) => {
            return members::answer(call, method, route).await;
        }
        ("graph/groups", &Method::GET) => match value("groupDescriptor") {
            None => graph::groups(call),
            Some(one) => graph::subject(call, one),
        },
        ("graph/users", &Method::GET) => match value("userDescriptor") {
            None => graph::users(call),
            Some(one) => graph::subject(call, one),
        },
        ("graph/subjects", &Method::GET) => {
            graph::subject(call, value("subjectDescriptor").unwrap_or_default())
        }
        ("graph/groups", &Method::POST) => graph::create_group(call, body).await,
        ("graph/groups", &Method::PATCH) => {
            graph::update_group(call, value("groupDescriptor").unwrap_or_default(), body).await
        }
        ("graph/groups", &Method::DELETE) => {
            graph::delete_group(call, value("groupDescriptor").unwrap_or_default()).await
        }
        ("graph/users", &Method::POST) => graph::create_user(call, body).await,
        ("graph/users", &Method::DELETE) => {
            graph::delete_user(call, value("userDescriptor").unwrap_or_default()).await
        }
        ("graph/memberships" | "graph/membershipsbatch", method) => {
            return memberships::answer(call, method, route).await;
        }
        ("graph/membershipstates", &Method::GET) => {
            memberships::state(call, value("subjectDescriptor").unwrap_or_default())
        }
        ("graph/descriptors", &Method::GET) => {
            lookup::descriptor(call, value("storageKey").unwrap_or_default())
        }
        ("graph/storagekeys", &Method::GET) => {
            lookup::storage_key(call, value("subjectDescriptor").unwrap_or_default())
        }
        ("graph/subjectlookup", &Method::POST) => lookup::lookup(call, body).await,
        ("graph/subjectquery", &Method::POST) => lookup::query(call, body).await,
        _ => return None,
    })
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "AccessCheckException", refusal.to_string())
}

fn no_subject(asked: &str) -> Failure {
    Refused::NoSubject { asked: asked.to_owned() }.into()
}

/// What a subject descriptor names in the account, if the caller may know of it.
fn find(call: &Call<'_>, directory: &Directory, descriptor: &str) -> Result<Subject, Failure> {
    let account = call.account(directory)?;
    let found = subject::by_subject_descriptor(directory, descriptor);
    found.filter(|found| sees(call, directory, account, *found)).ok_or_else(|| no_subject(descriptor))
}

fn sees(call: &Call<'_>, directory: &Directory, account: &Account, found: Subject) -> bool {
    match found {
        Subject::User(id) | Subject::Group(id) => sees_subject(directory, &call.principal, account.id, id),
        Subject::Scope(place) if place == account.id => true,
        Subject::Scope(place) => directory.projects.get(&place).is_some_and(|project| {
            project.account == account.id && can_see(directory, &call.principal, Target::Project(project))
        }),
    }
}

/// The group that a descriptor names.
fn find_group<'w>(call: &Call<'_>, directory: &'w Directory, descriptor: &str) -> Result<&'w Group, Failure> {
    match find(call, directory, descriptor)? {
        Subject::Group(id) => directory.groups.get(&id).ok_or_else(|| no_subject(descriptor)),
        _ => Err(no_subject(descriptor)),
    }
}

/// Puts somebody into a group, or takes them out; whether they were not, or were, in it.
async fn change_member(call: &Call<'_>, member: Uuid, group: Uuid, joins: bool) -> Result<bool, Failure> {
    if joins {
        groups::join(call.app, &call.principal, member, group).await?;
        return Ok(true);
    }
    Ok(groups::leave(call.app, &call.principal, member, group).await?)
}
