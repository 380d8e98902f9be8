//! `_apis/projects`: listed and read at once; made, changed and deleted by operations that go on afterwards.

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::failure::Failure;
use super::locations::Route;
use super::query::choice;
use super::reply::{Outcome, Reply};
use super::{Call, models, processes, read, shape};
use crate::jobs::Progress;
use crate::operations::projects::{self, NewProject};

/// How many projects a list has that says nothing of it.
const PAGE: usize = 100;

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    Some(match (method, route.value("projectId")) {
        (&Method::GET, None) => list(call),
        (&Method::GET, Some(id)) => show(call, id),
        (&Method::POST, None) => create(call, body).await,
        (&Method::PATCH, Some(id)) => update(call, id, body).await,
        (&Method::DELETE, Some(id)) => delete(call, id),
        _ => return None,
    })
}

fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let base = call.base(account);
    // Other states than well-formed ones are passed through too fast to be seen.
    let states = ["wellformed", "all", "unchanged", "1", "4", "0"];
    let is_shown =
        call.query.get("stateFilter").is_none_or(|state| states.contains(&state.to_lowercase().as_str()));
    let mut seen = projects::list(&directory, &call.principal, account);
    seen.retain(|_| is_shown);
    let skip = call.query.amount(&["continuationToken", "$skip"])?.unwrap_or(0);
    let top = call.query.amount(&["$top"])?.unwrap_or(PAGE);
    let next = skip.saturating_add(top);
    let page = seen.iter().skip(skip).take(top).map(|project| shape::project(&base, project));
    let more = (next < seen.len() && top > 0).then_some(next);
    Ok(Reply::ok(shape::list(page)).continued(more))
}

fn show(call: &Call<'_>, id: &str) -> Outcome {
    let directory = call.app.state.directory();
    let project = call.project(&directory, id)?;
    let with_capabilities = call.query.flag("includeCapabilities");
    Ok(Reply::ok(shape::whole_project(&call.base(call.account(&directory)?), project, with_capabilities)))
}

async fn create(call: &Call<'_>, body: Body) -> Outcome {
    let body = read(call.app, body, &models::PROJECT).await?;
    let name = body["name"].as_str().ok_or_else(|| Failure::missing("name"))?.to_owned();
    let description = body["description"].as_str().unwrap_or_default().to_owned();
    check(&body)?;
    let process = body["capabilities"]["processTemplate"]["templateTypeId"].as_str();
    let process = process.map(processes::find).transpose()?.map(|process| process.short);
    queued(call, projects::begin_create(call.app, call.scope(), NewProject { name, description, process })?)
}

async fn update(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::PROJECT).await?;
    check(&body)?;
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

fn delete(call: &Call<'_>, id: &str) -> Outcome {
    queued(call, projects::begin_delete(call.app, call.scope(), id)?)
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
