//! Commits: lists by search criteria, one with its parents, and what one changed.

use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::Query;
use super::super::reply::{Outcome, Reply};
use super::place::{Place, object_id};
use super::revision::Descriptor;
use super::{changes, history};
use crate::operations::changed_files;
use crate::operations::tree_walk::WalkError;
use crate::operations::versions::first_parent;
use crate::operations::work::Exceeded;

/// How many commits a list has that says nothing of it.
const PAGE: usize = 100;

pub(super) fn list(place: &Place, query: &Query) -> Outcome {
    let repository = place.open()?;
    let (skip, top) = query.page(PAGE)?;
    let found = history::search(place, &repository, query, skip, top)?;
    Reply::list(&found, |out, id| {
        let id = *id;
        let mut value = with_counts(place, &repository, id)?;
        if query.criterion_flag("includeLinks") {
            value["_links"] = links(place, id);
        }
        if query.criterion_flag("includePushData")
            && let Some(push) = push_of(place, id)?
        {
            value["push"] = push;
        }
        if query.criterion_flag("includeUserImageUrl") {
            for person in ["author", "committer"] {
                let email = value[person]["email"].as_str().unwrap_or_default();
                if let Some(user) = place.world.user_by_login(email) {
                    value[person]["imageUrl"] = place.identity(user.id)["imageUrl"].clone();
                }
            }
        }
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    })
}

/// The same criteria, in a body.
pub(super) fn batch(place: &Place, body: &Value) -> Outcome {
    let mut query = place.query.clone();
    query.add_object("searchCriteria", body);
    list(place, &query)
}

/// A commit with how much it changed.
pub(super) fn with_counts(
    place: &Place,
    repository: &gix::Repository,
    id: ObjectId,
) -> Result<Value, Failure> {
    place.work.check()?;
    let commit = repository.find_commit(id)?;
    let mut value = history::reference(place, &commit)?;
    match changed_files::between(repository, &place.work, first_parent(&commit), id) {
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
pub(super) fn whole(place: &Place, repository: &gix::Repository, id: ObjectId) -> Result<Value, Failure> {
    let commit = repository.find_commit(id)?;
    let mut value = history::reference(place, &commit)?;
    value["treeId"] = commit.tree_id()?.to_string().into();
    value["parents"] = commit.parent_ids().map(|parent| parent.to_string()).collect();
    Ok(value)
}

fn links(place: &Place, id: ObjectId) -> Value {
    let url = place.url(&format!("commits/{id}"));
    json!({
        "self": { "href": url },
        "repository": { "href": place.shown["url"] },
        "web": { "href": place.page(&format!("commit/{id}")) },
        "changes": { "href": format!("{url}/changes") },
    })
}

/// The push that brought a commit as a ref's tip.
fn push_of(place: &Place, id: ObjectId) -> Result<Option<Value>, Failure> {
    let push = place.runtime.block_on(place.app.state.push_of(place.repo.id, &id.to_string()))?;
    Ok(push.map(|push| {
        json!({
            "pushedBy": place.identity(push.user),
            "pushId": push.id,
            "date": push.time,
            "url": place.url(&format!("pushes/{}", push.id)),
        })
    }))
}

fn resolve(place: &Place, repository: &gix::Repository, id: &str) -> Result<ObjectId, Failure> {
    Descriptor::commit(&object_id(id)?.to_string()).resolve(place, repository)
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let id = resolve(place, &repository, id)?;
    let mut value = whole(place, &repository, id)?;
    if let Some(push) = push_of(place, id)? {
        value["push"] = push;
    }
    value["_links"] = links(place, id);
    let count = place.query.amount(&["changeCount"])?.unwrap_or(0);
    if count == 0 {
        return Ok(Reply::ok(value));
    }
    let commit = repository.find_commit(id)?;
    let all = changed_files::between(&repository, &place.work, first_parent(&commit), id)?;
    value["changeCounts"] = changes::counts(&all);
    changes::reply(place, &value, id, &all, 0, count)
}

pub(super) fn changes(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let id = resolve(place, &repository, id)?;
    let commit = repository.find_commit(id)?;
    let all = changed_files::between(&repository, &place.work, first_parent(&commit), id)?;
    let (skip, top) = place.query.page(usize::MAX)?;
    changes::reply(place, &json!({ "changeCounts": changes::counts(&all) }), id, &all, skip, top)
}
