//! `_apis/projects`: listed and read at once; made, changed and deleted by operations that go on afterwards.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::query::choice;
use super::reply::{Outcome, Reply};
use super::{Call, processes, shape, teams};
use crate::directory::Project;
use crate::http::web::encode;
use crate::jobs::Progress;
use crate::operations::projects::{self, NewProject};

/// Projects that are listed by default.
const PAGE: usize = 100;

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let base = call.base(account);
    // Other states than well-formed ones are passed through too fast to be seen.
    let states = ["wellformed", "all", "unchanged", "1", "4", "0"];
    let is_shown =
        call.query.get("stateFilter").is_none_or(|state| states.contains(&state.to_lowercase().as_str()));
    let mut seen = projects::list(&directory, &call.principal, account);
    seen.retain(|_| is_shown);
    let (page, more) = call.query.part(&seen, PAGE)?;
    let shown = page.iter().map(|project| shape::project(&base, project));
    Ok(Reply::ok(shape::list(shown)).continued(more))
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let project = call.project(&directory, call.part("projectId"))?;
    let with_capabilities = call.query.flag("includeCapabilities");
    Ok(Reply::ok(whole_project(&call.base(call.account(&directory)?), project, with_capabilities)))
}

/// A project with what belongs to it; what it can do only if that is asked for.
fn whole_project(base: &str, one: &Project, with_capabilities: bool) -> Value {
    let mut value = shape::project(base, one);
    if with_capabilities {
        let process = processes::of(one);
        value["capabilities"] = json!({
            "processTemplate": { "templateName": process.name, "templateTypeId": process.id },
            "versioncontrol": { "sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False" },
        });
    }
    value["_links"] = json!({
        "self": { "href": value["url"] },
        "collection": { "href": format!("{base}/_apis/projectCollections/{}", one.account) },
        "web": { "href": format!("{base}/{}", encode(&one.name)) },
    });
    value["defaultTeam"] = teams::reference(base, one);
    value
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let name = body["name"].as_str().ok_or_else(|| Failure::missing("name"))?.to_owned();
    let description = body["description"].as_str().unwrap_or_default().to_owned();
    check(&body)?;
    let process = body["capabilities"]["processTemplate"]["templateTypeId"].as_str();
    let process = process.map(processes::find).transpose()?.map(|process| process.short);
    queued(call, projects::begin_create(call.app, call.scope(), NewProject { name, description, process })?)
}

pub(super) async fn update(call: &Call<'_>, body: Value) -> Outcome {
    check(&body)?;
    let id = call.part("projectId");
    let directory = call.app.state.directory();
    let project = call.project(&directory, id)?;
    let process = body["capabilities"]["processTemplate"]["templateTypeId"].as_str();
    if process.is_some_and(|id| !id.eq_ignore_ascii_case(processes::of(project).id)) {
        return Err(unsupported(
            "capabilities.processTemplate",
            "a project keeps the process it was made with",
        ));
    }
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let job = projects::begin_update(call.app, call.scope(), id, text("name"), text("description"))?;
    queued(call, job)
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    queued(call, projects::begin_delete(call.app, call.scope(), call.part("projectId"))?)
}

/// The answer that a job has begun: it says where to ask for its progress.
fn queued(call: &Call<'_>, job: Uuid) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let value = shape::operation(&base, &job.to_string(), Progress::Queued.name());
    Ok(Reply::json(StatusCode::ACCEPTED, value))
}

/// Refuses what a project can't be here.
fn check(body: &Value) -> Result<(), Failure> {
    let known = [
        ("private", 0, true),
        ("unchanged", u64::MAX, true),
        ("organization", 1, false),
        ("public", 2, false),
    ];
    if choice("visibility", &body["visibility"], &known)? == Some(false) {
        return Err(unsupported("visibility", "projects are private: who reads them is a member"));
    }
    let control = body["capabilities"]["versioncontrol"]["sourceControlType"].as_str().unwrap_or("Git");
    if !control.eq_ignore_ascii_case("Git") {
        return Err(unsupported("sourceControlType", "repositories are Git repositories"));
    }
    let states = ["", "wellFormed", "new", "createPending", "unchanged"];
    let state = body["state"].as_str().unwrap_or_default();
    if !states.iter().any(|known| known.eq_ignore_ascii_case(state)) {
        return Err(unsupported("state", "to delete a project, send DELETE"));
    }
    Ok(())
}

fn unsupported(field: &str, why: &str) -> Failure {
    Failure::bad(format!(
        "This value of the field {field:?} of TeamProject is not supported by vsts-mock: {why}."
    ))
}

/// An account has one collection, which is itcall.
pub(super) fn collections(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let collection = shape::collection(&call.base(account), account);
    match call.value("collectionId") {
        None => Ok(Reply::ok(shape::list(std::iter::once(collection)))),
        Some(id)
            if id.eq_ignore_ascii_case(&account.id.to_string())
                || id.eq_ignore_ascii_case(&account.name)
                || id.eq_ignore_ascii_case("DefaultCollection") =>
        {
            Ok(Reply::ok(collection))
        }
        Some(id) => Err(Failure::not_found(
            "CollectionDoesNotExistException",
            format!("The collection {} does not exist.", excerpt(id)),
        )),
    }
}
