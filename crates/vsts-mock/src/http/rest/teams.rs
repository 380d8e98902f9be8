//! Teams: every project has one, of those who contribute to it or look after it.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, shown};
use super::locations::Route;
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

fn show(base: &str, project: &Project) -> Value {
    let mut value = reference(base, project);
    value["description"] = "The default project team.".into();
    value["identityUrl"] = format!("{base}/_apis/Identities/{}", id(project)).into();
    value["projectName"] = project.name.clone().into();
    value["projectId"] = project.id.to_string().into();
    value
}

pub(super) fn answer(call: &Call<'_>, method: &Method, route: &Route) -> Option<Outcome> {
    if method != Method::GET {
        return None;
    }
    let directory = call.app.state.directory();
    Some(match (route.value("projectId"), route.value("teamId")) {
        (None, _) => all(call, &directory),
        (Some(project), None) => call.project(&directory, project).and_then(|project| {
            let base = call.base(call.account(&directory)?);
            Ok(Reply::ok(shape::list(std::iter::once(show(&base, project)))))
        }),
        (Some(project), Some(team)) => {
            one(call, &directory, project, team, route.resource() == "core/members")
        }
    })
}

fn all(call: &Call<'_>, directory: &Directory) -> Outcome {
    let account = call.account(directory)?;
    let base = call.base(account);
    let viewer = Viewer::new(directory, &call.principal);
    let seen = directory
        .projects_of(account.id)
        .filter(|project| viewer.sees(Target::Project(project)))
        .map(|project| show(&base, project));
    Ok(Reply::ok(shape::list(seen)))
}

fn one(call: &Call<'_>, directory: &Directory, project: &str, team: &str, members: bool) -> Outcome {
    let project = call.project(directory, project)?;
    let base = call.base(call.account(directory)?);
    let is_it = team.eq_ignore_ascii_case(&id(project).to_string())
        || name::key(team) == name::key(&format!("{} Team", project.name));
    if !is_it {
        return Err(Failure::not_found(
            "TeamNotFoundException",
            format!("The team with id '{}' does not exist.", shown(team)),
        ));
    }
    if !members {
        return Ok(Reply::ok(show(&base, project)));
    }
    let groups: Vec<Uuid> = [GroupKind::Contributors, GroupKind::ProjectAdministrators, GroupKind::Team]
        .into_iter()
        .filter_map(|kind| Some(directory.group(project.account, Some(project.id), kind)?.id))
        .collect();
    let members = groups.into_iter().flat_map(|group| directory.joined(group));
    let people: BTreeSet<Uuid> = members.filter(|member| directory.users.contains_key(member)).collect();
    let people =
        people.into_iter().map(|user| json!({ "identity": shape::identity(directory, &base, user) }));
    Ok(Reply::ok(shape::list(people)))
}
