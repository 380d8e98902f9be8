//! The JSON of users, groups and scopes: as identities, and as subjects of the graph.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::shape;
use crate::access;
use crate::directory::subject::{self, Subject};
use crate::directory::{Directory, Group, User};

/// The service's URI for the project or account of a group.
fn domain(group: &Group) -> String {
    match group.project {
        Some(project) => format!("vstfs:///Classification/TeamProject/{project}"),
        None => format!("vstfs:///Framework/IdentityDomain/{}", subject::scope_of(group.account)),
    }
}

fn title(directory: &Directory, id: Uuid) -> String {
    access::subject(directory, id).map(|subject| subject.name).unwrap_or_default()
}

fn typed(values: Vec<(&str, &str, String)>) -> Value {
    let one = |kind: &str, value: String| json!({ "$type": format!("System.{kind}"), "$value": value });
    let all = values.into_iter().map(|(name, kind, value)| (name.to_owned(), one(kind, value)));
    all.collect::<Map<_, _>>().into()
}

/// A user or a group as an identity; with those that they are in and that are in them, if that is asked for.
pub(super) fn identity(directory: &Directory, id: Uuid, members: Option<&Members>) -> Value {
    let descriptors = |all: &[Uuid]| -> Vec<String> {
        all.iter().filter_map(|id| subject::descriptor(directory, *id)).collect()
    };
    let ids = |all: &[Uuid]| -> Vec<String> { all.iter().map(Uuid::to_string).collect() };
    let none = Members::default();
    let members = members.unwrap_or(&none);
    let mut value = json!({
        "id": id.to_string(),
        "descriptor": subject::descriptor(directory, id),
        "subjectDescriptor": subject::subject_descriptor(directory, id),
        "providerDisplayName": title(directory, id),
        "isActive": true,
        "members": descriptors(&members.down),
        "memberOf": descriptors(&members.up),
        "memberIds": ids(&members.down),
        "resourceVersion": 2,
    });
    if let Some(group) = directory.groups.get(&id) {
        let place = group.project.unwrap_or(group.account);
        let name_of_project = group.project.and_then(|id| directory.projects.get(&id)).map(|one| &one.name);
        let name_of_account = directory.accounts.get(&group.account).map(|account| &account.name);
        value["isContainer"] = true.into();
        value["metaTypeId"] = 255.into();
        value["properties"] = typed(vec![
            ("SchemaClassName", "String", "Group".to_owned()),
            ("Description", "String", group.description.clone()),
            ("Domain", "String", domain(group)),
            ("Account", "String", group.name.clone()),
            ("DN", "String", String::new()),
            ("Mail", "String", String::new()),
            ("SecurityGroup", "String", "SecurityGroup".to_owned()),
            ("SpecialType", "String", "Generic".to_owned()),
            ("ScopeId", "Guid", subject::scope_of(place).to_string()),
            (
                "ScopeType",
                "String",
                if group.project.is_some() { "TeamProject" } else { "ServiceHost" }.to_owned(),
            ),
            ("LocalScopeId", "Guid", place.to_string()),
            ("SecuringHostId", "Guid", group.account.to_string()),
            ("ScopeName", "String", name_of_project.or(name_of_account).cloned().unwrap_or_default()),
        ]);
    } else if let Some(user) = directory.users.get(&id) {
        value["metaTypeId"] = 0.into();
        value["properties"] = typed(vec![
            ("SchemaClassName", "String", "User".to_owned()),
            ("Description", "String", String::new()),
            ("Domain", "String", subject::tenant().to_string()),
            ("Account", "String", subject::login(user).to_owned()),
            ("DN", "String", String::new()),
            ("Mail", "String", user.email.clone().unwrap_or_default()),
            ("SpecialType", "String", "Generic".to_owned()),
        ]);
    }
    value
}

/// The groups that somebody is in, and who is in them.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) up: Vec<Uuid>,
    pub(super) down: Vec<Uuid>,
}

/// The user, group or scope that a subject descriptor names, as the graph shows it.
pub(super) fn graph(directory: &Directory, base: &str, found: Subject) -> Value {
    match found {
        Subject::User(id) => directory.users.get(&id).map(|user| graph_user(base, user)).unwrap_or_default(),
        Subject::Group(id) => {
            directory.groups.get(&id).map(|group| graph_group(directory, base, group)).unwrap_or_default()
        }
        Subject::Scope(place) => scope(directory, base, place),
    }
}

fn links(base: &str, kind: &str, descriptor: &str) -> Value {
    let at = |what: &str| json!({ "href": format!("{base}/_apis/Graph/{what}/{descriptor}") });
    json!({
        "self": at(kind),
        "memberships": at("Memberships"),
        "membershipState": at("MembershipStates"),
        "storageKey": at("StorageKeys"),
    })
}

pub(super) fn graph_user(base: &str, user: &User) -> Value {
    let descriptor = subject::user_subject(user.id);
    json!({
        "subjectKind": "user",
        "domain": subject::tenant().to_string(),
        "principalName": subject::login(user),
        "mailAddress": user.email,
        "origin": "aad",
        "originId": user.id.to_string(),
        "displayName": user.name,
        "_links": links(base, "Users", &descriptor),
        "url": format!("{base}/_apis/Graph/Users/{descriptor}"),
        "descriptor": descriptor,
    })
}

pub(super) fn graph_group(directory: &Directory, base: &str, group: &Group) -> Value {
    let descriptor = subject::subject_descriptor(directory, group.id).unwrap_or_default();
    json!({
        "subjectKind": "group",
        "description": group.description,
        "domain": domain(group),
        "principalName": title(directory, group.id),
        "mailAddress": null,
        "origin": "vsts",
        "originId": group.id.to_string(),
        "displayName": group.name,
        "_links": links(base, "Groups", &descriptor),
        "url": format!("{base}/_apis/Graph/Groups/{descriptor}"),
        "descriptor": descriptor,
    })
}

fn scope(directory: &Directory, base: &str, place: Uuid) -> Value {
    let project = directory.projects.get(&place);
    let name = project
        .map(|project| project.name.clone())
        .or_else(|| directory.accounts.get(&place).map(|account| account.name.clone()));
    let kind = if project.is_some() { "teamProject" } else { "serviceHost" };
    let descriptor = subject::scope_subject(place);
    json!({
        "subjectKind": "scope",
        "scopeType": kind,
        "origin": "vsts",
        "originId": place.to_string(),
        "displayName": name,
        "url": format!("{base}/_apis/Graph/Scopes/{descriptor}"),
        "descriptor": descriptor,
    })
}

/// That somebody is in a group.
pub(super) fn membership(base: &str, member: &str, group: &str) -> Value {
    let member_kind = if group_like(member) { "Groups" } else { "Users" };
    json!({
        "containerDescriptor": group,
        "memberDescriptor": member,
        "_links": {
            "self": { "href": format!("{base}/_apis/Graph/Memberships/{member}/{group}") },
            "member": { "href": format!("{base}/_apis/Graph/{member_kind}/{member}") },
            "container": { "href": format!("{base}/_apis/Graph/Groups/{group}") },
        },
    })
}

fn group_like(descriptor: &str) -> bool {
    descriptor.starts_with("vssgp.")
}

/// A list of what the graph shows.
pub(super) fn graph_list(directory: &Directory, base: &str, all: impl Iterator<Item = Subject>) -> Value {
    shape::list(all.map(|one| graph(directory, base, one)))
}
