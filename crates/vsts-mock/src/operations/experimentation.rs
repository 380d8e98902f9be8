//! The registry of the Experimentation service: accounts, workspaces and projects in each other, and the roles that users
//! have in them.

use thiserror::Error;
use uuid::Uuid;

use crate::access::{Act, Principal, Refusal, Use, authorize_resource, authorize_use, sees_resource};
use crate::app::App;
use crate::directory::{Assignment, Directory, Level, Resource, Role, name};
use crate::registry::{DEFAULT_GROUP, Details, RegistryError, random_id};
use crate::state::StateError;

/// A resource by the names that lead to it, and the resource group in its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourcePath<'a> {
    pub(crate) names: &'a [String],
    pub(crate) group: Option<&'a str>,
}

/// The reason why an operation was refused.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The resource does not exist, or the principal may not see it.
    #[error("the resource was not found")]
    Absent,
    /// The resource in which one is to be created does not exist.
    #[error("the parent resource was not found")]
    NoParent,
    /// The resource exists, and the request says that it must not.
    #[error("The resource exists already, and the request says that it must not.")]
    Exists,
    #[error("The role assignment already exists.")]
    AssignmentExists,
    /// The directory has no such user.
    #[error("the directory has no such user")]
    NoUser,
    #[error(transparent)]
    Access(#[from] Refusal),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::Registry(error.into())
    }
}

/// A resource that was put.
#[derive(Debug)]
pub(crate) enum Put {
    Created(Uuid),
    Changed(Uuid),
}

/// The resource at the path, if the principal may see it.
pub(crate) fn find<'w>(
    directory: &'w Directory,
    principal: &Principal,
    path: ResourcePath<'_>,
) -> Result<&'w Resource, Error> {
    let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
    let resource = directory.experimentation.at(&names).ok_or(Error::Absent)?;
    let is_in_group = path.group.is_none_or(|group| name::key(group) == name::key(&resource.group));
    if is_in_group && sees_resource(directory, principal, resource) {
        Ok(resource)
    } else {
        Err(Error::Absent)
    }
}

/// The resource at the path, if the principal may do that to it.
pub(crate) fn allowed<'w>(
    directory: &'w Directory,
    principal: &Principal,
    path: ResourcePath<'_>,
    act: Act,
) -> Result<&'w Resource, Error> {
    let resource = find(directory, principal, path)?;
    authorize_resource(directory, principal, act, resource)?;
    Ok(resource)
}

/// Creates the resource at the path, or changes it if it exists. Who creates an account owns it.
pub(crate) async fn put(
    app: &App,
    principal: &Principal,
    path: ResourcePath<'_>,
    details: &Details<'_>,
    must_be_new: bool,
) -> Result<Put, Error> {
    let mut change = app.state.change().await;
    let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
    let there = change.directory.experimentation.at(&names);
    if let Some(there) = there.filter(|there| sees_resource(&change.directory, principal, there)) {
        let id = there.id;
        allowed(&change.directory, principal, path, Act::Write)?;
        if must_be_new {
            return Err(Error::Exists);
        }
        change.update_resource(id, details)?;
        change.commit().await?;
        return Ok(Put::Changed(id));
    }
    let (last, above) = path.names.split_last().ok_or(Error::Absent)?;
    let (parent, group) = if above.is_empty() {
        authorize_use(&change.directory, principal, Use::RegistryWrite)?;
        (Uuid::nil(), path.group.unwrap_or(DEFAULT_GROUP).to_owned())
    } else {
        let parent = find(&change.directory, principal, ResourcePath { names: above, ..path });
        let parent = parent.map_err(|_| Error::NoParent)?;
        authorize_resource(&change.directory, principal, Act::Write, parent)?;
        (parent.id, parent.group.clone())
    };
    let (level, now) = (Level::ALL[above.len()], app.clock.now());
    let id = change.create_resource(random_id(), parent, level, last, &group, details, now)?;
    if let (true, Some(user)) = (above.is_empty(), principal.user) {
        change.assign_role(random_id(), id, user, Role::Owner)?;
    }
    change.commit().await?;
    Ok(Put::Created(id))
}

/// Changes the resource at the path.
pub(crate) async fn update(
    app: &App,
    principal: &Principal,
    path: ResourcePath<'_>,
    details: &Details<'_>,
) -> Result<Uuid, Error> {
    let mut change = app.state.change().await;
    let id = allowed(&change.directory, principal, path, Act::Write)?.id;
    change.update_resource(id, details)?;
    change.commit().await?;
    Ok(id)
}

/// Deletes the resource at the path.
pub(crate) async fn delete(app: &App, principal: &Principal, path: ResourcePath<'_>) -> Result<(), Error> {
    let mut change = app.state.change().await;
    let id = allowed(&change.directory, principal, path, Act::Write)?.id;
    change.delete_resource(id)?;
    Ok(change.commit().await?)
}

/// Gives a user a role in the resource at the path.
pub(crate) async fn assign(
    app: &App,
    principal: &Principal,
    path: ResourcePath<'_>,
    id: Uuid,
    user: Option<Uuid>,
    role: Role,
) -> Result<(), Error> {
    let mut change = app.state.change().await;
    let resource = allowed(&change.directory, principal, path, Act::Assign)?.id;
    let user = user.filter(|user| change.directory.users.contains_key(user)).ok_or(Error::NoUser)?;
    let is_twin = |one: &Assignment| one.user == user && one.role == role && one.id != id;
    if change.directory.experimentation.assignments_at(resource).any(is_twin) {
        return Err(Error::AssignmentExists);
    }
    change.assign_role(id, resource, user, role)?;
    Ok(change.commit().await?)
}

/// Takes a role away; gives the assignment that there was.
pub(crate) async fn unassign(
    app: &App,
    principal: &Principal,
    path: ResourcePath<'_>,
    id: &str,
) -> Result<Option<Assignment>, Error> {
    let mut change = app.state.change().await;
    let resource = allowed(&change.directory, principal, path, Act::Assign)?.id;
    let Some(assignment) = assignment(&change.directory, resource, id).cloned() else { return Ok(None) };
    change.revoke_role(assignment.id)?;
    change.commit().await?;
    Ok(Some(assignment))
}

/// The role assignment of that id at a resource.
pub(crate) fn assignment<'w>(directory: &'w Directory, resource: Uuid, id: &str) -> Option<&'w Assignment> {
    let found = directory.experimentation.assignments.get(&Uuid::parse_str(id).ok()?);
    found.filter(|found| found.resource == resource)
}
