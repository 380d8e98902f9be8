//! Access control entries: what is said at which token, and at which ones nothing is inherited.

use std::collections::BTreeMap;

use imbl::OrdMap;
use uuid::Uuid;

use super::Directory;
use super::permission::Permissions;

/// What one identity is allowed and denied at one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
    /// Given by the server to the creator of a branch, and taken away with the branch.
    pub(crate) automatic: bool,
}

pub(super) type Entries = OrdMap<String, BTreeMap<Uuid, Entry>>;

impl Directory {
    /// Sets one entry; an entry that says nothing is removed.
    pub(crate) fn set_entry(&mut self, account: Uuid, token: &str, identity: Uuid, entry: Entry) {
        let entries = self.acl.entry(account).or_default();
        let had_one = entries.get(token).is_some_and(|list| list.contains_key(&identity));
        let has_one = !entry.allow.is_empty() || !entry.deny.is_empty();
        let count = self.entry_counts.entry((account, identity)).or_default();
        *count = *count + usize::from(has_one) - usize::from(had_one);
        if *count == 0 {
            self.entry_counts.remove(&(account, identity));
        }
        if has_one {
            entries.entry(token.to_owned()).or_default().insert(identity, entry);
            return;
        }
        if let Some(list) = entries.get_mut(token) {
            list.remove(&identity);
            if list.is_empty() {
                entries.remove(token);
            }
        }
        if entries.is_empty() {
            self.acl.remove(&account);
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

    pub(super) fn forget_lists_below(&mut self, account: Uuid, below: &str) {
        let entries: Vec<_> =
            self.entries_below(account, below).map(|(at, identity, _)| (at.to_owned(), identity)).collect();
        for (at, identity) in entries {
            self.set_entry(account, &at, identity, Entry::default());
        }
        let cut_off: Vec<String> = self.cut_off_below(account, below).map(str::to_owned).collect();
        for at in cut_off {
            self.set_inherits(account, &at, true);
        }
    }

    /// Removes every entry of these users and groups.
    pub(super) fn forget_entries_of(&mut self, identities: &[Uuid]) {
        let mut gone = Vec::new();
        for (account, entries) in &self.acl {
            for (at, list) in entries {
                let found = identities.iter().filter(|identity| list.contains_key(identity));
                gone.extend(found.map(|identity| (*account, at.clone(), *identity)));
            }
        }
        for (account, at, identity) in gone {
            self.set_entry(account, &at, identity, Entry::default());
        }
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
        let tokens =
            self.cut_off.get(&account).into_iter().flat_map(move |tokens| tokens.range(token.to_owned()..));
        let below = tokens.map(String::as_str).take_while(move |at| at.starts_with(token));
        below.filter(move |at| is_at_or_below(at, token))
    }

    pub(crate) fn entries_at(&self, account: Uuid, token: &str) -> Option<&BTreeMap<Uuid, Entry>> {
        self.acl.get(&account)?.get(token)
    }

    /// Whether there is any entry of that user or group in the account.
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
