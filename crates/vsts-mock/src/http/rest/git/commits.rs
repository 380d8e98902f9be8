//! Commits: lists by search criteria, one with its parents, and what one changed.

use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::Query;
use super::super::reply::{Outcome, Reply};
use super::request::{RepoRequest, object_id};
use super::revision::Descriptor;
use super::{changes, history};
use crate::operations::commits::{self, CommitInfo};
use crate::operations::tree_walk::WalkError;
use crate::operations::work::Exceeded;

/// Commits that are listed by default.
const PAGE: usize = 100;

pub(crate) fn list(request: &RepoRequest) -> Outcome {
    list_by(request, &request.query)
}

fn list_by(request: &RepoRequest, query: &Query) -> Outcome {
    let repository = request.open()?;
    let (skip, top) = query.page(PAGE)?;
    let found = history::search(request, &repository, query, skip, top)?;
    Reply::list(&found, |out, id| {
        let id = *id;
        let mut value = with_counts(request, &repository, id)?;
        if query.criterion_flag("includeLinks") {
            value["_links"] = links(request, id);
        }
        if query.criterion_flag("includePushData")
            && let Some(push) = push_of(request, id)?
        {
            value["push"] = push;
        }
        if query.criterion_flag("includeUserImageUrl") {
            for person in ["author", "committer"] {
                let email = value[person]["email"].as_str().unwrap_or_default();
                if let Some(user) = request.directory.user_by_login(email) {
                    value[person]["imageUrl"] = request.identity(user.id)["imageUrl"].clone();
                }
            }
        }
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    })
}

/// The same criteria, in a body.
pub(crate) fn batch(request: &RepoRequest) -> Outcome {
    let mut query = request.query.clone();
    query.add_object("searchCriteria", &request.body);
    list_by(request, &query)
}

/// A commit with how much it changed.
pub(super) fn with_counts(
    request: &RepoRequest,
    repository: &gix::Repository,
    id: ObjectId,
) -> Result<Value, Failure> {
    request.work.check()?;
    let mut value = history::reference(request, &CommitInfo::read(repository, id)?);
    match commits::changes(repository, &request.work, id) {
        Ok(all) => value["changeCounts"] = changes::counts(&all),
        // The client is told in the service's own way, and gets the rest of its list.
        Err(WalkError::Exceeded(exceeded)) if exceeded != Exceeded::ClientGone => {
            value["commitTooManyChanges"] = true.into();
        }
        Err(error) => return Err(error.into()),
    }
    Ok(value)
}

/// A commit with its tree and its parents.
pub(super) fn whole(
    request: &RepoRequest,
    repository: &gix::Repository,
    id: ObjectId,
) -> Result<Value, Failure> {
    let commit = CommitInfo::read(repository, id)?;
    let mut value = history::reference(request, &commit);
    value["treeId"] = commit.tree.to_string().into();
    value["parents"] = commit.parents.iter().map(ToString::to_string).collect();
    Ok(value)
}

fn links(request: &RepoRequest, id: ObjectId) -> Value {
    let url = request.url(&format!("commits/{id}"));
    json!({
        "self": { "href": url },
        "repository": { "href": request.repo_json["url"] },
        "web": { "href": request.page(&format!("commit/{id}")) },
        "changes": { "href": format!("{url}/changes") },
    })
}

/// The push that brought a commit as a ref's tip.
fn push_of(request: &RepoRequest, id: ObjectId) -> Result<Option<Value>, Failure> {
    let push = request.runtime.block_on(request.app.state.push_of(request.repo.id, &id.to_string()))?;
    Ok(push.map(|push| {
        json!({
            "pushedBy": request.identity(push.user),
            "pushId": push.id,
            "date": push.time,
            "url": request.url(&format!("pushes/{}", push.id)),
        })
    }))
}

/// The commit that the path names.
fn find(request: &RepoRequest, repository: &gix::Repository) -> Result<ObjectId, Failure> {
    Descriptor::commit(&object_id(request.part("commitId"))?.to_string()).resolve(request, repository)
}

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let id = find(request, &repository)?;
    let mut value = whole(request, &repository, id)?;
    if let Some(push) = push_of(request, id)? {
        value["push"] = push;
    }
    value["_links"] = links(request, id);
    let count = request.query.amount(&["changeCount"])?.unwrap_or(0);
    if count == 0 {
        return Ok(Reply::ok(value));
    }
    let all = commits::changes(&repository, &request.work, id)?;
    value["changeCounts"] = changes::counts(&all);
    changes::reply(request, &value, id, &all, 0, count)
}

pub(crate) fn changes(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let id = find(request, &repository)?;
    let all = commits::changes(&repository, &request.work, id)?;
    let (skip, top) = request.query.page(usize::MAX)?;
    changes::reply(request, &json!({ "changeCounts": changes::counts(&all) }), id, &all, skip, top)
}
