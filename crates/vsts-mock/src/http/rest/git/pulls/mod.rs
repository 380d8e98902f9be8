//! Pull requests: lists, and one by one; made and changed.

pub(crate) mod attachments;
pub(crate) mod comments;
pub(crate) mod conflicts;
pub(crate) mod evaluations;
pub(crate) mod iterations;
pub(crate) mod labels;
pub(crate) mod reviewers;
pub(crate) mod search;
pub(crate) mod shape;
pub(crate) mod statuses;

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::request::RepoRequest;
use super::{commits, history};
use crate::directory::pull_request::{CompletionOptions, MergeStrategy, PullStatus};
use crate::directory::{Directory, PullRequest};
use crate::operations::commits::CommitInfo;
use crate::operations::pull_requests::create::{self, NewPullRequest};
use crate::operations::pull_requests::update::{self, PullRequestUpdate};
use crate::operations::pull_requests::{find, iterations as rounds};
use shape::Form;

/// Commits that are shown with a pull request.
const COMMITS: usize = 100;

/// The pull request that the path names, when what is due has been done.
fn asked(request: &RepoRequest) -> Result<PullRequest, Failure> {
    Ok(find(request, request.part("pullRequestId"))?)
}

/// A pull request as service hooks are told of it.
pub(crate) fn event(request: &RepoRequest, directory: &Directory, pull: &PullRequest) -> Value {
    request.shapes(directory).pull_request(pull, Form::Whole)
}

/// A pull request as the answer to a change of it.
fn whole(request: &RepoRequest, pull: &PullRequest) -> Value {
    request.shapes(&request.app.state.directory()).pull_request(pull, Form::Whole)
}

/// One pull request of a repository, or a list of them.
pub(crate) fn read(request: &RepoRequest) -> Outcome {
    if request.value("pullRequestId").is_some() { show(request) } else { search::in_repository(request) }
}

/// One pull request.
pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let is_by_id = request.value("repositoryId").is_none();
    let directory = request.app.state.directory();
    let shapes = request.shapes(&directory);
    let mut value = shapes.pull_request(&pull, if is_by_id { Form::ById } else { Form::Whole });
    let repository = request.open()?;
    shape::add_commit(&repository, &mut value, "lastMergeCommit")?;
    if request.query.flag("includeCommits") {
        let tips = (pull.merge.source.as_str(), pull.merge.target.as_str());
        let found = rounds::commits(request, &repository, tips, (0, COMMITS))?;
        value["commits"] = listed(request, &repository, &found)?;
    }
    if request.query.flag("includeWorkItemRefs") {
        value["workItemRefs"] = shapes.work_items(&pull).into();
    }
    Ok(Reply::ok(value))
}

/// Commits as a pull request lists them.
fn listed(
    request: &RepoRequest,
    repository: &gix::Repository,
    ids: &[gix::ObjectId],
) -> Result<Value, Failure> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        request.work.check()?;
        all.push(history::reference(request, &CommitInfo::read(repository, *id)?));
    }
    Ok(all.into())
}

/// The commits of a pull request or of one iteration.
pub(crate) fn commits(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let (source, target) = match request.value("iterationId") {
        Some(id) => {
            let one = rounds::one(request, &pull, id)?;
            (one.source, one.target)
        }
        None => (pull.merge.source.clone(), pull.merge.target.clone()),
    };
    let repository = request.open()?;
    let (skip, top) = request.query.page(COMMITS)?;
    let found = rounds::commits(request, &repository, (&source, &target), (skip, top))?;
    Reply::list(&found, |out, id| {
        request.work.check()?;
        out.extend_from_slice(commits::whole(request, &repository, *id)?.to_string().as_bytes());
        Ok(())
    })
}

/// The id of an identity in a body.
fn identity_id(field: &str, value: &Value) -> Result<Uuid, Failure> {
    let id = value.as_str().and_then(|id| Uuid::parse_str(id).ok());
    id.ok_or_else(|| Failure::bad(format!("{field} has to be the id of a user or a group.")))
}

/// The id of the repository that a pull request comes from.
fn identity_of_repo(value: &Value) -> Result<Uuid, Failure> {
    let id = value.as_str().and_then(|id| Uuid::parse_str(id).ok());
    id.ok_or_else(|| Failure::bad("forkSource.repository.id has to be the id of a repository."))
}

/// A value of an enum; clients send 0 for one that they have not set.
fn set(value: &Value) -> &Value {
    if value.as_u64() == Some(0) { &Value::Null } else { value }
}

fn completion(value: &Value) -> Result<Option<CompletionOptions>, Failure> {
    if value.is_null() {
        return Ok(None);
    }
    let flag = |name: &str| value[name].as_bool().unwrap_or_default();
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let ids = value["autoCompleteIgnoreConfigIds"].as_array();
    let strategy = &value["mergeStrategy"];
    let strategy = set(strategy);
    Ok(Some(CompletionOptions {
        strategy: choice("mergeStrategy", strategy, MergeStrategy::CHOICES)?,
        delete_source: flag("deleteSourceBranch"),
        message: text("mergeCommitMessage"),
        squash: flag("squashMerge"),
        transition_work_items: flag("transitionWorkItems"),
        bypass: flag("bypassPolicy"),
        bypass_reason: text("bypassReason"),
        ignored_policies: ids.into_iter().flatten().filter_map(Value::as_i64).collect(),
    }))
}

pub(crate) fn create(request: &RepoRequest) -> Outcome {
    let body = &request.body;
    let text = |name: &str| body[name].as_str().ok_or_else(|| Failure::missing(name));
    let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let mut reviewers = Vec::new();
    for reviewer in &list("reviewers") {
        let id = identity_id("reviewers.id", &reviewer["id"])?;
        reviewers.push((id, reviewer["isRequired"].as_bool().unwrap_or_default()));
    }
    let labels = list("labels");
    let labels = labels.iter().filter_map(|label| label["name"].as_str()).collect();
    // Clients send references that name nothing; Renovate's is "0".
    let id = |item: &Value| match &item["id"] {
        Value::String(id) => Some(id.clone()).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let names_one = |id: &String| id.bytes().any(|byte| byte != b'0');
    let work_items = list("workItemRefs").iter().filter_map(id).filter(names_one).collect();
    let fork = match &body["forkSource"] {
        Value::Null => None,
        fork => Some(identity_of_repo(&fork["repository"]["id"])?),
    };
    let new = NewPullRequest {
        fork,
        source: text("sourceRefName")?,
        target: text("targetRefName")?,
        title: text("title")?,
        description: body["description"].as_str(),
        is_draft: body["isDraft"].as_bool().unwrap_or_default(),
        reviewers,
        labels,
        work_items,
        completion: completion(&body["completionOptions"])?,
    };
    let pull = create::create(request, &new)?;
    let mut value = whole(request, &pull);
    if value["labels"].is_null() {
        value["labels"] = Value::Array(Vec::new());
    }
    let at = value["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(StatusCode::CREATED, value).located(at))
}

/// The fields of a pull request that can be changed.
const CHANGEABLE: [&str; 9] = [
    "title",
    "description",
    "status",
    "targetRefName",
    "isDraft",
    "completionOptions",
    "autoCompleteSetBy",
    "mergeOptions",
    "lastMergeSourceCommit",
];

pub(crate) fn update(request: &RepoRequest) -> Outcome {
    let invalid = || {
        Failure::bad("Invalid argument value.\r\nParameter name: The pull request to update was not valid.")
    };
    let body = request.body.as_object().filter(|body| !body.is_empty()).ok_or_else(invalid)?;
    if body.keys().any(|name| !CHANGEABLE.contains(&name.as_str())) {
        return Err(invalid());
    }
    let body = &request.body;
    let auto_complete = match &body["autoCompleteSetBy"] {
        Value::Null => None,
        user => match user["id"].as_str().unwrap_or_default() {
            "" => Some(Uuid::nil()),
            id => Some(identity_id("autoCompleteSetBy.id", &id.into())?),
        },
    };
    let status = &body["status"];
    let status = set(status);
    let new = PullRequestUpdate {
        title: body["title"].as_str(),
        description: body["description"].as_str(),
        target: body["targetRefName"].as_str(),
        is_draft: body["isDraft"].as_bool(),
        status: choice("status", status, PullStatus::CHOICES)?,
        completion: completion(&body["completionOptions"])?,
        auto_complete,
        source_commit: body["lastMergeSourceCommit"]["commitId"].as_str(),
    };
    let pull = update::update(request, request.part("pullRequestId"), &new)?;
    Ok(Reply::ok(whole(request, &pull)))
}
