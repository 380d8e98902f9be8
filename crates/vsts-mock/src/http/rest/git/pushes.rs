//! Pushes: the record of each, whichever door it came through, and new ones made of changes in a body.

use gix::ObjectId;
use gix::objs::Kind;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::{Failure, shown};
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::pack::NewObjects;
use super::place::Place;
use super::receive::{Command, receive};
use super::{commits, history, refs, staging};
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
    let text = |name: &str| query.any(&[&format!("searchCriteria.{name}"), name]);
    let reference_name = text("refName")
        .map(|name| if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") });
    let user = text("pusherId")
        .map(|id| Uuid::parse_str(id).map_err(|_| Failure::bad("pusherId has to be the id of a user.")))
        .transpose()?;
    let filter = PushFilter {
        reference: reference_name,
        user,
        from: text("fromDate").map(history::time).transpose()?,
        to: text("toDate").map(history::time).transpose()?,
        skip: query.amount(&["$skip", "searchCriteria.$skip"])?.unwrap_or(0),
        top: query.amount(&["$top", "searchCriteria.$top"])?.unwrap_or(PAGE),
    };
    let with_refs = query.flag("searchCriteria.includeRefUpdates") || query.flag("includeRefUpdates");
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

fn find(place: &Place, id: &str) -> Result<Push, Failure> {
    let number: Option<i64> = id.parse().ok();
    let push = match number {
        Some(number) => place.runtime.block_on(place.app.state.push(place.repo.id, number))?,
        None => None,
    };
    push.ok_or_else(|| {
        let message = format!("TF401184: The push {} could not be found.", shown(id));
        Failure::not_found("GitPushNotFoundException", message)
    })
}

/// What a push brought that no push before it had, newest first.
fn new_commits(
    place: &Place,
    repository: &gix::Repository,
    push: &Push,
    skip: usize,
    top: usize,
) -> Result<Vec<ObjectId>, Failure> {
    let commit = |id: &String| {
        let id = ObjectId::from_hex(id.as_bytes()).ok()?;
        Some(repository.find_object(id).ok()?.peel_to_commit().ok()?.id)
    };
    let tips: Vec<ObjectId> =
        push.refs.iter().filter_map(|one| one.new.as_ref()).filter_map(commit).collect();
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let earlier = place.runtime.block_on(place.app.state.pushed_before(place.repo.id, push.id))?;
    let mut hidden: Vec<ObjectId> = earlier.iter().filter_map(commit).collect();
    hidden.extend(push.refs.iter().filter_map(|one| one.old.as_ref()).filter_map(commit));
    history::walk(repository, &tips, &hidden)?.skip(skip).take(top).collect()
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let push = find(place, id)?;
    let repository = place.open()?;
    let mut value = reference(place, &push);
    let count = place.query.amount(&["includeCommits"])?.unwrap_or(PAGE);
    let mut listed = Vec::new();
    for id in new_commits(place, &repository, &push, 0, count)? {
        listed.push(commits::whole(place, &repository, id)?);
    }
    value["commits"] = listed.into();
    if place.query.get("includeRefUpdates").is_none() || place.query.flag("includeRefUpdates") {
        value["refUpdates"] = ref_updates(place, &push);
    }
    value["_links"] = links(place, &push);
    Ok(Reply::ok(value))
}

pub(super) fn commits(place: &Place, id: &str) -> Outcome {
    let push = find(place, id)?;
    let repository = place.open()?;
    let skip = place.query.amount(&["$skip", "skip"])?.unwrap_or(0);
    let top = place.query.amount(&["$top", "top"])?.unwrap_or(PAGE);
    let mut values = Vec::new();
    for id in new_commits(place, &repository, &push, skip, top)? {
        values.push(commits::with_counts(place, &repository, id)?);
    }
    Ok(Reply::ok(shape::list(values.into_iter())))
}

/// A refusal of a push that changes one ref.
pub(super) fn refusal(name: &str, reason: &str) -> Failure {
    let name = shown(name);
    if reason.starts_with("TF401027") || reason.starts_with("TF402404") {
        return Failure::new(StatusCode::FORBIDDEN, "GitNeedsPermissionException", reason);
    }
    if reason.contains("has changed in the meantime") || reason.contains("does not exist") {
        let message = format!(
            "TF401028: The reference '{name}' has already been updated by another client, so you cannot update it. \
             Please try again."
        );
        return Failure::new(StatusCode::CONFLICT, "GitReferenceStaleException", message);
    }
    Failure::new(StatusCode::BAD_REQUEST, "GitReferenceUpdateException", format!("{name}: {reason}"))
}

/// Who wrote something, as Git writes it: what the body says, or else the caller, now.
pub(super) fn by(place: &Place, given: &Value) -> Result<String, Failure> {
    let user = place.principal.user.and_then(|user| place.world.users.get(&user));
    let name = given["name"].as_str().or(user.map(|user| user.name.as_str())).unwrap_or("Anonymous");
    let email = given["email"].as_str().or(user.and_then(|user| user.email.as_deref())).unwrap_or(name);
    let time = match given["date"].as_str() {
        Some(date) => history::time(date)?,
        None => place.now(),
    };
    let plain = |text: &str| -> String {
        let kept: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
        kept.trim().to_owned()
    };
    Ok(format!("{} <{}> {} +0000", plain(name), plain(email), time.as_second()))
}

pub(super) fn create(place: &Place, body: &Value) -> Outcome {
    let updates = body["refUpdates"].as_array().filter(|updates| updates.len() == 1);
    let update = &updates.ok_or_else(|| Failure::bad("A push changes exactly one ref: refUpdates."))?[0];
    let name = update["name"].as_str().ok_or_else(|| Failure::missing("refUpdates.name"))?;
    let old = refs::id(&update["oldObjectId"], "oldObjectId")?;
    let listed = body["commits"].as_array().filter(|list| !list.is_empty() && list.len() <= MOST_COMMITS);
    let listed = listed.ok_or_else(|| Failure::bad("A push has at least one commit: commits."))?;
    let repository = place.open()?;
    let stale = || refusal(name, "has changed in the meantime");
    let mut tree = match old {
        None => None,
        Some(old) => {
            let commit = repository.try_find_object(old)?.ok_or_else(stale)?.peel_to_commit();
            Some(commit.map_err(|_| stale())?.tree_id()?.detach())
        }
    };
    let mut objects = NewObjects::new(&repository);
    let mut parent = old;
    let mut made = Vec::with_capacity(listed.len());
    for commit in listed {
        let empty = Vec::new();
        let changes = commit["changes"].as_array().unwrap_or(&empty);
        let new_tree = staging::apply(&mut objects, tree, changes)?;
        let author = by(place, &commit["author"])?;
        let committer = if commit["committer"].is_null() { &commit["author"] } else { &commit["committer"] };
        let committer = by(place, committer)?;
        let parents = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
        let comment = commit["comment"].as_str().unwrap_or_default().replace('\0', "");
        let data = format!("tree {new_tree}\n{parents}author {author}\ncommitter {committer}\n\n{comment}");
        let id = objects.add(Kind::Commit, data.as_bytes())?;
        made.push(id);
        (tree, parent) = (Some(new_tree), Some(id));
    }
    let command = Command { name: name.to_owned(), old, new: parent };
    if !command.is_sound() {
        return Err(Failure::bad(format!("{:?} is not the name of a ref.", shown(name))));
    }
    let received = receive(place, std::slice::from_ref(&command), &objects.finish()?)?;
    if let Some(reason) = received.refusal(name) {
        return Err(refusal(name, reason));
    }
    let tip = refs::written(command.new);
    let push = place.runtime.block_on(place.app.state.push_of(place.repo.id, &tip))?;
    let push =
        push.ok_or_else(|| Failure::new(StatusCode::CONFLICT, "GitPushNotFoundException", "It is gone."))?;
    // What has just arrived may lie in a pack that the first handle has not seen.
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
