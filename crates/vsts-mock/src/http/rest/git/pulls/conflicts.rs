//! Conflicts of the merge of a pull request, file by file.

use serde_json::{Value, json};

use super::super::super::failure::Failure;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::RepoRequest;
use super::asked;
use crate::directory::PullRequest;
use crate::directory::pull_request::MergeStatus;

fn conflict(request: &RepoRequest, pull: &PullRequest, at: usize, path: &str) -> Value {
    let directory = request.app.state.directory();
    let shapes = request.shapes(&directory);
    json!({
        "conflictId": at,
        "conflictType": "editEdit",
        "conflictPath": format!("/{path}"),
        "mergeBaseCommit": null,
        "mergeOrigin": { "pullRequestId": pull.id },
        "mergeSourceCommit": shapes.commit(&pull.merge.source),
        "mergeTargetCommit": shapes.commit(&pull.merge.target),
        "resolutionStatus": "unresolved",
        "resolutionError": "none",
        "url": shapes.url(pull.id, &format!("/conflicts/{at}")),
    })
}

pub(crate) fn read(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let is_in_conflict = pull.merge.status == MergeStatus::Conflicts;
    let all: Vec<(usize, &String)> = (1..).zip(&pull.merge.conflicts).filter(|_| is_in_conflict).collect();
    if let Some(id) = request.value("conflictId") {
        let found = all.iter().find(|(at, _)| at.to_string() == id);
        let (at, path) = found.ok_or_else(|| {
            Failure::not_found("GitConflictNotFoundException", format!("There is no conflict {id}."))
        })?;
        return Ok(Reply::ok(conflict(request, &pull, *at, path)));
    }
    Ok(Reply::ok(lists::list(all.iter().map(|(at, path)| conflict(request, &pull, *at, path)))))
}
