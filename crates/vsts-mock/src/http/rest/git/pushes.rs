//! Pushes: the record of each, whichever transport it came over, and new ones made of changes in a body.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::query::date;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::request::RepoRequest;
use super::{commits, refs, tree_changes};
use crate::limits::{HOOK_COMMITS, PUSH_COMMITS};
use crate::operations::pushes::{self, NewCommit};
use crate::operations::signature::Person;
use crate::state::{Push, PushFilter};

/// Pushes, or commits of one, that are listed by default.
const PAGE: usize = 100;

fn reference(request: &RepoRequest, push: &Push) -> Value {
    json!({
        "repository": request.repo_json,
        "pushedBy": request.identity(push.user),
        "pushId": push.id,
        "date": push.time,
        "url": request.url(&format!("pushes/{}", push.id)),
    })
}

fn ref_updates(request: &RepoRequest, push: &Push) -> Value {
    let zeros = || refs::written(None);
    push.refs
        .iter()
        .map(|one| {
            json!({
                "repositoryId": request.repo.id.to_string(),
                "name": one.name,
                "oldObjectId": one.old.clone().unwrap_or_else(zeros),
                "newObjectId": one.new.clone().unwrap_or_else(zeros),
            })
        })
        .collect()
}

fn links(request: &RepoRequest, push: &Push) -> Value {
    let url = request.url(&format!("pushes/{}", push.id));
    json!({
        "self": { "href": url },
        "repository": { "href": request.repo_json["url"] },
        "commits": { "href": format!("{url}/commits") },
        "pusher": { "href": request.identity(push.user)["url"] },
        "refs": { "href": request.url("refs") },
    })
}

pub(crate) fn list(request: &RepoRequest) -> Outcome {
    let query = &request.query;
    let reference_name = query
        .criterion("refName")
        .map(|name| if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") });
    let user = query
        .criterion("pusherId")
        .map(|id| Uuid::parse_str(id).map_err(|_| Failure::bad("pusherId has to be the id of a user.")))
        .transpose()?;
    let (skip, top) = query.page(PAGE)?;
    let filter = PushFilter {
        reference: reference_name,
        user,
        from: query.criterion_date("fromDate")?,
        to: query.criterion_date("toDate")?,
        after: None,
        skip,
        top,
    };
    let with_refs = query.criterion_flag("includeRefUpdates");
    let pushes = request.runtime.block_on(request.app.state.pushes(request.repo.id, &filter))?;
    let values = pushes.iter().map(|push| {
        let mut value = reference(request, push);
        if with_refs {
            value["refUpdates"] = ref_updates(request, push);
        }
        value
    });
    Ok(Reply::ok(shape::list(values)))
}

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let push = pushes::find(request, request.part("pushId"))?;
    let repository = request.open()?;
    let mut value = reference(request, &push);
    let count = request.query.amount(&["includeCommits"])?.unwrap_or(PAGE);
    if request.query.get("includeRefUpdates").is_none() || request.query.flag("includeRefUpdates") {
        value["refUpdates"] = ref_updates(request, &push);
    }
    value["_links"] = links(request, &push);
    let found = pushes::new_commits(request, &repository, &push, 0, count)?;
    Reply::with_array(&value, "commits", &found, |out, id| {
        request.work.check()?;
        out.extend_from_slice(commits::whole(request, &repository, *id)?.to_string().as_bytes());
        Ok(())
    })
}

/// A push as service hooks are told of it.
pub(crate) fn event(request: &RepoRequest, push: &Push) -> Result<Value, Failure> {
    let repository = request.open()?;
    let mut value = reference(request, push);
    value["refUpdates"] = ref_updates(request, push);
    value["_links"] = links(request, push);
    let found = pushes::new_commits(request, &repository, push, 0, HOOK_COMMITS)?;
    let commits: Result<Vec<Value>, Failure> =
        found.iter().map(|id| commits::whole(request, &repository, *id)).collect();
    value["commits"] = commits?.into();
    Ok(value)
}

pub(crate) fn commits(request: &RepoRequest) -> Outcome {
    let push = pushes::find(request, request.part("pushId"))?;
    let repository = request.open()?;
    let (skip, top) = request.query.page(PAGE)?;
    let found = pushes::new_commits(request, &repository, &push, skip, top)?;
    Reply::list(&found, |out, id| {
        let value = commits::with_counts(request, &repository, *id)?;
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    })
}

/// The person that a request names.
pub(super) fn by(given: &Value) -> Result<Person<'_>, Failure> {
    let time = given["date"].as_str().map(|text| date("date", text)).transpose()?;
    Ok(Person { name: given["name"].as_str(), email: given["email"].as_str(), time })
}

fn new_commit(commit: &Value) -> Result<NewCommit<'_>, Failure> {
    let parents = match &commit["parents"] {
        Value::Null => None,
        Value::Array(list) => Some(list.iter().map(|id| id.as_str().unwrap_or_default()).collect()),
        _ => return Err(Failure::bad("commits.parents has to be a list of the ids of commits.")),
    };
    let committer = if commit["committer"].is_null() { &commit["author"] } else { &commit["committer"] };
    Ok(NewCommit {
        changes: tree_changes::changes(&commit["changes"])?,
        parents,
        author: by(&commit["author"])?,
        committer: by(committer)?,
        comment: commit["comment"].as_str().unwrap_or_default(),
    })
}

pub(crate) fn create(request: &RepoRequest) -> Outcome {
    let body = &request.body;
    let updates = body["refUpdates"].as_array().filter(|updates| updates.len() == 1);
    let update = &updates.ok_or_else(|| Failure::bad("A push changes exactly one ref: refUpdates."))?[0];
    let name = update["name"].as_str().ok_or_else(|| Failure::missing("refUpdates.name"))?;
    let old = refs::id(&update["oldObjectId"], "oldObjectId")?;
    if refs::id(&update["newObjectId"], "newObjectId")?.is_some() {
        return Err(Failure::bad(
            "refUpdates.newObjectId: where a push leads follows from its commits. Leave it out.",
        ));
    }
    let listed = body["commits"].as_array().filter(|list| !list.is_empty() && list.len() <= PUSH_COMMITS);
    let listed = listed.ok_or_else(|| Failure::bad("A push has at least one commit: commits."))?;
    let new: Result<Vec<_>, Failure> = listed.iter().map(new_commit).collect();
    let (push, made) = pushes::create(request, name, old, &new?)?;
    // What has just arrived may lie in a pack that an older handle has not seen.
    let repository = request.open()?;
    let mut value = reference(request, &push);
    let mut shown = Vec::new();
    for id in made.into_iter().rev() {
        shown.push(commits::whole(request, &repository, id)?);
    }
    value["commits"] = shown.into();
    value["refUpdates"] = ref_updates(request, &push);
    value["_links"] = links(request, &push);
    Ok(Reply::json(StatusCode::CREATED, value))
}
