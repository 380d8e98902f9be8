//! Evaluations of policies for a pull request.

use serde_json::{Value, json};

use super::super::super::failure::Failure;
use super::super::super::policy::configuration;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::RepoRequest;
use super::shape;
use crate::directory::PullRequest;
use crate::operations::pull_requests::find;
use crate::operations::pull_requests::policies::{self, Evaluated};

fn evaluation(request: &RepoRequest, pull: &PullRequest, one: &Evaluated) -> Value {
    let directory = request.app.state.directory();
    let base = request.shapes(&directory).base.to_owned();
    let project = request.repo.project;
    let id = one.id(pull);
    let url = format!("{base}/{project}/_apis/policy/evaluations/{id}");
    json!({
        "configuration": configuration(&directory, &base, &one.policy),
        "artifactId": format!("vstfs:///CodeReview/CodeReviewId/{project}/{}", pull.id),
        "evaluationId": id.to_string(),
        "startedDate": shape::time(pull.created),
        "status": one.evaluation.name(),
        "context": {},
        "_links": { "self": { "href": url } },
    })
}

fn all(request: &RepoRequest) -> Result<(PullRequest, Vec<Evaluated>), Failure> {
    let pull = find(request, &request.pull_request)?;
    let directory = request.app.state.directory();
    let repository = request.open()?;
    let all = policies::evaluate(request, &repository, &directory, &pull)?;
    Ok((pull, all))
}

/// The evaluations for the pull request whose artifact is named.
pub(crate) fn list(request: &RepoRequest) -> Outcome {
    let (pull, all) = all(request)?;
    let (skip, top) = request.query.page(usize::MAX)?;
    let part = all.iter().skip(skip).take(top);
    Ok(Reply::ok(lists::list(part.map(|one| evaluation(request, &pull, one)))))
}

/// One evaluation; it is always of the present, also if it is asked to be queued again.
pub(crate) fn one(request: &RepoRequest) -> Outcome {
    let (pull, all) = all(request)?;
    let asked = request.part("evaluationId").to_lowercase();
    let found = all.iter().find(|one| one.id(&pull).to_string() == asked);
    let found = found.ok_or_else(|| {
        let message = format!("There is no policy evaluation {asked}.");
        Failure::not_found("PolicyEvaluationNotFoundException", message)
    })?;
    Ok(Reply::ok(evaluation(request, &pull, found)))
}
