//! Forks: which repository a new one is forked from, and which ones were forked from one.

use serde_json::{Value, json};

use super::failure::Failure;
use super::query::Query;
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::directory::{Account, Directory, Repo};
use crate::operations::repositories::{self, ForkOf};

/// The repository that a body asks to be forked, and the one ref that the query asks for.
pub(super) fn wanted<'a>(query: &'a Query, body: &'a Value) -> Result<Option<ForkOf<'a>>, Failure> {
    let (parent, only) = (&body["parentRepository"], query.get("sourceRef"));
    if parent.is_null() {
        return if only.is_none() { Ok(None) } else { Err(Failure::missing("parentRepository")) };
    }
    let repo = parent["id"].as_str().or_else(|| parent["name"].as_str());
    Ok(Some(ForkOf {
        project: parent["project"]["id"].as_str().or_else(|| parent["project"]["name"].as_str()),
        repo: repo.ok_or_else(|| Failure::missing("parentRepository.id"))?,
        only,
    }))
}

/// The repository that one was forked from, if it is still there for the caller.
pub(super) fn parent(
    call: &Call<'_>,
    directory: &Directory,
    account: &Account,
    repo: &Repo,
) -> Option<Value> {
    let parent = directory.repos.get(&repo.parent?)?;
    if call.scope().may_read(directory, parent) { reference(call, directory, account, parent) } else { None }
}

/// A repository, where another one names it.
fn reference(call: &Call<'_>, directory: &Directory, account: &Account, repo: &Repo) -> Option<Value> {
    let whole = call.repo_json(account, directory.projects.get(&repo.project)?, repo);
    let mut value = json!({});
    for field in ["id", "name", "isFork", "url", "project", "remoteUrl", "sshUrl"] {
        if !whole[field].is_null() {
            value[field] = whole[field].clone();
        }
    }
    value["collection"] = shape::collection(&call.base(account), account);
    Some(value)
}

/// The forks of a repository that the caller may read.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let forks = repositories::forks(&directory, call.scope(), call.repository())?.into_iter();
    Ok(Reply::ok(shape::list(forks.filter_map(|repo| reference(call, &directory, account, repo)))))
}
