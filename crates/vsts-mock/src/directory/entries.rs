//! Access control entries: what is said at which token, and at which ones nothing is inherited.

use std::collections::BTreeMap;

use imbl::OrdMap;
use uuid::Uuid;

use super::Directory;
use super::permission::Permissions;

/// The permissions that one identity is allowed and denied at one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
    /// Given by the server to the creator of a branch, and taken away with the branch.
    pub(crate) automatic: bool,
}

impl Entry {
    /// Returns whether it neither allows nor denies anything.
    pub(crate) fn is_empty(self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

pub(super) type Entries = OrdMap<String, BTreeMap<Uuid, Entry>>;

impl Directory {
    /// The keys of all entries of these users and groups.
    pub(crate) fn entries_of(&self, identities: &[Uuid]) -> Vec<(Uuid, String, Uuid)> {
        let mut found = Vec::new();
        for (account, lists) in &self.acl {
            for (at, list) in lists {
                let here = identities.iter().filter(|identity| list.contains_key(identity));
                found.extend(here.map(|identity| (*account, at.clone(), *identity)));
            }
        }
        found
    }

    /// Returns whether what is said above the token counts there.
    pub(crate) fn inherits(&self, account: Uuid, token: &str) -> bool {
        !self.cut_off.get(&account).is_some_and(|tokens| tokens.contains(token))
    }

    /// The tokens at the token or below it, at which nothing is inherited.
    pub(crate) fn cut_off_below<'a>(
        &'a self,
        account: Uuid,
        token: &'a str,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let tokens =
            self.cut_off.get(&account).into_iter().flat_map(move |tokens| tokens.range(token.to_owned()..));
        let below = tokens.map(String::as_str).take_while(move |at| at.starts_with(token));
        below.filter(move |at| is_at_or_below(at, token))
    }

    pub(crate) fn entries_at(&self, account: Uuid, token: &str) -> Option<&BTreeMap<Uuid, Entry>> {
        self.acl.get(&account)?.get(token)
    }

    /// Returns whether there is any entry of that user or group in the account.
    pub(crate) fn has_entry(&self, account: Uuid, identity: Uuid) -> bool {
        self.entry_counts.contains_key(&(account, identity))
    }

    /// Every entry at the token or below it, by token.
    pub(crate) fn entries_below<'a>(
        &'a self,
        account: Uuid,
        token: &'a str,
    ) -> impl Iterator<Item = (&'a str, Uuid, Entry)> + 'a {
        self.acl
            .get(&account)
            .into_iter()
            .flat_map(move |entries| entries.range(token.to_owned()..))
            .take_while(move |(at, _)| at.starts_with(token))
            .filter(move |(at, _)| is_at_or_below(at, token))
            .flat_map(|(at, list)| list.iter().map(move |(identity, entry)| (at.as_str(), *identity, *entry)))
    }
}

fn is_at_or_below(token: &str, above: &str) -> bool {
    token.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
