//! The Experimentation service in the admin API: its workspaces and their members.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, body, created, done, ok};
use crate::app::App;
use crate::directory::{Directory, Level, Resource, Role};
use crate::registry::{RegistryError, WorkspaceInput, random_id};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorkspace {
    account: String,
    workspace: String,
    #[serde(default)]
    owners: Vec<String>,
    #[serde(default)]
    contributors: Vec<String>,
}

fn workspace_json(directory: &Directory, workspace: &Resource) -> Value {
    let registry = &directory.experimentation;
    let members = |role: Role| -> Vec<&str> {
        let at = registry.assignments_at(workspace.id).filter(|assignment| assignment.role == role);
        let mut names: Vec<_> =
            at.filter_map(|assignment| directory.identity_name(assignment.user)).collect();
        names.sort_unstable();
        names
    };
    let projects: Vec<_> = registry.children(workspace.id).map(|project| project.name.as_str()).collect();
    json!({
        "id": workspace.id.to_string(),
        "account": registry.resources.get(&workspace.parent).map(|account| account.name.as_str()),
        "workspace": workspace.name,
        "owners": members(Role::Owner),
        "contributors": members(Role::Contributor),
        "projects": projects,
    })
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let directory = app.state.directory();
    let all =
        directory.experimentation.resources.values().filter(|resource| resource.level == Level::Workspace);
    let all: Vec<_> = all.map(|workspace| workspace_json(&directory, workspace)).collect();
    ok(&json!({ "experimentation": all }))
}

pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Answer {
    let new: NewWorkspace = body(&app, request).await?;
    let mut change = app.state.change().await;
    let input = WorkspaceInput {
        account: &new.account,
        name: &new.workspace,
        owners: &new.owners,
        contributors: &new.contributors,
    };
    let id = change.create_workspace(&input, app.clock.now())?;
    let made = change.directory.experimentation.resources.get(&id);
    let answer = made.map(|workspace| workspace_json(&change.directory, workspace));
    change.commit().await?;
    created(&answer.unwrap_or_default())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path((account, workspace)): Path<(String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    let id = find(&change.directory, &account, &workspace)?;
    change.delete_resource(id)?;
    change.commit().await?;
    done()
}

pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((account, workspace, role, user)): Path<(String, String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    let (at, user, role) = member(&change.directory, &account, &workspace, &role, &user)?;
    change.assign_role(random_id(), at, user, role)?;
    change.commit().await?;
    done()
}

pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    Path((account, workspace, role, user)): Path<(String, String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    let (at, id, role) = member(&change.directory, &account, &workspace, &role, &user)?;
    let registry = &change.directory.experimentation;
    let found = registry.assignments_at(at).find(|found| found.user == id && found.role == role);
    let assignment = found.ok_or_else(|| RegistryError::not_found("member", &user))?.id;
    change.revoke_role(assignment)?;
    change.commit().await?;
    done()
}

fn find(directory: &Directory, account: &str, workspace: &str) -> Result<uuid::Uuid, Failure> {
    let found = directory.experimentation.at(&[account, workspace]);
    Ok(found.ok_or_else(|| RegistryError::not_found("workspace", workspace))?.id)
}

fn member(
    directory: &Directory,
    account: &str,
    workspace: &str,
    role: &str,
    user: &str,
) -> Result<(uuid::Uuid, uuid::Uuid, Role), Failure> {
    let at = find(directory, account, workspace)?;
    let role = Role::from_name(role).ok_or_else(|| RegistryError::not_found("role", role))?;
    let user = directory.user(user).ok_or_else(|| RegistryError::not_found("user", user))?;
    Ok((at, user.id, role))
}
