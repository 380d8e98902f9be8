//! Teams: every project has one, of those who contribute to it or look after it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::access::{Target, Viewer};
use crate::directory::{Directory, GroupKind, Project, name};

fn id(project: &Project) -> Uuid {
    name::derive(&["team", &project.id.to_string()])
}

/// A project's team, where something names it.
pub(super) fn reference(base: &str, project: &Project) -> Value {
    json!({
        "id": id(project).to_string(),
        "name": format!("{} Team", project.name),
        "url": format!("{base}/_apis/projects/{}/teams/{}", project.id, id(project)),
    })
}

fn json(base: &str, project: &Project) -> Value {
    let mut value = reference(base, project);
    value["description"] = "The default project team.".into();
    value["identityUrl"] = format!("{base}/_apis/Identities/{}", id(project)).into();
    value["projectName"] = project.name.clone().into();
    value["projectId"] = project.id.to_string().into();
    value
}

/// Lists the teams of a project, or of all projects that the caller sees.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let viewer = Viewer::new(&directory, &call.principal);
    let projects: Vec<&Project> = match call.value("projectId") {
        Some(project) => vec![call.project(&directory, project)?],
        None => directory
            .projects_of(account.id)
            .filter(|project| viewer.sees(Target::Project(project)))
            .collect(),
    };
    let base = call.base(account);
    Ok(Reply::ok(shape::list(projects.into_iter().map(|project| json(&base, project)))))
}

/// The project of the team that the path names.
fn find<'w>(call: &Call<'_>, directory: &'w Directory) -> Result<&'w Project, Failure> {
    let (project, team) = (call.project(directory, call.part("projectId"))?, call.part("teamId"));
    let is_it = team.eq_ignore_ascii_case(&id(project).to_string())
        || name::key(team) == name::key(&format!("{} Team", project.name));
    if is_it {
        return Ok(project);
    }
    let message = format!("The team with id '{}' does not exist.", excerpt(team));
    Err(Failure::not_found("TeamNotFoundException", message))
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let project = find(call, &directory)?;
    Ok(Reply::ok(json(&call.base(call.account(&directory)?), project)))
}

pub(super) fn members(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let project = find(call, &directory)?;
    let base = call.base(call.account(&directory)?);
    let users: BTreeSet<Uuid> = [GroupKind::Contributors, GroupKind::ProjectAdministrators, GroupKind::Team]
        .into_iter()
        .filter_map(|kind| directory.group(project.account, Some(project.id), kind))
        .flat_map(|group| directory.joined(group.id))
        .filter(|member| directory.users.contains_key(member))
        .collect();
    let shown = users.into_iter().map(|user| json!({ "identity": shape::identity(&directory, &base, user) }));
    Ok(Reply::ok(shape::list(shown)))
}
