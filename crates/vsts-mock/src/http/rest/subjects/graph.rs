//! `_apis/graph/groups` and `_apis/graph/users`: listed, made, changed, taken out of the account.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::super::failure::{Failure, excerpt};
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape};
use super::{find, find_group, no_subject, shapes};
use crate::access::{Viewer, is_known};
use crate::directory::subject::Subject;
use crate::directory::{Directory, User, name};
use crate::operations::groups::{self, GroupUpdate, NewGroup};

/// The place whose groups or users are asked for: all, the account's own, or a project's.
enum Scope {
    All,
    Account,
    Project(Uuid),
}

fn scope(call: &Call<'_>, directory: &Directory) -> Result<Scope, Failure> {
    let Some(descriptor) = call.query.get("scopeDescriptor") else { return Ok(Scope::All) };
    let account = call.account(directory)?;
    match find(call, directory, descriptor)? {
        Subject::Scope(place) if place == account.id => Ok(Scope::Account),
        Subject::Scope(place) => Ok(Scope::Project(place)),
        _ => Err(no_subject(descriptor)),
    }
}

pub(crate) fn groups(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let scope = scope(call, &directory)?;
    let base = call.base(account);
    let viewer = Viewer::new(&directory, &call.principal);
    let mut found: Vec<_> = directory
        .groups
        .values()
        .filter(|group| match scope {
            Scope::All => true,
            Scope::Account => group.project.is_none(),
            Scope::Project(project) => group.project == Some(project),
        })
        .filter(|group| viewer.sees_subject(account.id, group.id))
        .collect();
    found.sort_by_cached_key(|group| (group.project, name::key(&group.name)));
    Ok(Reply::ok(shape::list(found.into_iter().map(|group| shapes::graph_group(&directory, &base, group)))))
}

pub(crate) fn users(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let project = match scope(call, &directory)? {
        Scope::All | Scope::Account => None,
        Scope::Project(project) => Some(project),
    };
    let base = call.base(account);
    let mut found: Vec<&User> =
        directory.users.values().filter(|user| is_known(&directory, user.id, account.id, project)).collect();
    found.sort_by_key(|user| name::key(&user.name));
    Ok(Reply::ok(shape::list(found.into_iter().map(|user| shapes::graph_user(&base, user)))))
}

/// The user, group or scope whose descriptor is in the path.
fn descriptor<'a>(call: &'a Call<'_>) -> &'a str {
    let names = ["groupDescriptor", "userDescriptor", "subjectDescriptor"];
    names.into_iter().find_map(|name| call.value(name)).unwrap_or_default()
}

/// Shows a user, a group or a scope.
pub(crate) fn subject(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let found = find(call, &directory, descriptor(call))?;
    Ok(Reply::ok(shapes::graph(&directory, &call.base(call.account(&directory)?), found)))
}

/// The groups that something new is to be in.
fn containers(call: &Call<'_>, directory: &Directory) -> Result<Vec<Uuid>, Failure> {
    let descriptors = call.query.list("groupDescriptors").into_iter();
    descriptors.map(|descriptor| Ok(find_group(call, directory, descriptor)?.id)).collect()
}

/// A group of a scope, by default the account's.
pub(crate) async fn create_group(call: &Call<'_>, body: Value) -> Outcome {
    let name = body["displayName"].as_str().ok_or_else(|| Failure::missing("displayName"))?;
    let description = body["description"].as_str().unwrap_or_default();
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let project = match scope(call, &directory)? {
        Scope::All | Scope::Account => None,
        Scope::Project(project) => Some(project),
    };
    let new = NewGroup { project, name, description, joins: &containers(call, &directory)? };
    let group = groups::create(call.app, call.scope(), &new).await?;
    let shown = shapes::graph_group(&call.app.state.directory(), &base, &group);
    let at = shown["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(StatusCode::CREATED, shown).located(at))
}

/// A patch of `/displayName` and `/description`.
pub(crate) async fn update_group(call: &Call<'_>, body: Value) -> Outcome {
    let patches = body.as_array().ok_or_else(|| Failure::bad("A list of patch operations is required."))?;
    let mut updates = Vec::with_capacity(patches.len());
    for patch in patches {
        let sets = [("add", 0, ()), ("replace", 2, ())];
        choice("op", &patch["op"], &sets)?.ok_or_else(|| Failure::missing("op"))?;
        let value = patch["value"].as_str().ok_or_else(|| Failure::missing("value"))?;
        updates.push(match patch["path"].as_str() {
            Some("/displayName") => GroupUpdate::Name(value),
            Some("/description") => GroupUpdate::Description(value),
            other => {
                let path = excerpt(other.unwrap_or_default());
                return Err(Failure::bad(format!("The path {path:?} of a group cannot be changed.")));
            }
        });
    }
    let id = find_group(call, &call.app.state.directory(), descriptor(call))?.id;
    let group = groups::update(call.app, &call.principal, id, &updates).await?;
    let directory = call.app.state.directory();
    Ok(Reply::ok(shapes::graph_group(&directory, &call.base(call.account(&directory)?), &group)))
}

pub(crate) async fn delete_group(call: &Call<'_>) -> Outcome {
    let id = find_group(call, &call.app.state.directory(), descriptor(call))?.id;
    groups::delete(call.app, &call.principal, id).await?;
    Ok(Reply::nothing())
}

/// Lets a user of the directory into the account, and into some groups of it.
pub(crate) async fn create_user(call: &Call<'_>, body: Value) -> Outcome {
    let fields = ["principalName", "mailAddress", "displayName", "originId"];
    let asked = fields.into_iter().find_map(|field| body[field].as_str());
    let asked = asked.ok_or_else(|| Failure::missing("principalName"))?;
    let directory = call.app.state.directory();
    let into = containers(call, &directory)?;
    let user = groups::add_user(call.app, call.scope(), asked, &into).await?;
    let shown = shapes::graph_user(&call.base(call.account(&directory)?), &user);
    let at = shown["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(StatusCode::CREATED, shown).located(at))
}

/// Takes a user out of every group of the account, and so out of the account.
pub(crate) async fn delete_user(call: &Call<'_>) -> Outcome {
    let descriptor = descriptor(call);
    let Subject::User(user) = find(call, &call.app.state.directory(), descriptor)? else {
        return Err(no_subject(descriptor));
    };
    groups::remove_user(call.app, call.scope(), user).await?;
    Ok(Reply::nothing())
}
