//! Pushes: the record of each, whichever door it came through, and new ones made of changes in a body.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::query::date;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::place::Place;
use super::{commits, refs, tree_changes};
use crate::operations::pushes::{self, NewCommit};
use crate::operations::signature::Person;
use crate::state::{Push, PushFilter};

/// How many pushes, or commits of one, are listed when nothing is said of it.
const PAGE: usize = 100;
/// How many commits one push may make.
const MOST_COMMITS: usize = 1_000;

fn reference(place: &Place, push: &Push) -> Value {
    json!({
        "repository": place.shown,
        "pushedBy": place.identity(push.user),
        "pushId": push.id,
        "date": push.time,
        "url": place.url(&format!("pushes/{}", push.id)),
    })
}

fn ref_updates(place: &Place, push: &Push) -> Value {
    let zeros = || refs::written(None);
    push.refs
        .iter()
        .map(|one| {
            json!({
                "repositoryId": place.repo.id.to_string(),
                "name": one.name,
                "oldObjectId": one.old.clone().unwrap_or_else(zeros),
                "newObjectId": one.new.clone().unwrap_or_else(zeros),
            })
        })
        .collect()
}

fn links(place: &Place, push: &Push) -> Value {
    let url = place.url(&format!("pushes/{}", push.id));
    json!({
        "self": { "href": url },
        "repository": { "href": place.shown["url"] },
        "commits": { "href": format!("{url}/commits") },
        "pusher": { "href": place.identity(push.user)["url"] },
        "refs": { "href": place.url("refs") },
    })
}

pub(super) fn list(place: &Place) -> Outcome {
    let query = &place.query;
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
        skip,
        top,
    };
    let with_refs = query.criterion_flag("includeRefUpdates");
    let pushes = place.runtime.block_on(place.app.state.pushes(place.repo.id, &filter))?;
    let values = pushes.iter().map(|push| {
        let mut value = reference(place, push);
        if with_refs {
            value["refUpdates"] = ref_updates(place, push);
        }
        value
    });
    Ok(Reply::ok(shape::list(values)))
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let push = pushes::find(place, id)?;
    let repository = place.open()?;
    let mut value = reference(place, &push);
    let count = place.query.amount(&["includeCommits"])?.unwrap_or(PAGE);
    if place.query.get("includeRefUpdates").is_none() || place.query.flag("includeRefUpdates") {
        value["refUpdates"] = ref_updates(place, &push);
    }
    value["_links"] = links(place, &push);
    let found = pushes::new_commits(place, &repository, &push, 0, count)?;
    Reply::with_array(&value, "commits", &found, |out, id| {
        place.work.check()?;
        out.extend_from_slice(commits::whole(place, &repository, *id)?.to_string().as_bytes());
        Ok(())
    })
}

pub(super) fn commits(place: &Place, id: &str) -> Outcome {
    let push = pushes::find(place, id)?;
    let repository = place.open()?;
    let (skip, top) = place.query.page(PAGE)?;
    let found = pushes::new_commits(place, &repository, &push, skip, top)?;
    Reply::list(&found, |out, id| {
        let value = commits::with_counts(place, &repository, *id)?;
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

pub(super) fn create(place: &Place, body: &Value) -> Outcome {
    let updates = body["refUpdates"].as_array().filter(|updates| updates.len() == 1);
    let update = &updates.ok_or_else(|| Failure::bad("A push changes exactly one ref: refUpdates."))?[0];
    let name = update["name"].as_str().ok_or_else(|| Failure::missing("refUpdates.name"))?;
    let old = refs::id(&update["oldObjectId"], "oldObjectId")?;
    if refs::id(&update["newObjectId"], "newObjectId")?.is_some() {
        return Err(Failure::bad(
            "refUpdates.newObjectId: where a push leads follows from its commits. Leave it out.",
        ));
    }
    let listed = body["commits"].as_array().filter(|list| !list.is_empty() && list.len() <= MOST_COMMITS);
    let listed = listed.ok_or_else(|| Failure::bad("A push has at least one commit: commits."))?;
    let new: Result<Vec<_>, Failure> = listed.iter().map(new_commit).collect();
    let (push, made) = pushes::create(place, name, old, &new?)?;
    // What has just arrived may lie in a pack that an older handle has not seen.
    let repository = place.open()?;
    let mut value = reference(place, &push);
    let mut shown = Vec::new();
    for id in made.into_iter().rev() {
        shown.push(commits::whole(place, &repository, id)?);
    }
    value["commits"] = shown.into();
    value["refUpdates"] = ref_updates(place, &push);
    value["_links"] = links(place, &push);
    Ok(Reply::json(StatusCode::CREATED, value))
}
