//! `_apis/identities`: users and groups by descriptors, by ids, by what they are called.

use serde_json::Value;
use uuid::Uuid;

use super::super::failure::{Failure, excerpt};
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape};
use super::shapes::{self, Members};
use crate::access::{self, Target, Viewer, can_see, sees_subject};
use crate::directory::subject::{self, Subject};
use crate::directory::{Account, Directory, name};

/// The extent of the memberships that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    None,
    Direct,
    Expanded,
}

const DEPTHS: [(&str, u64, Depth); 5] = [
    ("None", 0, Depth::None),
    ("Direct", 1, Depth::Direct),
    ("Expanded", 2, Depth::Expanded),
    ("ExpandedUp", 3, Depth::Expanded),
    ("ExpandedDown", 4, Depth::Expanded),
];

/// The property that a search compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Account,
    Display,
    Mail,
    General,
    Group,
    Id,
}

const FILTERS: [(&str, u64, Filter); 9] = [
    ("AccountName", 0, Filter::Account),
    ("DisplayName", 1, Filter::Display),
    ("AdministratorsGroup", 2, Filter::Group),
    ("Identifier", 3, Filter::Id),
    ("MailAddress", 4, Filter::Mail),
    ("General", 5, Filter::General),
    ("Alias", 6, Filter::Account),
    ("DirectoryAlias", 8, Filter::Account),
    ("LocalGroupName", 10, Filter::Group),
];

impl Call<'_> {
    pub(super) fn depth(&self) -> Result<Depth, Failure> {
        Ok(self.query.choice(&["queryMembership"], &DEPTHS)?.unwrap_or(Depth::None))
    }
}

/// Identities in the order in which they were asked for, nothing in the place of what is not to be found.
fn in_order(call: &Call<'_>, directory: &Directory, found: Vec<Option<Uuid>>, depth: Depth) -> Outcome {
    let account = call.account(directory)?;
    let seen = found.into_iter().map(|id| {
        let id = id.filter(|id| sees_subject(directory, &call.principal, account.id, *id));
        id.map_or(Value::Null, |id| show(call, directory, account, id, depth))
    });
    Ok(Reply::ok(shape::list(seen)))
}

fn show(call: &Call<'_>, directory: &Directory, account: &Account, id: Uuid, depth: Depth) -> Value {
    shapes::identity(directory, id, Some(&members(call, directory, account, id, depth)))
}

/// The members and the containers of a subject, as far as the caller may know of them.
pub(super) fn members(
    call: &Call<'_>,
    directory: &Directory,
    account: &Account,
    id: Uuid,
    depth: Depth,
) -> Members {
    let (up, down) = match depth {
        Depth::None => return Members::default(),
        Depth::Direct => (directory.containers_of(id), directory.members_of(id)),
        Depth::Expanded => (directory.all_containers_of(id), directory.all_users_in(id)),
    };
    let viewer = Viewer::new(directory, &call.principal);
    let seen = |id: &Uuid| viewer.sees_subject(account.id, *id);
    Members { up: up.into_iter().filter(seen).collect(), down: down.into_iter().filter(seen).collect() }
}

fn by_subject(directory: &Directory, text: &str) -> Option<Uuid> {
    match subject::by_subject_descriptor(directory, text)? {
        Subject::User(id) | Subject::Group(id) => Some(id),
        Subject::Scope(_) => None,
    }
}

pub(crate) fn query(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let depth = call.depth()?;
    let query = &call.query;
    if query.get("descriptors").is_some() {
        let all = query.list("descriptors").into_iter();
        return in_order(
            call,
            &directory,
            all.map(|one| subject::by_descriptor(&directory, one)).collect(),
            depth,
        );
    }
    if query.get("identityIds").is_some() {
        let all = query.list("identityIds").into_iter();
        return in_order(call, &directory, all.map(|one| Uuid::parse_str(one).ok()).collect(), depth);
    }
    if query.get("subjectDescriptors").is_some() {
        let all = query.list("subjectDescriptors").into_iter();
        return in_order(call, &directory, all.map(|one| by_subject(&directory, one)).collect(), depth);
    }
    if let Some(scope) = query.get("scopeId") {
        return groups_of(call, Some(scope));
    }
    let filter =
        query.choice(&["searchFilter"], &FILTERS)?.ok_or_else(|| Failure::missing("searchFilter"))?;
    let wanted = query.get("filterValue").ok_or_else(|| Failure::missing("filterValue"))?;
    let account = call.account(&directory)?;
    let viewer = Viewer::new(&directory, &call.principal);
    let all = directory.users.keys().chain(directory.groups.keys()).copied();
    let found = all
        .filter(|id| matches(&directory, *id, filter, wanted))
        .filter(|id| viewer.sees_subject(account.id, *id))
        .map(|id| show(call, &directory, account, id, depth));
    Ok(Reply::ok(shape::list(found)))
}

/// Returns whether a subject has a name. Groups are named with their project or account before them, or without.
fn matches(directory: &Directory, id: Uuid, filter: Filter, wanted: &str) -> bool {
    let wanted = name::key(wanted.trim());
    let is = |text: &str| name::key(text) == wanted;
    if filter == Filter::Id {
        return subject::descriptor(directory, id).is_some_and(|descriptor| is(&descriptor));
    }
    let shown = access::subject(directory, id).map(|subject| subject.name).unwrap_or_default();
    if let Some(user) = directory.users.get(&id) {
        let login = subject::login(user);
        let with_domain = format!("{}\\{login}", subject::tenant());
        let alias = login.split('@').next().unwrap_or(login);
        let is_mail = user.email.as_deref().is_some_and(is);
        return match filter {
            Filter::Account => is(login) || is(&with_domain) || is(alias),
            Filter::Display => is(&shown),
            Filter::Mail => is_mail,
            Filter::General => is(login) || is(&with_domain) || is(&shown) || is_mail,
            Filter::Group | Filter::Id => false,
        };
    }
    let is_named = directory.groups.get(&id).is_some_and(|group| is(&group.name));
    filter != Filter::Mail && (is(&shown) || is_named)
}

pub(crate) fn one(call: &Call<'_>) -> Outcome {
    by_id(call, call.part("identityId"))
}

fn by_id(call: &Call<'_>, asked: &str) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let found = Uuid::parse_str(asked).ok().or_else(|| subject::by_descriptor(&directory, asked));
    let found = found.filter(|id| directory.users.contains_key(id) || directory.groups.contains_key(id));
    let found = found.filter(|id| sees_subject(&directory, &call.principal, account.id, *id));
    let id = found.ok_or_else(|| no_identity(asked))?;
    Ok(Reply::ok(show(call, &directory, account, id, call.depth()?)))
}

pub(super) fn no_identity(asked: &str) -> Failure {
    Failure::not_found(
        "IdentityNotFoundException",
        format!("The identity {} could not be found.", excerpt(asked)),
    )
}

pub(crate) async fn batch(call: &Call<'_>, body: Value) -> Outcome {
    let directory = call.app.state.directory();
    let depth = choice("queryMembership", &body["queryMembership"], &DEPTHS)?.unwrap_or(Depth::None);
    let texts = |field: &str| -> Vec<String> {
        let list = body[field].as_array().into_iter().flatten();
        list.map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    };
    let mut found: Vec<Option<Uuid>> = Vec::new();
    found.extend(texts("descriptors").iter().map(|one| subject::by_descriptor(&directory, one)));
    found.extend(texts("identityIds").iter().map(|one| Uuid::parse_str(one).ok()));
    found.extend(texts("subjectDescriptors").iter().map(|one| by_subject(&directory, one)));
    in_order(call, &directory, found, depth)
}

/// Lists the groups of some scopes; of the account's own, if none is named.
pub(crate) fn groups(call: &Call<'_>) -> Outcome {
    groups_of(call, call.value("groupId"))
}

fn groups_of(call: &Call<'_>, only: Option<&str>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let mut scopes = call.query.list("scopeIds");
    if let Some(only) = only {
        if Uuid::parse_str(only).is_ok_and(|id| directory.groups.contains_key(&id)) {
            return by_id(call, only);
        }
        scopes = vec![only];
    }
    let mut places: Vec<Option<Uuid>> = Vec::new();
    for scope in &scopes {
        let id = Uuid::parse_str(scope).map_err(|_| no_identity(scope))?;
        let is = |place: Uuid| place == id || subject::scope_of(place) == id;
        let project = directory.projects_of(account.id).find(|project| is(project.id));
        let project = project.filter(|one| can_see(&directory, &call.principal, Target::Project(one)));
        match project {
            Some(project) => places.push(Some(project.id)),
            None if is(account.id) => places.push(None),
            None => return Err(no_identity(scope)),
        }
    }
    if scopes.is_empty() {
        places.push(None);
    }
    let depth = call.depth()?;
    let found = places.into_iter().flat_map(|place| directory.groups_in(account.id, place));
    Ok(Reply::ok(shape::list(found.map(|group| show(call, &directory, account, group.id, depth)))))
}

/// The identity descriptor of an id.
pub(crate) fn descriptor(call: &Call<'_>) -> Outcome {
    let asked = call.part("id");
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let id =
        Uuid::parse_str(asked).ok().filter(|id| sees_subject(&directory, &call.principal, account.id, *id));
    let found = id.and_then(|id| subject::descriptor(&directory, id));
    Ok(Reply::ok(found.ok_or_else(|| no_identity(asked))?.into()))
}
