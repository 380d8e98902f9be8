//! The operations of the server's administrator, whom no role limits: for the admin API and for the program that runs the
//! server. An operation that is one rule of [`crate::registry`] is that rule, run by [`change`].

use uuid::Uuid;

use crate::app::App;
use crate::directory::{GroupKind, Role};
use crate::registry::{ListPath, RegistryError, RepoInput, UserInput, random_id};
use crate::state::Change;

/// Makes a change by rules that need not wait: it happens as a whole, or not at all.
pub(crate) async fn change<T>(
    app: &App,
    edit: impl FnOnce(&mut Change<'_>) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let mut change = app.state.change().await;
    let value = edit(&mut change)?;
    change.commit().await?;
    Ok(value)
}

/// Creates a user.
pub(crate) async fn create_user(app: &App, input: &UserInput<'_>) -> Result<Uuid, RegistryError> {
    let mut change = app.state.change().await;
    let id = change.create_user(input).await?;
    change.commit().await?;
    Ok(id)
}

/// Removes a user and all that is theirs, and ends their sessions in browsers.
pub(crate) async fn delete_user(app: &App, name: &str) -> Result<(), RegistryError> {
    let id = change(app, |change| {
        let id = change.directory.find_user(name)?.id;
        change.delete_user(name)?;
        Ok(id)
    });
    app.sessions.end_all_of(id.await?);
    Ok(())
}

/// Creates a project with its members.
pub(crate) async fn create_project(
    app: &App,
    account: &str,
    name: &str,
    description: &str,
    members: &[(GroupKind, &[String])],
) -> Result<(), RegistryError> {
    let mut change = app.state.change().await;
    change.create_project(account, name, description, app.clock.now()).await?;
    for (kind, users) in members {
        for user in *users {
            change.add_member(account, Some(name), *kind, user)?;
        }
    }
    Ok(change.commit().await?)
}

/// Creates a repository.
pub(crate) async fn create_repo(
    app: &App,
    account: &str,
    project: &str,
    input: &RepoInput<'_>,
) -> Result<(), RegistryError> {
    let mut change = app.state.change().await;
    change.create_repo(account, project, input).await?;
    Ok(change.commit().await?)
}

/// Puts a user into a group of an account or a project, or takes them out of it.
pub(crate) async fn set_member(
    app: &App,
    path: ListPath<'_>,
    group: &str,
    user: &str,
    is_member: bool,
) -> Result<(), RegistryError> {
    let kind = GroupKind::from_name(group).ok_or_else(|| RegistryError::not_found("group", group))?;
    change(app, |change| {
        if is_member {
            change.add_member(path.account, path.project, kind, user)
        } else {
            change.remove_member(path.account, path.project, kind, user)
        }
    })
    .await
}

/// Deletes a workspace of the Experimentation service that has no projects.
pub(crate) async fn delete_workspace(app: &App, account: &str, workspace: &str) -> Result<(), RegistryError> {
    change(app, |change| change.delete_resource(change.directory.find_workspace(account, workspace)?.id))
        .await
}

/// Gives a user a role in a workspace, or takes it away.
pub(crate) async fn set_role(
    app: &App,
    (account, workspace): (&str, &str),
    role: &str,
    user: &str,
    is_member: bool,
) -> Result<(), RegistryError> {
    change(app, |change| {
        let at = change.directory.find_workspace(account, workspace)?.id;
        let role = Role::from_name(role).ok_or_else(|| RegistryError::not_found("role", role))?;
        let id = change.directory.find_user(user)?.id;
        if is_member {
            return change.assign_role(random_id(), at, id, role).map(|_| ());
        }
        let found = {
            let mut roles = change.directory.experimentation.assignments_at(at);
            roles.find(|found| found.user == id && found.role == role).map(|found| found.id)
        };
        change.revoke_role(found.ok_or_else(|| RegistryError::not_found("member", user))?)
    })
    .await
}
