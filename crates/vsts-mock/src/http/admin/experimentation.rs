//! The Experimentation service in the admin API: its workspaces and their members.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde_json::{Value, json};

use super::{Answer, body, created, done, ok};
use crate::app::App;
use crate::config::SeedWorkspace;
use crate::directory::{Directory, Level, Resource, Role};
use crate::operations::administration;

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
    let new: SeedWorkspace = body(&app, request).await?;
    let id =
        administration::change(&app, |change| change.create_workspace(&new.input(), app.clock.now())).await?;
    let directory = app.state.directory();
    let made = directory.experimentation.resources.get(&id);
    created(&made.map(|workspace| workspace_json(&directory, workspace)).unwrap_or_default())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path((account, workspace)): Path<(String, String)>,
) -> Answer {
    administration::delete_workspace(&app, &account, &workspace).await?;
    done()
}

/// A role of a user in a workspace, as the path names it.
type RolePath = Path<(String, String, String, String)>;

pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((account, workspace, role, user)): RolePath,
) -> Answer {
    administration::set_role(&app, (&account, &workspace), &role, &user, true).await?;
    done()
}

pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    Path((account, workspace, role, user)): RolePath,
) -> Answer {
    administration::set_role(&app, (&account, &workspace), &role, &user, false).await?;
    done()
}
