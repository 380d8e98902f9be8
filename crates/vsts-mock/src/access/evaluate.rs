//! The evaluator: explicit settings, nearest first.
//!
//! At each level from the target up to the collection, all entries of the user and their groups are looked at together:
//! a deny among them beats every allow there, and the first level that says anything decides. Where no level says
//! anything, the permission is unset, which callers treat as denied.
//!
//! Members of Project Collection Administrators (everywhere in the account) and of Project Administrators (in their
//! project) are not cut off by what other groups are denied; a deny on themselves or on the administrators' group holds.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Permission, Principal, token};
use crate::world::{GroupKind, World};

/// What the entries say on one permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Allowed,
    Denied,
    Unset,
}

/// A user with all their groups.
#[derive(Debug)]
pub(super) struct Identities {
    user: Uuid,
    groups: BTreeSet<Uuid>,
    /// Those of the groups that administer the target.
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
        let mut groups = BTreeSet::new();
        let mut open = vec![user];
        while let Some(member) = open.pop() {
            open.extend(world.groups_of(member).filter(|group| groups.insert(*group)));
        }
        let administrators = groups
            .iter()
            .filter(|id| {
                world.groups.get(id).is_some_and(|group| {
                    group.account == account
                        && match group.kind {
                            GroupKind::CollectionAdministrators => true,
                            GroupKind::ProjectAdministrators => project.is_some() && group.project == project,
                            GroupKind::Readers | GroupKind::Contributors => false,
                        }
                })
            })
            .copied()
            .collect();
        Some(Self { user, groups, administrators })
    }

    pub(super) fn contains(&self, identity: Uuid) -> bool {
        identity == self.user || self.groups.contains(&identity)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.groups.iter().copied()
    }

    fn is_cut_off_by(&self, denied: Uuid) -> bool {
        self.administrators.is_empty() || denied == self.user || self.administrators.contains(&denied)
    }
}

/// Evaluates one permission at one token.
pub(super) fn setting(
    world: &World,
    identities: &Identities,
    account: Uuid,
    token: &str,
    permission: Permission,
) -> Setting {
    for level in token::lineage(token) {
        let Some(entries) = world.entries_at(account, level) else { continue };
        let mut allowed = false;
        for (identity, entry) in entries {
            if !identities.contains(*identity) {
                continue;
            }
            if entry.deny.contains(permission) && identities.is_cut_off_by(*identity) {
                return Setting::Denied;
            }
            allowed |= entry.allow.contains(permission);
        }
        if allowed {
            return Setting::Allowed;
        }
    }
    Setting::Unset
}
