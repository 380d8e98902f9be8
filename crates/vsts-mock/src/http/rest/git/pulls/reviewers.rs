//! Reviewers of pull requests.

use serde_json::Value;
use uuid::Uuid;

use super::super::super::failure::Failure;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape;
use super::super::request::RepoRequest;
use super::{asked, identity_id};
use crate::directory::PullRequest;
use crate::operations::pull_requests::reviewers::{self, ReviewerUpdate};

fn update_of(value: &Value) -> ReviewerUpdate {
    ReviewerUpdate {
        vote: value["vote"].as_i64(),
        is_required: value["isRequired"].as_bool(),
        is_flagged: value["isFlagged"].as_bool(),
        has_declined: value["hasDeclined"].as_bool(),
    }
}

fn pull_id(request: &RepoRequest) -> &str {
    request.part("pullRequestId")
}

fn all(request: &RepoRequest, pull: &PullRequest) -> Value {
    let directory = request.app.state.directory();
    let shapes = request.shapes(&directory);
    shape::list(pull.reviewers.iter().map(|one| shapes.reviewer(pull, one)))
}

fn one(request: &RepoRequest, pull: &PullRequest, id: Uuid) -> Outcome {
    let directory = request.app.state.directory();
    let found = pull.reviewers.iter().find(|one| one.id == id).ok_or_else(|| missing(id))?;
    Ok(Reply::ok(request.shapes(&directory).reviewer(pull, found)))
}

fn missing(id: Uuid) -> Failure {
    let message = format!("TF401186: The reviewer {id} is no reviewer of this pull request.");
    Failure::not_found("GitPullRequestReviewerNotFoundException", message)
}

fn path_id(request: &RepoRequest) -> Result<Uuid, Failure> {
    identity_id("reviewerId", &request.part("reviewerId").into())
}

pub(crate) fn read(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    match request.value("reviewerId") {
        Some(_) => one(request, &pull, path_id(request)?),
        None => Ok(Reply::ok(all(request, &pull))),
    }
}

/// Adds reviewers, given as a list of identities.
pub(crate) fn add(request: &RepoRequest) -> Outcome {
    let given: Vec<Value> = match &request.body {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let mut wanted = Vec::new();
    for reviewer in &given {
        let id = identity_id("id", &reviewer["id"])?;
        // Who is added has not voted.
        let update = ReviewerUpdate { vote: None, ..update_of(reviewer) };
        wanted.push((id, update));
    }
    let pull = reviewers::set(request, pull_id(request), &wanted)?;
    let directory = request.app.state.directory();
    let shapes = request.shapes(&directory);
    let added = pull.reviewers.iter().filter(|one| wanted.iter().any(|(id, _)| *id == one.id));
    Ok(Reply::ok(shape::list(added.map(|one| shapes.reviewer(&pull, one)))))
}

/// Adds a reviewer, or casts a vote.
pub(crate) fn put(request: &RepoRequest) -> Outcome {
    let id = path_id(request)?;
    let pull = reviewers::set(request, pull_id(request), &[(id, update_of(&request.body))])?;
    one(request, &pull, id)
}

/// Changes the flags of a reviewer; without one in the path, takes back votes.
pub(crate) fn patch(request: &RepoRequest) -> Outcome {
    if request.value("reviewerId").is_none() {
        let list = request.body.as_array().cloned().unwrap_or_default();
        let ids: Result<Vec<Uuid>, Failure> =
            list.iter().map(|reviewer| identity_id("id", &reviewer["id"])).collect();
        let pull = reviewers::reset(request, pull_id(request), &ids?)?;
        return Ok(Reply::ok(all(request, &pull)));
    }
    let id = path_id(request)?;
    if asked(request)?.reviewers.iter().all(|one| one.id != id) {
        return Err(missing(id));
    }
    put(request)
}

pub(crate) fn remove(request: &RepoRequest) -> Outcome {
    reviewers::remove(request, pull_id(request), path_id(request)?)?;
    Ok(Reply::emptied())
}
