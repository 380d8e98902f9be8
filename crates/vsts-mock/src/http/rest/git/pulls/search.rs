//! Lists of pull requests, of a repository and of a project, and those that commits belong to.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Call;
use super::super::super::failure::Failure;
use super::super::super::query::{Query, choice};
use super::super::super::reply::{Outcome, Reply};
use super::super::request::{RepoRequest, object_id};
use super::listed;
use super::shape::{Form, Shapes};
use crate::directory::PullRequest;
use crate::directory::pull_request::PullStatus;
use crate::limits::{COMMITS_QUERIED, PULL_REQUESTS_LISTED};
use crate::operations::pull_requests::list::{self, Criteria, TimeRange};
use crate::operations::pull_requests::{is_of_commit, iterations as rounds};

/// Pull requests that are listed by default.
const PAGE: usize = 101;

const STATUSES: [(&str, u64, Option<PullStatus>); 5] = [
    ("notSet", 0, Some(PullStatus::Active)),
    ("active", 1, Some(PullStatus::Active)),
    ("abandoned", 2, Some(PullStatus::Abandoned)),
    ("completed", 3, Some(PullStatus::Completed)),
    ("all", 4, None),
];

const RANGES: [(&str, u64, TimeRange); 2] =
    [("created", 1, TimeRange::Created), ("closed", 2, TimeRange::Closed)];

fn criteria(query: &Query) -> Result<Criteria, Failure> {
    let id = |name: &str| -> Result<Option<Uuid>, Failure> {
        let Some(text) = query.criterion(name) else { return Ok(None) };
        Uuid::parse_str(text).map(Some).map_err(|_| Failure::bad(format!("{name} has to be an id.")))
    };
    let branch = |name: &str| query.criterion(name).map(str::to_owned);
    let status = query.choice(&["searchCriteria.status", "status"], &STATUSES)?;
    let range = query.choice(&["searchCriteria.queryTimeRangeType", "queryTimeRangeType"], &RANGES)?;
    Ok(Criteria {
        status: status.unwrap_or(Some(PullStatus::Active)),
        creator: id("creatorId")?,
        reviewer: id("reviewerId")?,
        source: branch("sourceRefName"),
        target: branch("targetRefName"),
        source_repo: id("sourceRepositoryId")?,
        min: query.criterion_date("minTime")?,
        max: query.criterion_date("maxTime")?,
        range: range.unwrap_or_default(),
        title: query.criterion("title").map(str::to_lowercase),
        labels: query.criterion_list("labels").into_iter().map(str::to_lowercase).collect(),
    })
}

/// The part of a list that is asked for.
fn page(query: &Query) -> Result<(usize, usize), Failure> {
    let (skip, top) = query.page(PAGE)?;
    Ok((skip, top.min(PULL_REQUESTS_LISTED)))
}

/// One pull request of a list.
fn element(shapes: &Shapes<'_>, query: &Query, pull: &PullRequest) -> Value {
    let mut value = shapes.pull_request(pull, Form::InList);
    if query.criterion_flag("includeLinks") {
        value["_links"] = shapes.pull_request(pull, Form::Whole)["_links"].take();
    }
    value
}

/// The pull requests of a repository.
pub(super) fn in_repository(request: &RepoRequest) -> Outcome {
    let query = &request.query;
    request.runtime.block_on(request.app.merge_queue.settled(request.repo.id));
    let directory = request.app.state.directory();
    let wanted = criteria(query)?;
    let of_other = query
        .criterion("repositoryId")
        .is_some_and(|id| Uuid::parse_str(id).is_ok_and(|id| id != request.repo.id));
    let repos = if of_other { Vec::new() } else { vec![&request.repo] };
    let found = list::select(&directory, &repos, &wanted, page(query)?);
    let shapes = request.shapes(&directory);
    let repository = request.open()?;
    Reply::list(&found, |out, pull| {
        request.work.check()?;
        let mut value = element(&shapes, query, pull);
        if query.flag("includeCommits") {
            let tips = (pull.merge.source.as_str(), pull.merge.target.as_str());
            let commits = rounds::commits(request, &repository, tips, (0, super::COMMITS))?;
            value["commits"] = listed(request, &repository, &commits)?;
        }
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    })
}

/// The pull requests of a project.
pub(crate) async fn in_project(call: &Call<'_>) -> Outcome {
    let wanted = criteria(&call.query)?;
    let (skip, top) = page(&call.query)?;
    let only = call.query.criterion("repositoryId").map(str::to_lowercase);
    let before = call.app.state.directory();
    let project = call.project.as_deref().ok_or_else(|| Failure::missing("project"))?;
    let project = call.project(&before, project)?.id;
    for repo in list::readable(&before, call.scope(), project) {
        if !before.pulls.active_in(repo.id).is_empty() {
            call.app.merge_queue.settled(repo.id).await;
        }
    }
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let mut repos = list::readable(&directory, call.scope(), project);
    repos.retain(|repo| {
        only.as_ref().is_none_or(|only| *only == repo.id.to_string() || *only == repo.name.to_lowercase())
    });
    let found = list::select(&directory, &repos, &wanted, (skip, top));
    let base = call.base(account);
    let mut shown: HashMap<Uuid, Value> = HashMap::new();
    Reply::list(&found, |out, pull| {
        let repo = shown.entry(pull.repo).or_insert_with(|| {
            let repo = &directory.repos[&pull.repo];
            directory
                .projects
                .get(&repo.project)
                .map(|project| call.repo_json(account, project, repo))
                .unwrap_or_default()
        });
        let shapes = Shapes { directory: &directory, principal: &call.principal, base: &base, repo };
        out.extend_from_slice(element(&shapes, &call.query, pull).to_string().as_bytes());
        Ok(())
    })
}

/// The place where a commit is looked for: the last merge of a pull request, or its commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryType {
    LastMergeCommit,
    Commit,
}

/// Finds the pull requests of commits.
pub(crate) fn by_commits(request: &RepoRequest) -> Outcome {
    let types = [
        ("notSet", 0, QueryType::LastMergeCommit),
        ("lastMergeCommit", 1, QueryType::LastMergeCommit),
        ("commit", 2, QueryType::Commit),
    ];
    request.runtime.block_on(request.app.merge_queue.settled(request.repo.id));
    let directory = request.app.state.directory();
    let repository = request.open()?;
    let shapes = request.shapes(&directory);
    let mut results = Vec::new();
    let mut left = COMMITS_QUERIED;
    let queries = request.body["queries"].as_array().cloned().unwrap_or_default();
    for query in &queries {
        let kind = choice("type", &query["type"], &types)?.unwrap_or(QueryType::LastMergeCommit);
        let mut result = Map::new();
        for item in query["items"].as_array().into_iter().flatten() {
            let id = object_id(item.as_str().unwrap_or_default())?;
            left = left.checked_sub(1).ok_or_else(|| {
                Failure::bad(format!("A query is about {COMMITS_QUERIED} commits at most."))
            })?;
            let mut found = Vec::new();
            for pull in directory.pulls.of_repo(request.repo.account, request.repo.id) {
                request.work.check()?;
                let is_it = match kind {
                    QueryType::LastMergeCommit => {
                        pull.merge.commit.as_deref() == Some(id.to_string().as_str())
                    }
                    QueryType::Commit => is_of_commit(request, &repository, pull, id)?,
                };
                if is_it && found.len() < PULL_REQUESTS_LISTED {
                    found.push(shapes.pull_request(pull, Form::InList));
                }
            }
            if !found.is_empty() {
                result.insert(id.to_string(), found.into());
            }
        }
        results.push(Value::Object(result));
    }
    Ok(Reply::ok(json!({ "queries": queries, "results": results })))
}
