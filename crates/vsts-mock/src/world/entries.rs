//! Access control entries: what is said at which token, and at which ones nothing is inherited.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::World;
use crate::access::Permissions;

/// What one identity is allowed and denied at one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
    /// Given by the server to the creator of a branch, and taken away with the branch.
    pub(crate) automatic: bool,
}

pub(super) type Entries = BTreeMap<String, BTreeMap<Uuid, Entry>>;

impl World {
    /// Sets one entry; an entry that says nothing is removed.
    pub(crate) fn set_entry(&mut self, account: Uuid, token: &str, identity: Uuid, entry: Entry) {
        let entries = self.acl.entry(account).or_default();
        if entry.allow.is_empty() && entry.deny.is_empty() {
            if let Some(list) = entries.get_mut(token) {
                list.remove(&identity);
                if list.is_empty() {
                    entries.remove(token);
                }
            }
            if entries.is_empty() {
                self.acl.remove(&account);
            }
        } else {
            entries.entry(token.to_owned()).or_default().insert(identity, entry);
        }
    }

    /// Says whether what is above the token counts there.
    pub(crate) fn set_inherits(&mut self, account: Uuid, token: &str, inherits: bool) {
        if !inherits {
            self.cut_off.entry(account).or_default().insert(token.to_owned());
        } else if let Some(tokens) = self.cut_off.get_mut(&account) {
            tokens.remove(token);
            if tokens.is_empty() {
                self.cut_off.remove(&account);
            }
        }
    }

    pub(super) fn forget_lists_below(&mut self, below: &str) {
        self.retain_entries(|_, token, _| !is_at_or_below(token, below));
        for tokens in self.cut_off.values_mut() {
            tokens.retain(|token| !is_at_or_below(token, below));
        }
        self.cut_off.retain(|_, tokens| !tokens.is_empty());
    }

    pub(super) fn retain_entries(&mut self, keep: impl Fn(Uuid, &str, Uuid) -> bool) {
        for (account, entries) in &mut self.acl {
            for (token, list) in entries.iter_mut() {
                list.retain(|identity, _| keep(*account, token, *identity));
            }
            entries.retain(|_, list| !list.is_empty());
        }
        self.acl.retain(|_, entries| !entries.is_empty());
    }

    /// Whether what is said above the token counts there.
    pub(crate) fn inherits(&self, account: Uuid, token: &str) -> bool {
        !self.cut_off.get(&account).is_some_and(|tokens| tokens.contains(token))
    }

    /// The tokens at the token or below it, at which nothing is inherited.
    pub(crate) fn cut_off_below<'a>(
        &'a self,
        account: Uuid,
        token: &'a str,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let tokens = self.cut_off.get(&account).into_iter().flatten();
        tokens.map(String::as_str).filter(move |at| is_at_or_below(at, token))
    }

    pub(crate) fn entries_at(&self, account: Uuid, token: &str) -> Option<&BTreeMap<Uuid, Entry>> {
        self.acl.get(&account)?.get(token)
    }

    /// Whether there is any entry of that user or group in the account.
    pub(crate) fn has_entry(&self, account: Uuid, identity: Uuid) -> bool {
        let lists = self.acl.get(&account).into_iter().flat_map(BTreeMap::values);
        lists.into_iter().any(|list| list.contains_key(&identity))
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
