//! `_apis/graph/groups` and `_apis/graph/users`: listed, made, changed, taken out of the account.

use axum::body::Body;
use http::StatusCode;
use uuid::Uuid;

use super::super::failure::{Failure, shown};
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, models, read, shape};
use super::{find, find_group, may_change, no_subject, shapes};
use crate::access::{Viewer, is_known};
use crate::world::subject::Subject;
use crate::world::{GroupKind, User, World, name};

/// The place whose groups or users are asked for: all, the account's own, or a project's.
enum Scope {
    All,
    Account,
    Project(Uuid),
}

fn scope(call: &Call<'_>, world: &World) -> Result<Scope, Failure> {
    let Some(descriptor) = call.query.get("scopeDescriptor") else { return Ok(Scope::All) };
    let account = call.account(world)?;
    match find(call, world, descriptor)? {
        Subject::Scope(place) if place == account.id => Ok(Scope::Account),
        Subject::Scope(place) => Ok(Scope::Project(place)),
        _ => Err(no_subject(descriptor)),
    }
}

pub(super) fn groups(call: &Call<'_>) -> Outcome {
    let world = call.app.state.world();
    let account = call.account(&world)?;
    let scope = scope(call, &world)?;
    let base = call.base(account);
    let viewer = Viewer::new(&world, &call.principal);
    let mut found: Vec<_> = world
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
    Ok(Reply::ok(shape::list(found.into_iter().map(|group| shapes::graph_group(&world, &base, group)))))
}

pub(super) fn users(call: &Call<'_>) -> Outcome {
    let world = call.app.state.world();
    let account = call.account(&world)?;
    let project = match scope(call, &world)? {
        Scope::All | Scope::Account => None,
        Scope::Project(project) => Some(project),
    };
    let base = call.base(account);
    let mut found: Vec<&User> =
        world.users.values().filter(|user| is_known(&world, user.id, account.id, project)).collect();
    found.sort_by_key(|user| name::key(&user.name));
    Ok(Reply::ok(shape::list(found.into_iter().map(|user| shapes::graph_user(&base, user)))))
}

/// A user, a group or a scope.
pub(super) fn subject(call: &Call<'_>, descriptor: &str) -> Outcome {
    let world = call.app.state.world();
    let found = find(call, &world, descriptor)?;
    Ok(Reply::ok(shapes::graph(&world, &call.base(call.account(&world)?), found)))
}

/// The groups that something new is to be in.
fn containers(call: &Call<'_>, world: &World) -> Result<Vec<Uuid>, Failure> {
    let mut found = Vec::new();
    for descriptor in call.query.list("groupDescriptors") {
        let group = find_group(call, world, descriptor)?;
        may_change(call, world, group.account, group.project)?;
        found.push(group.id);
    }
    Ok(found)
}

/// A group of a scope, by default the account's.
pub(super) async fn create_group(call: &Call<'_>, body: Body) -> Outcome {
    let body = read(call.app, body, &models::NEW_GROUP).await?;
    let called = body["displayName"].as_str().ok_or_else(|| Failure::missing("displayName"))?;
    let description = body["description"].as_str().unwrap_or_default();
    let mut change = call.app.state.change().await?;
    let account = call.account(&change.world)?.clone();
    let project = match scope(call, &change.world)? {
        Scope::All | Scope::Account => None,
        Scope::Project(project) => Some(project),
    };
    may_change(call, &change.world, account.id, project)?;
    let into = containers(call, &change.world)?;
    let id = change.create_custom_group(account.id, project, called, description).await?;
    for group in into {
        change.join(id, group).await?;
    }
    let group = change.world.groups.get(&id).cloned().ok_or_else(|| no_subject(called))?;
    let shown = shapes::graph_group(&change.world, &call.base(&account), &group);
    change.commit().await?;
    let at = shown["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(StatusCode::CREATED, shown).located(at))
}

/// A patch of `/displayName` and `/description`.
pub(super) async fn update_group(call: &Call<'_>, descriptor: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::PATCH_OPERATION).await?;
    let operations =
        body.as_array().ok_or_else(|| Failure::bad("A list of patch operations is required."))?;
    let mut change = call.app.state.change().await?;
    let group = find_group(call, &change.world, descriptor)?.clone();
    may_change(call, &change.world, group.account, group.project)?;
    for operation in operations {
        let sets = [("add", 0, ()), ("replace", 2, ())];
        choice("op", &operation["op"], &sets)?.ok_or_else(|| Failure::missing("op"))?;
        let value = operation["value"].as_str().ok_or_else(|| Failure::missing("value"))?;
        match operation["path"].as_str() {
            Some("/displayName") => change.update_group(group.id, Some(value), None).await?,
            Some("/description") => change.update_group(group.id, None, Some(value)).await?,
            other => {
                let path = shown(other.unwrap_or_default());
                return Err(Failure::bad(format!("The path {path:?} of a group cannot be changed.")));
            }
        }
    }
    let world = &change.world;
    let group = world.groups.get(&group.id).ok_or_else(|| no_subject(descriptor))?;
    let shown = shapes::graph_group(world, &call.base(call.account(world)?), group);
    change.commit().await?;
    Ok(Reply::ok(shown))
}

pub(super) async fn delete_group(call: &Call<'_>, descriptor: &str) -> Outcome {
    let mut change = call.app.state.change().await?;
    let group = find_group(call, &change.world, descriptor)?.clone();
    may_change(call, &change.world, group.account, group.project)?;
    change.delete_group(group.id).await?;
    change.commit().await?;
    Ok(Reply::nothing())
}

/// Lets a user of the directory into the account, and into some groups of it.
pub(super) async fn create_user(call: &Call<'_>, body: Body) -> Outcome {
    let body = read(call.app, body, &models::NEW_USER).await?;
    let fields = ["principalName", "mailAddress", "displayName", "originId"];
    let asked = fields.into_iter().find_map(|field| body[field].as_str());
    let asked = asked.ok_or_else(|| Failure::missing("principalName"))?;
    let mut change = call.app.state.change().await?;
    let account = call.account(&change.world)?.clone();
    let into = containers(call, &change.world)?;
    if into.is_empty() {
        may_change(call, &change.world, account.id, None)?;
    }
    let by_id = Uuid::parse_str(asked).ok().and_then(|id| change.world.users.get(&id));
    let user = by_id.or_else(|| change.world.user_by_login(asked)).cloned();
    let user = user.ok_or_else(|| {
        Failure::not_found(
            "GraphSubjectNotFoundException",
            format!("The directory has no user {}.", shown(asked)),
        )
    })?;
    let valid = change.world.group(account.id, None, GroupKind::CollectionValidUsers).map(|group| group.id);
    for group in into.into_iter().chain(valid) {
        change.join(user.id, group).await?;
    }
    let shown = shapes::graph_user(&call.base(&account), &user);
    change.commit().await?;
    let at = shown["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(StatusCode::CREATED, shown).located(at))
}

/// Takes a user out of every group of the account, and so out of the account.
pub(super) async fn delete_user(call: &Call<'_>, descriptor: &str) -> Outcome {
    let mut change = call.app.state.change().await?;
    let account = call.account(&change.world)?.clone();
    let Subject::User(user) = find(call, &change.world, descriptor)? else {
        return Err(no_subject(descriptor));
    };
    may_change(call, &change.world, account.id, None)?;
    if account.owner == Some(user) {
        return Err(Failure::bad("The owner of the account stays in it."));
    }
    for group in change.world.containers_of(user) {
        if change.world.groups.get(&group).is_some_and(|group| group.account == account.id) {
            change.leave_group(user, group).await?;
        }
    }
    change.commit().await?;
    Ok(Reply::nothing())
}
