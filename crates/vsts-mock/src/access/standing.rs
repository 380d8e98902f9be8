//! The standing of each user and group at a level, permission by permission, and its source: what a page of
//! permissions shows, and what an access control list says beyond its entries.
//!
//! [`subjects`] lists the subjects, [`standing`] describes one permission of one of them; to set one there is
//! [`Change::set_permission`](crate::state::Change::set_permission). All of it is the evaluator's own verdict: what is
//! shown as allowed is let through at every endpoint.

use uuid::Uuid;

use super::evaluate::{self, Decision, Identities, Memberships};
use super::{Permission, Permissions, Target, token};
use crate::directory::{Directory, name};

/// A user or a group that permissions can be given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) id: Uuid,
    /// A group is shown with where it belongs: `[iris]\Readers`, `[acme]\Project Collection Administrators`.
    pub(crate) name: String,
    pub(crate) is_group: bool,
}

/// The standing of one subject for one permission at one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing says anything, which means no.
    NotSet,
    /// The subject's own entry at this level.
    Allow,
    Deny,
    /// It comes from elsewhere: from a group that the subject is in, from a level above, or both.
    InheritedAllow(Source),
    InheritedDeny(Source),
}

impl Standing {
    /// As pages show it.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NotSet => "Not set",
            Self::Allow => "Allow",
            Self::Deny => "Deny",
            Self::InheritedAllow(_) => "Inherited allow",
            Self::InheritedDeny(_) => "Inherited deny",
        }
    }
}

/// The source of an inherited permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The token of the entry.
    pub(crate) token: String,
    /// The owner of the entry: the subject itself, at a level above, or a group.
    pub(crate) subject: Uuid,
}

/// The subjects of an account, or of a project of it: its groups, its users, and whoever an entry names. Groups come
/// first, each kind by name.
pub(crate) fn subjects(directory: &Directory, account: Uuid, project: Option<Uuid>) -> Vec<Subject> {
    let of_project = project.into_iter().flat_map(|project| directory.groups_in(account, Some(project)));
    let groups = of_project.chain(directory.groups_in(account, None)).map(|group| group.id);
    let users = directory.users.keys().copied().filter(|user| is_known(directory, *user, account, project));
    let at = project.map_or_else(|| token::COLLECTION.to_owned(), token::project);
    let named = directory.entries_below(account, &at).map(|(_, identity, _)| identity);
    let mut all: Vec<Subject> =
        groups.chain(users).chain(named).filter_map(|id| subject(directory, id)).collect();
    all.sort_by_key(|subject| (!subject.is_group, name::key(&subject.name), subject.id));
    all.dedup_by_key(|subject| subject.id);
    all
}

/// A user or a group by id, as it is shown.
pub(crate) fn subject(directory: &Directory, id: Uuid) -> Option<Subject> {
    if let Some(user) = directory.users.get(&id) {
        return Some(Subject { id, name: user.name.clone(), is_group: false });
    }
    let group = directory.groups.get(&id)?;
    let project = group.project.and_then(|project| directory.projects.get(&project)).map(|one| &one.name);
    let level = project.or_else(|| directory.accounts.get(&group.account).map(|account| &account.name))?;
    Some(Subject { id, name: format!("[{level}]\\{}", group.name), is_group: true })
}

/// Returns whether the user belongs to the account, or to the project of it.
pub(crate) fn is_known(directory: &Directory, user: Uuid, account: Uuid, project: Option<Uuid>) -> bool {
    Memberships::of(directory, user).belong(account, project)
}

/// Returns the standing of a subject for one permission at a target.
pub(crate) fn standing(
    directory: &Directory,
    subject: Uuid,
    target: Target<'_>,
    permission: Permission,
) -> Standing {
    let (account, at) = (target.account(), target.token());
    let own = directory.entries_at(account, &at).and_then(|entries| entries.get(&subject));
    // An own entry is shown as it is, also where something else overrules it.
    match own {
        Some(entry) if entry.deny.contains(permission) => return Standing::Deny,
        Some(entry) if entry.allow.contains(permission) => return Standing::Allow,
        _ => {}
    }
    let identities = Identities::of_subject(directory, subject, account, target.project());
    match evaluate::decide(directory, &identities, account, &at, permission) {
        None => Standing::NotSet,
        Some(Decision { is_allowed, at, identity }) => {
            let source = Source { token: at.to_owned(), subject: identity };
            if is_allowed { Standing::InheritedAllow(source) } else { Standing::InheritedDeny(source) }
        }
    }
}

/// The effective permissions of one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The permissions that are allowed and denied in the end.
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
    /// The part that is inherited.
    pub(crate) inherited_allow: Permissions,
    pub(crate) inherited_deny: Permissions,
}

/// Returns the effective permissions of a subject at a token.
pub(crate) fn effect(
    directory: &Directory,
    subject: Uuid,
    account: Uuid,
    project: Option<Uuid>,
    at: &str,
) -> Effect {
    let identities = Identities::of_subject(directory, subject, account, project);
    let mut effect = Effect::default();
    for permission in Permission::ALL {
        let Some(decision) = evaluate::decide(directory, &identities, account, at, permission) else {
            continue;
        };
        let this = Permissions::from_iter([permission]);
        let is_inherited = decision.at != at;
        let (whole, inherited) = if decision.is_allowed {
            (&mut effect.allow, &mut effect.inherited_allow)
        } else {
            (&mut effect.deny, &mut effect.inherited_deny)
        };
        *whole = whole.union(this);
        if is_inherited {
            *inherited = inherited.union(this);
        }
    }
    effect
}
