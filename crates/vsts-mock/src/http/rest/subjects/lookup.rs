//! Between ids and subject descriptors, and from what is typed to who is meant.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::Call;
use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::{find, no_subject, sees, shapes};
use crate::access;
use crate::directory::subject::{self, Subject};
use crate::directory::{Directory, name};
use crate::limits::SUBJECTS_FOUND;

/// The subject descriptor of the user, group, project or account with an id.
pub(crate) fn descriptor(call: &Call<'_>) -> Outcome {
    let asked = call.part("storageKey");
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let id = Uuid::parse_str(asked).map_err(|_| no_subject(asked))?;
    let is_place = directory.accounts.contains_key(&id) || directory.projects.contains_key(&id);
    let found = if directory.users.contains_key(&id) {
        Some(Subject::User(id))
    } else if directory.groups.contains_key(&id) {
        Some(Subject::Group(id))
    } else {
        is_place.then_some(Subject::Scope(id))
    };
    let found =
        found.filter(|found| sees(call, &directory, account, *found)).ok_or_else(|| no_subject(asked))?;
    let text = text_of(&directory, found).ok_or_else(|| no_subject(asked))?;
    let base = call.base(account);
    Ok(Reply::ok(json!({
        "value": text,
        "_links": {
            "self": { "href": format!("{base}/_apis/Graph/Descriptors/{id}") },
            "storageKey": { "href": format!("{base}/_apis/Graph/StorageKeys/{text}") },
            "subject": { "href": format!("{base}/_apis/Graph/Subjects/{text}") },
        },
    })))
}

fn text_of(directory: &Directory, found: Subject) -> Option<String> {
    match found {
        Subject::User(id) | Subject::Group(id) => subject::subject_descriptor(directory, id),
        Subject::Scope(place) => Some(subject::scope_subject(place)),
    }
}

/// The id of what a subject descriptor names.
pub(crate) fn storage_key(call: &Call<'_>) -> Outcome {
    let asked = call.part("subjectDescriptor");
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let (Subject::User(id) | Subject::Group(id) | Subject::Scope(id)) = find(call, &directory, asked)?;
    Ok(Reply::ok(json!({
        "value": id.to_string(),
        "_links": {
            "self": { "href": format!("{base}/_apis/Graph/StorageKeys/{asked}") },
            "descriptor": { "href": format!("{base}/_apis/Graph/Descriptors/{id}") },
        },
    })))
}

/// Many descriptors at once; those that name nothing are left out.
pub(crate) async fn lookup(call: &Call<'_>, body: Value) -> Outcome {
    let keys = body["lookupKeys"].as_array().ok_or_else(|| Failure::missing("lookupKeys"))?;
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let mut found = Map::new();
    for key in keys {
        let descriptor = key["descriptor"].as_str().ok_or_else(|| Failure::missing("descriptor"))?;
        if let Ok(subject) = find(call, &directory, descriptor) {
            found.insert(descriptor.to_owned(), shapes::graph(&directory, &base, subject));
        }
    }
    Ok(Reply::ok(json!({ "count": found.len(), "value": found })))
}

/// Users and groups whose name or address begins with what is typed.
pub(crate) async fn query(call: &Call<'_>, body: Value) -> Outcome {
    let typed = body["query"].as_str().ok_or_else(|| Failure::missing("query"))?;
    let typed = name::key(typed.trim());
    let kinds: Vec<String> = body["subjectKind"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(name::key)
        .collect();
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind);
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let project = match body["scopeDescriptor"].as_str() {
        None => None,
        Some(descriptor) => match find(call, &directory, descriptor)? {
            Subject::Scope(place) => Some(place).filter(|place| *place != account.id),
            _ => return Err(no_subject(descriptor)),
        },
    };
    let begins = |text: &str| name::key(text).starts_with(&typed);
    let is_meant = |id: Uuid| {
        if let Some(user) = directory.users.get(&id) {
            let is_there = access::is_known(&directory, id, account.id, project);
            return wants("user") && is_there && (begins(&user.name) || begins(subject::login(user)));
        }
        let group = directory.groups.get(&id);
        group.is_some_and(|group| {
            let title = access::subject(&directory, id).map(|one| one.name).unwrap_or_default();
            let is_there = project.is_none() || group.project == project;
            wants("group") && is_there && (begins(&group.name) || begins(&title))
        })
    };
    let all = directory.users.keys().map(|id| Subject::User(*id));
    let found = all
        .chain(directory.groups.keys().map(|id| Subject::Group(*id)))
        .filter(|(Subject::User(id) | Subject::Group(id) | Subject::Scope(id))| is_meant(*id))
        .filter(|found| sees(call, &directory, account, *found))
        .take(SUBJECTS_FOUND);
    Ok(Reply::ok(shapes::graph_list(&directory, &call.base(account), found)))
}
