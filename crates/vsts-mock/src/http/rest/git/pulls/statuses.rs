//! Statuses of commits and of pull requests.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::super::failure::Failure;
use super::super::super::query::choice;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::{RepoRequest, object_id};
use super::{asked, shape};
use crate::directory::pull_request::{StatusState, status_subject};
use crate::directory::{Directory, GitStatus};
use crate::operations::pull_requests::iterations;
use crate::operations::pull_requests::statuses::{self, NewStatus};

/// Statuses that are listed by default.
const PAGE: usize = 1_000;

pub(super) fn status(request: &RepoRequest, directory: &Directory, one: &GitStatus) -> Value {
    let shapes = request.shapes(directory);
    let mut value = json!({ "id": one.id });
    if let Some(iteration) = one.iteration {
        value["iterationId"] = iteration.into();
    }
    value["state"] = one.state.name().into();
    if let Some(text) = &one.description {
        value["description"] = text.as_str().into();
    }
    value["context"] = json!({ "name": one.name, "genre": one.genre });
    value["creationDate"] = shape::time(one.created);
    value["updatedDate"] = shape::time(one.created);
    value["createdBy"] = shapes.person(one.creator);
    if let Some(url) = &one.target_url {
        value["targetUrl"] = url.as_str().into();
    }
    if let Some(properties) = &one.properties {
        value["properties"] = properties.clone();
    }
    value
}

fn new_status(body: &Value, iteration: Option<i64>) -> Result<NewStatus<'_>, Failure> {
    let context = &body["context"];
    let state = choice("state", &body["state"], StatusState::CHOICES)?;
    Ok(NewStatus {
        state: state.ok_or_else(|| Failure::missing("state"))?,
        name: context["name"].as_str().ok_or_else(|| Failure::missing("context.name"))?,
        genre: context["genre"].as_str(),
        description: body["description"].as_str(),
        target_url: body["targetUrl"].as_str(),
        iteration: iteration.or_else(|| body["iterationId"].as_i64()),
        properties: Some(&body["properties"]).filter(|value| value.is_object()).cloned(),
    })
}

/// The statuses of a commit, newest first.
pub(crate) fn of_commit(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let subject = statuses::of_commit(&repository, object_id(request.part("commitId"))?)?;
    let directory = request.app.state.directory();
    let all = statuses::list(&directory, request, &subject, request.query.flag("latestOnly"));
    let (skip, top) = request.query.page(PAGE)?;
    let part = all.iter().skip(skip).take(top);
    Ok(Reply::ok(lists::list(part.map(|one| status(request, &directory, one)))))
}

pub(crate) fn post_on_commit(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let subject = statuses::of_commit(&repository, object_id(request.part("commitId"))?)?;
    let made = statuses::post(request, &subject, &new_status(&request.body, None)?)?;
    Ok(Reply::json(StatusCode::CREATED, status(request, &request.app.state.directory(), &made)))
}

/// The iteration that a path names.
fn iteration(request: &RepoRequest) -> Result<Option<i64>, Failure> {
    let Some(id) = request.value("iterationId") else { return Ok(None) };
    Ok(Some(iterations::one(request, &asked(request)?, id)?.id))
}

/// The statuses of a pull request or of one iteration, oldest first; or one of them.
pub(crate) fn of_pull(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let directory = request.app.state.directory();
    if let Some(id) = request.value("statusId") {
        return Ok(Reply::ok(status(request, &directory, &statuses::one(request, &pull, id)?)));
    }
    let only = iteration(request)?;
    let mut all = statuses::list(&directory, request, &status_subject(pull.id), false);
    all.reverse();
    all.retain(|one| only.is_none() || one.iteration == only);
    Ok(Reply::ok(lists::list(all.iter().map(|one| status(request, &directory, one)))))
}

pub(crate) fn post_on_pull(request: &RepoRequest) -> Outcome {
    let new = new_status(&request.body, iteration(request)?)?;
    let made = statuses::post_on_pull(request, request.part("pullRequestId"), &new)?;
    Ok(Reply::ok(status(request, &request.app.state.directory(), &made)))
}

pub(crate) fn remove(request: &RepoRequest) -> Outcome {
    statuses::remove(request, request.part("pullRequestId"), &[request.part("statusId")])?;
    Ok(Reply::nothing())
}

/// Removes statuses by a JSON patch.
pub(crate) fn patch(request: &RepoRequest) -> Outcome {
    let operations = request.body.as_array().cloned().unwrap_or_default();
    let removed = |operation: &Value| {
        let op = &operation["op"];
        let is_removal = op.as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove")) || *op == 1;
        operation["path"].as_str().filter(|_| is_removal).map(|path| path.trim_start_matches('/').to_owned())
    };
    let ids: Option<Vec<String>> = operations.iter().map(removed).collect();
    let ids = ids.ok_or_else(|| Failure::bad("A status can only be removed."))?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    statuses::remove(request, request.part("pullRequestId"), &ids)?;
    Ok(Reply::nothing())
}
