//! Pushes: the record of each, whichever door it came through, and new ones made of changes in a body.

use git_wire::history::LogOptions;
use gix::ObjectId;
use gix::objs::Kind;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::{Failure, shown};
use super::super::query::date;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::place::{Place, no_object};
use super::{commits, refs, staging};
use crate::operations::new_objects::NewObjects;
use crate::operations::push::{Command, push_one};
use crate::operations::refused::Refused;
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
    let options = LogOptions { tips, hidden, ..LogOptions::default() };
    Ok(place.log(repository, options, skip, top, |_| Ok(true))?)
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let push = find(place, id)?;
    let repository = place.open()?;
    let mut value = reference(place, &push);
    let count = place.query.amount(&["includeCommits"])?.unwrap_or(PAGE);
    if place.query.get("includeRefUpdates").is_none() || place.query.flag("includeRefUpdates") {
        value["refUpdates"] = ref_updates(place, &push);
    }
    value["_links"] = links(place, &push);
    let found = new_commits(place, &repository, &push, 0, count)?;
    Reply::with_array(&value, "commits", &found, |out, id| {
        place.work.check()?;
        out.extend_from_slice(commits::whole(place, &repository, *id)?.to_string().as_bytes());
        Ok(())
    })
}

pub(super) fn commits(place: &Place, id: &str) -> Outcome {
    let push = find(place, id)?;
    let repository = place.open()?;
    let (skip, top) = place.query.page(PAGE)?;
    let found = new_commits(place, &repository, &push, skip, top)?;
    Reply::list(&found, |out, id| {
        let value = commits::with_counts(place, &repository, *id)?;
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    })
}

/// The signature that a request asks for.
pub(super) fn by(place: &Place, given: &Value) -> Result<String, Failure> {
    let time = given["date"].as_str().map(|text| date("date", text)).transpose()?;
    let person = Person { name: given["name"].as_str(), email: given["email"].as_str(), time };
    Ok(person.signature(place)?)
}

/// The start of a push.
struct Start {
    /// The id that the ref has to point to until the push is done; `None` if the push makes the ref.
    tip: Option<ObjectId>,
    /// The parent of the first new commit.
    commit: Option<ObjectId>,
}

/// Finds where a push of a ref begins. `old` is the tip of the ref; for a ref that does not exist yet it is the commit
/// from which the ref starts.
fn start(repository: &gix::Repository, name: &str, old: Option<ObjectId>) -> Result<Start, Failure> {
    let found = repository.try_find_reference(name).ok().flatten();
    let found = found.filter(|reference| reference.name().as_bstr() == name);
    let Some(reference) = found else {
        let Some(old) = old else { return Ok(Start { tip: None, commit: None }) };
        let is_commit = repository.try_find_header(old)?.is_some_and(|header| header.kind() == Kind::Commit);
        return if is_commit {
            Ok(Start { tip: None, commit: Some(old) })
        } else {
            Err(no_object(&old.to_string()))
        };
    };
    if old.is_none() || old != reference.try_id().map(gix::Id::detach) {
        return Err(Refused::StaleRef { name: name.to_owned() }.into());
    }
    let is_commit = old.and_then(|old| repository.find_commit(old).ok()).is_some();
    if is_commit {
        Ok(Start { tip: old, commit: old })
    } else {
        Err(Refused::RefNotUpdated { name: name.to_owned(), reason: "is not at a commit".to_owned() }.into())
    }
}

/// Refuses parents other than the commit before: a push makes a line of commits.
fn check_parents(given: &Value, before: Option<ObjectId>) -> Result<(), Failure> {
    let before: Vec<String> = before.iter().map(ToString::to_string).collect();
    match given.as_array() {
        None if given.is_null() => Ok(()),
        Some(list) if list.is_empty() || *list == before => Ok(()),
        _ => Err(Failure::bad(
            "These commits.parents are not supported by vsts-mock: a commit's parent is the one before it in the push, \
             the first one's is refUpdates.oldObjectId. Leave the field out.",
        )),
    }
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
    let repository = place.open()?;
    let start = start(&repository, name, old)?;
    let mut tree = start
        .commit
        .map(|commit| repository.find_commit(commit)?.tree_id())
        .transpose()?
        .map(gix::Id::detach);
    let mut objects = NewObjects::new(&repository);
    let mut parent = start.commit;
    let mut made = Vec::with_capacity(listed.len());
    for commit in listed {
        let empty = Vec::new();
        let changes = commit["changes"].as_array().unwrap_or(&empty);
        let new_tree = staging::apply(&mut objects, tree, changes)?;
        check_parents(&commit["parents"], parent)?;
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
    let command = Command { name: name.to_owned(), old: start.tip, new: parent };
    if !command.is_sound() {
        return Err(Failure::bad(format!("{:?} is not the name of a ref.", shown(name))));
    }
    push_one(place, &command, &objects.finish()?)?;
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
