//! The namespaces whose entries follow from others: of projects, of the collection, of users and groups.
//!
//! They are answered with what this server really decides by. An action that there is nothing for here, such as those of
//! builds and tests, nobody may do.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::namespaces::Namespace;
use super::selection::{Selection, whole_list};
use crate::access::{
    Permission, Permissions, Principal, Target, Viewer, authorize, authorize_group, can_see, sees_subject,
    token,
};
use crate::directory::{Account, Directory, GroupKind, Project, subject};

const PROJECT_TOKEN: &str = "$PROJECT:vstfs:///Classification/TeamProject/";
const COLLECTION_TOKEN: &str = "NAMESPACE";

/// Bits of the namespace of projects, and the permission on the project's repositories that each needs.
const OF_PROJECTS: [(u32, Permission); 5] = [
    (2, Permission::RenameRepository),
    (4, Permission::DeleteRepository),
    (65536, Permission::RenameRepository),
    (131_072, Permission::RenameRepository),
    (8_388_608, Permission::RenameRepository),
];
/// The bits of the namespace of the collection that mean something here.
const CREATE_PROJECTS: u32 = 4;
/// The bits of the namespace of identities that an administrator has.
const OF_IDENTITIES: u32 = 1 + 2 + 4 + 8;
const READ: u32 = 1;

/// A list that nobody set.
pub(super) struct List {
    at: String,
    entries: Vec<(Uuid, u32, u32)>,
}

impl List {
    /// Returns whether it belongs to a token, in any spelling.
    pub(super) fn is_at(&self, token: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches([':', '/', '\\']).to_lowercase();
        plain(&self.at) == plain(token)
    }

    pub(super) fn json(&self, directory: &Directory, selection: &Selection) -> Value {
        let mut entries = Map::new();
        for (identity, allow, deny) in &self.entries {
            let is_wanted = selection.wanted.as_ref().is_none_or(|wanted| wanted.contains(identity));
            let Some(descriptor) = subject::descriptor(directory, *identity).filter(|_| is_wanted) else {
                continue;
            };
            let mut value = serde_json::json!({ "descriptor": descriptor, "allow": allow, "deny": deny });
            if selection.extended {
                let some = [("effectiveAllow", *allow), ("effectiveDeny", *deny)];
                let some = some.into_iter().filter(|(_, bits)| *bits != 0);
                value["extendedInfo"] = some
                    .map(|(name, bits)| (name.to_owned(), Value::from(bits)))
                    .collect::<Map<_, _>>()
                    .into();
            }
            entries.insert(descriptor, value);
        }
        whole_list(&self.at, true, &entries, selection)
    }
}

/// The lists of the namespace that the caller may see.
pub(super) fn lists(
    namespace: Namespace,
    directory: &Directory,
    principal: &Principal,
    account: &Account,
) -> Vec<List> {
    let viewer = Viewer::new(directory, principal);
    let projects = directory.projects_of(account.id);
    let seen: Vec<&Project> = projects.filter(|project| viewer.sees(Target::Project(project))).collect();
    match namespace {
        Namespace::Git => Vec::new(),
        Namespace::Project => {
            seen.into_iter().map(|project| of_project(directory, account, project)).collect()
        }
        Namespace::Collection => {
            let mut entries = vec![];
            let git = directory.entries_at(account.id, token::COLLECTION).into_iter().flatten();
            for (identity, entry) in git {
                let bit = |set: Permissions| {
                    if set.contains(Permission::CreateRepository) { CREATE_PROJECTS } else { 0 }
                };
                push(&mut entries, *identity, bit(entry.allow), bit(entry.deny));
            }
            for kind in GroupKind::OF_ACCOUNT {
                let bits = if kind == GroupKind::CollectionAdministrators { READ + 2 } else { READ };
                if let Some(group) = directory.group(account.id, None, kind) {
                    push(&mut entries, group.id, bits, 0);
                }
            }
            vec![List { at: COLLECTION_TOKEN.to_owned(), entries }]
        }
        Namespace::Identity => {
            let of = |place: Uuid, project: Option<Uuid>, kinds: [GroupKind; 2]| {
                let mut entries = vec![];
                for (kind, bits) in kinds.into_iter().zip([OF_IDENTITIES, READ]) {
                    if let Some(group) = directory.group(account.id, project, kind) {
                        push(&mut entries, group.id, bits, 0);
                    }
                }
                List { at: subject::scope_of(place).to_string(), entries }
            };
            let whole = of(account.id, None, GroupKind::OF_ACCOUNT);
            let kinds = [GroupKind::ProjectAdministrators, GroupKind::ProjectValidUsers];
            let each = seen.into_iter().map(|project| of(project.id, Some(project.id), kinds));
            std::iter::once(whole).chain(each).collect()
        }
    }
}

fn of_project(directory: &Directory, account: &Account, project: &Project) -> List {
    let mut entries = vec![];
    for (identity, entry) in
        directory.entries_at(account.id, &token::project(project.id)).into_iter().flatten()
    {
        let bits = |set: Permissions| {
            let some = OF_PROJECTS.into_iter().filter(|(_, permission)| set.contains(*permission));
            some.fold(0, |all, (bit, _)| all | bit)
        };
        push(&mut entries, *identity, bits(entry.allow), bits(entry.deny));
    }
    let members = [
        directory.group(account.id, Some(project.id), GroupKind::ProjectValidUsers),
        directory.group(account.id, None, GroupKind::CollectionAdministrators),
    ];
    for group in members.into_iter().flatten() {
        push(&mut entries, group.id, READ, 0);
    }
    List { at: format!("{PROJECT_TOKEN}{}", project.id), entries }
}

fn push(entries: &mut Vec<(Uuid, u32, u32)>, identity: Uuid, allow: u32, deny: u32) {
    if allow == 0 && deny == 0 {
        return;
    }
    match entries.iter_mut().find(|(known, ..)| *known == identity) {
        Some((_, allowed, denied)) => (*allowed, *denied) = (*allowed | allow, *denied | deny),
        None => entries.push((identity, allow, deny)),
    }
}

/// Returns whether the caller has all permissions of a set of bits at the token.
pub(super) fn has(
    namespace: Namespace,
    directory: &Directory,
    principal: &Principal,
    account: &Account,
    asked: u32,
    token: &str,
) -> bool {
    let token = token.trim_end_matches([':', '/']);
    let may = |permission, target: Target<'_>| authorize(directory, principal, permission, target).is_ok();
    let one = |bit: u32| match namespace {
        Namespace::Git => false,
        Namespace::Project => {
            let Some(project) = project_of(directory, account, token) else { return false };
            let target = Target::Project(project);
            match OF_PROJECTS.into_iter().find(|(known, _)| *known == bit) {
                Some((_, permission)) => may(permission, target),
                None => bit == READ && can_see(directory, principal, target),
            }
        }
        Namespace::Collection if !token.eq_ignore_ascii_case(COLLECTION_TOKEN) => false,
        Namespace::Collection => match bit {
            READ => can_see(directory, principal, Target::Account(account)),
            2 => authorize_group(directory, principal, account.id, None).is_ok(),
            CREATE_PROJECTS => may(Permission::CreateRepository, Target::Account(account)),
            _ => false,
        },
        Namespace::Identity => of_identity(directory, principal, account, bit, token),
    };
    let mut bits = (0..u32::BITS).map(|position| 1 << position).filter(|bit| asked & bit != 0);
    bits.all(one)
}

fn project_of<'w>(directory: &'w Directory, account: &Account, token: &str) -> Option<&'w Project> {
    let start = token.get(..PROJECT_TOKEN.len())?;
    let id = start.eq_ignore_ascii_case(PROJECT_TOKEN).then(|| &token[PROJECT_TOKEN.len()..])?;
    let project = directory.projects.get(&Uuid::parse_str(id).ok()?)?;
    (project.account == account.id).then_some(project)
}

/// A token is a scope, or a scope and a group of it.
fn of_identity(
    directory: &Directory,
    principal: &Principal,
    account: &Account,
    bit: u32,
    token: &str,
) -> bool {
    let (scope, group) = match token.split_once('\\') {
        Some((scope, group)) => (scope, Some(group)),
        None => (token, None),
    };
    let Ok(scope) = Uuid::parse_str(scope) else { return false };
    let is = |place: Uuid| place == scope || subject::scope_of(place) == scope;
    let project = directory.projects_of(account.id).find(|project| is(project.id));
    if project.is_none() && !is(account.id) {
        return false;
    }
    let sees = match group.map(Uuid::parse_str) {
        Some(Ok(group)) => sees_subject(directory, principal, account.id, group),
        Some(Err(_)) => false,
        None => project.is_none_or(|project| can_see(directory, principal, Target::Project(project))),
    };
    let manages = || authorize_group(directory, principal, account.id, project.map(|one| one.id)).is_ok();
    sees && (bit == READ || (OF_IDENTITIES & bit != 0 && manages()))
}
