//! The evaluator: explicit settings, nearest first.
//!
//! At each level from the target up to the collection, all entries of the user and their groups are looked at together:
//! a deny among them beats every allow there, and the first level that says anything decides. A level that inherits
//! nothing is the last one. Where no level says anything, the permission is unset, which callers treat as denied.
//!
//! Members of Project Collection Administrators (everywhere in the account) and of Project Administrators (in their
//! project) are not cut off by what other groups are denied; a deny on themselves or on the administrators' group holds.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Permission, Principal, token};
use crate::world::{Entry, GroupKind, World};

/// What the entries say on one permission.
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
    /// Whose it is.
    pub(super) identity: Uuid,
}

/// A user, or a group, with all the groups that they are in.
#[derive(Debug)]
pub(super) struct Identities {
    own: Uuid,
    groups: BTreeSet<Uuid>,
    /// Those of the identities that administer the target.
    administrators: BTreeSet<Uuid>,
}

impl Identities {
    /// The principal's identities with regard to a target in that account and project; none for nobody, and for a token
    /// that is not for this account.
    pub(super) fn of(
        world: &World,
        principal: &Principal,
        account: Uuid,
        project: Option<Uuid>,
    ) -> Option<Self> {
        let user = principal.user?;
        let token = principal.token.and_then(|token| world.tokens.get(&token));
        if token.is_some_and(|token| !token.accounts.is_empty() && !token.accounts.contains(&account)) {
            return None;
        }
        Some(Self::of_subject(world, user, account, project))
    }

    /// The identities of a user or a group, whatever they sign in with.
    pub(super) fn of_subject(world: &World, own: Uuid, account: Uuid, project: Option<Uuid>) -> Self {
        let groups = world.all_containers_of(own);
        let administers = |id: &Uuid| {
            world.groups.get(id).is_some_and(|group| {
                group.account == account
                    && match group.kind {
                        GroupKind::CollectionAdministrators => true,
                        GroupKind::ProjectAdministrators => project.is_some() && group.project == project,
                        _ => false,
                    }
            })
        };
        let administrators = groups.iter().copied().chain([own]).filter(administers).collect();
        Self { own, groups, administrators }
    }

    pub(super) fn contains(&self, identity: Uuid) -> bool {
        identity == self.own || self.groups.contains(&identity)
    }

    /// Whether one of the groups is of the account, or makes a member of the project.
    pub(super) fn belong(&self, world: &World, account: Uuid, project: Option<Uuid>) -> bool {
        self.groups.iter().filter_map(|group| world.groups.get(group)).any(|group| {
            group.account == account
                && (project.is_none()
                    || group.project == project
                    || group.kind == GroupKind::CollectionAdministrators)
        })
    }

    /// Whether one of them administers the account's or the project's target.
    pub(super) fn administer(&self) -> bool {
        !self.administrators.is_empty()
    }

    fn is_cut_off_by(&self, denied: Uuid) -> bool {
        self.administrators.is_empty() || denied == self.own || self.administrators.contains(&denied)
    }

    /// What the entries of one level settle.
    fn settle<'t>(
        &self,
        world: &World,
        account: Uuid,
        at: &'t str,
        permission: Permission,
    ) -> Option<Decision<'t>> {
        let mine = || {
            let entries = world.entries_at(account, at).into_iter().flatten();
            entries.filter(|(identity, _)| self.contains(**identity))
        };
        // Of several that say the same, their own entry is named.
        let find = |says: &dyn Fn(Uuid, &Entry) -> bool| {
            let found = mine().filter(|(identity, entry)| says(**identity, entry)).map(|(id, _)| *id);
            found.min_by_key(|identity| *identity != self.own)
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
    world: &World,
    identities: &Identities,
    account: Uuid,
    token: &'t str,
    permission: Permission,
) -> Option<Decision<'t>> {
    for level in token::lineage(token) {
        let settled = identities.settle(world, account, level, permission);
        if settled.is_some() || !world.inherits(account, level) {
            return settled;
        }
    }
    None
}

/// Evaluates one permission at one token.
pub(super) fn setting(
    world: &World,
    identities: &Identities,
    account: Uuid,
    token: &str,
    permission: Permission,
) -> Setting {
    match decide(world, identities, account, token, permission) {
        Some(Decision { is_allowed: true, .. }) => Setting::Allowed,
        Some(Decision { is_allowed: false, .. }) => Setting::Denied,
        None => Setting::Unset,
    }
}
