//! The evaluator: explicit settings, nearest first.
//!
//! At each level from the target up to the collection, all entries of the user and their groups are looked at together:
//! a deny among them beats every allow there, and the first level that says anything decides. A level that inherits
//! nothing is the last one. Where no level says anything, the permission is unset, which callers treat as denied.
//!
//! Members of Project Collection Administrators (everywhere in the account) and of Project Administrators (in their
//! project) are not cut off by what other groups are denied; a deny on themselves or on the administrators' group holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{Permission, token};
use crate::directory::{Directory, Entry, GroupKind};

/// The setting of one permission by entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Allowed,
    Denied,
    Unset,
}

/// The entry that settles a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision<'t> {
    pub(super) is_allowed: bool,
    /// At which token it stands.
    pub(super) at: &'t str,
    /// The user or group that it is of.
    pub(super) identity: Uuid,
}

/// A user, or a group, with all the groups that they are in, and what follows from these with regard to a target.
#[derive(Debug)]
pub(super) struct Memberships {
    own: Uuid,
    groups: BTreeSet<Uuid>,
    /// The accounts, and the projects of accounts, that the groups are of.
    scopes: BTreeSet<(Uuid, Option<Uuid>)>,
    /// Those of the identities that administer an account, or a project of one.
    administrators: BTreeMap<(Uuid, Option<Uuid>), BTreeSet<Uuid>>,
}

impl Memberships {
    pub(super) fn of(directory: &Directory, own: Uuid) -> Self {
        let groups = directory.all_containers_of(own);
        let mut scopes = BTreeSet::new();
        let mut administrators: BTreeMap<_, BTreeSet<Uuid>> = BTreeMap::new();
        for group in groups.iter().chain([&own]).filter_map(|id| directory.groups.get(id)) {
            let scope = (group.account, group.project);
            if group.id != own {
                scopes.extend([(group.account, None), scope]);
            }
            match group.kind {
                GroupKind::CollectionAdministrators => {
                    administrators.entry((group.account, None)).or_default().insert(group.id);
                }
                GroupKind::ProjectAdministrators if group.project.is_some() => {
                    administrators.entry(scope).or_default().insert(group.id);
                }
                _ => {}
            }
        }
        Self { own, groups, scopes, administrators }
    }

    /// Returns whether one of the groups is of the account, or makes a member of the project.
    pub(super) fn belong(&self, account: Uuid, project: Option<Uuid>) -> bool {
        self.scopes.contains(&(account, project)) || {
            let collection = self.administrators.get(&(account, None));
            collection.is_some_and(|administrators| administrators.iter().any(|group| *group != self.own))
        }
    }
}

/// A user, or a group, with regard to a target in an account and a project.
#[derive(Debug)]
pub(super) struct Identities {
    memberships: Arc<Memberships>,
    /// Those of the identities that administer the target.
    administrators: BTreeSet<Uuid>,
}

impl Identities {
    /// The identities of a user or a group, whatever they sign in with.
    pub(super) fn of_subject(directory: &Directory, own: Uuid, account: Uuid, project: Option<Uuid>) -> Self {
        Self::at(&Arc::new(Memberships::of(directory, own)), account, project)
    }

    /// The identities that these memberships are, in that account and project.
    pub(super) fn at(memberships: &Arc<Memberships>, account: Uuid, project: Option<Uuid>) -> Self {
        let of_account = memberships.administrators.get(&(account, None));
        let of_project = project.and_then(|_| memberships.administrators.get(&(account, project)));
        let administrators = of_account.into_iter().chain(of_project).flatten().copied().collect();
        Self { memberships: memberships.clone(), administrators }
    }

    pub(super) fn contains(&self, identity: Uuid) -> bool {
        identity == self.memberships.own || self.memberships.groups.contains(&identity)
    }

    /// Returns whether one of them administers the account's or the project's target.
    pub(super) fn administer(&self) -> bool {
        !self.administrators.is_empty()
    }

    fn is_cut_off_by(&self, denied: Uuid) -> bool {
        self.administrators.is_empty()
            || denied == self.memberships.own
            || self.administrators.contains(&denied)
    }

    /// The settings of the entries of one level.
    fn settle<'t>(
        &self,
        directory: &Directory,
        account: Uuid,
        at: &'t str,
        permission: Permission,
    ) -> Option<Decision<'t>> {
        let mine = || {
            let entries = directory.entries_at(account, at).into_iter().flatten();
            entries.filter(|(identity, _)| self.contains(**identity))
        };
        // Of several that say the same, their own entry is named.
        let find = |says: &dyn Fn(Uuid, &Entry) -> bool| {
            let found = mine().filter(|(identity, entry)| says(**identity, entry)).map(|(id, _)| *id);
            found.min_by_key(|identity| *identity != self.memberships.own)
        };
        let denied = find(&|identity, entry| entry.deny.contains(permission) && self.is_cut_off_by(identity));
        let (is_allowed, identity) = match denied {
            Some(identity) => (false, identity),
            None => (true, find(&|_, entry| entry.allow.contains(permission))?),
        };
        Some(Decision { is_allowed, at, identity })
    }
}

/// Finds what settles one permission at one token.
pub(super) fn decide<'t>(
    directory: &Directory,
    identities: &Identities,
    account: Uuid,
    token: &'t str,
    permission: Permission,
) -> Option<Decision<'t>> {
    for level in token::lineage(token) {
        let settled = identities.settle(directory, account, level, permission);
        if settled.is_some() || !directory.inherits(account, level) {
            return settled;
        }
    }
    None
}

/// Evaluates one permission at one token.
pub(super) fn setting(
    directory: &Directory,
    identities: &Identities,
    account: Uuid,
    token: &str,
    permission: Permission,
) -> Setting {
    match decide(directory, identities, account, token, permission) {
        Some(Decision { is_allowed: true, .. }) => Setting::Allowed,
        Some(Decision { is_allowed: false, .. }) => Setting::Denied,
        None => Setting::Unset,
    }
}
