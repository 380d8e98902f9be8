//! Access control entries.

use uuid::Uuid;

use super::RegistryError;
use crate::access::{Permission, Permissions, token};
use crate::directory::{AccessEntry, CutOff, Entry, Repo};
use crate::state::Change;

/// The names that lead to a list of entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListPath<'a> {
    pub(crate) account: &'a str,
    pub(crate) project: Option<&'a str>,
    pub(crate) repo: Option<&'a str>,
    /// A branch's short name, or a full ref name. Only with a repository.
    pub(crate) branch: Option<&'a str>,
}

/// The permissions that one identity is to be allowed and denied there.
#[derive(Debug)]
pub(crate) struct EntryInput<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) group: Option<&'a str>,
    pub(crate) allow: &'a [String],
    pub(crate) deny: &'a [String],
}

/// The setting that one permission is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Allow,
    Deny,
    NotSet,
}

impl Wish {
    /// The verdict of an entry on a permission.
    pub(crate) fn of(entry: Entry, permission: Permission) -> Self {
        if entry.deny.contains(permission) {
            Self::Deny
        } else if entry.allow.contains(permission) {
            Self::Allow
        } else {
            Self::NotSet
        }
    }
}

impl Change<'_> {
    /// Sets one permission of one user or group at a token, and leaves their others as they are. Whether the caller may
    /// is asked before, with [`authorize_acl`](crate::access::authorize_acl); account and token are those of a
    /// [`Target`](crate::access::Target).
    pub(crate) fn set_permission(
        &mut self,
        account: Uuid,
        at: &str,
        subject: Uuid,
        permission: Permission,
        wish: Wish,
    ) -> Result<(), RegistryError> {
        let this = Permissions::from_iter([permission]);
        let mut entry = self.entry(account, at, subject);
        (entry.allow, entry.deny) = (entry.allow.without(this), entry.deny.without(this));
        match wish {
            Wish::Allow => entry.allow = entry.allow.union(this),
            Wish::Deny => entry.deny = entry.deny.union(this),
            Wish::NotSet => {}
        }
        self.set_entry(account, at, subject, entry.allow, entry.deny)
    }

    /// The entry of a user or a group at a token; one that says nothing where there is none.
    pub(crate) fn entry(&self, account: Uuid, at: &str, subject: Uuid) -> Entry {
        let entries = self.directory.entries_at(account, at);
        entries.and_then(|entries| entries.get(&subject)).copied().unwrap_or_default()
    }

    /// Replaces the entry of a user or a group of the account at a token. Where something is allowed and denied, it is
    /// denied. What somebody has set stays when a branch goes.
    pub(crate) fn set_entry(
        &mut self,
        account: Uuid,
        at: &str,
        subject: Uuid,
        allow: Permissions,
        deny: Permissions,
    ) -> Result<(), RegistryError> {
        let is_there = self.directory.users.contains_key(&subject)
            || self.directory.groups.get(&subject).is_some_and(|group| group.account == account);
        if !is_there {
            return Err(RegistryError::not_found("user or group", &subject.to_string()));
        }
        let entry = Entry { allow: allow.without(deny), deny, automatic: false };
        if entry == (Entry { automatic: false, ..self.entry(account, at, subject) }) {
            return Ok(());
        }
        self.put_entry(account, at, subject, entry);
        Ok(())
    }

    /// Sets whether the entries above a token count there.
    pub(crate) fn set_inherits(&mut self, account: Uuid, at: &str, inherits: bool) {
        if self.directory.inherits(account, at) == inherits {
            return;
        }
        let token = at.to_owned();
        if inherits {
            self.remove::<CutOff>(&(account, token));
        } else {
            self.put(CutOff { account, token });
        }
    }

    /// Removes the list at a token, or with `recurse` those below it as well; returns whether there was anything.
    pub(crate) fn remove_list(&mut self, account: Uuid, at: &str, recurse: bool) -> bool {
        let entries = self.directory.entries_below(account, at).filter(|(found, ..)| recurse || *found == at);
        let entries: Vec<_> = entries.map(|(found, who, _)| (account, found.to_owned(), who)).collect();
        let cut_off = self.directory.cut_off_below(account, at).filter(|found| recurse || *found == at);
        let cut_off: Vec<_> = cut_off.map(|found| (account, found.to_owned())).collect();
        let any = !entries.is_empty() || !cut_off.is_empty();
        self.remove_all::<AccessEntry>(entries);
        self.remove_all::<CutOff>(cut_off);
        any
    }

    /// Sets what an identity is allowed and denied at a path; empty lists take the entry away.
    pub(crate) fn set_acl(
        &mut self,
        path: ListPath<'_>,
        input: &EntryInput<'_>,
    ) -> Result<(), RegistryError> {
        let (account, at) = self.directory.find_list(path)?;
        let identity = match (input.user, input.group) {
            (Some(user), None) => self.directory.find_user(user)?.id,
            (None, Some(group)) => {
                let project = path
                    .project
                    .map(|project| self.directory.find_project(path.account, project))
                    .transpose()?;
                let project = project.map(|project| project.id);
                let of_project = project.and_then(|id| self.directory.group_named(account, Some(id), group));
                let found = of_project.or_else(|| self.directory.group_named(account, None, group));
                found.ok_or_else(|| RegistryError::not_found("group", group))?.id
            }
            _ => return Err(RegistryError::value("user", "give a user or a group, and not both")),
        };
        let allow = permissions("allow", input.allow)?;
        let deny = permissions("deny", input.deny)?;
        if let Some(both) = allow.names().iter().find(|name| deny.names().contains(name)) {
            return Err(RegistryError::value("deny", format!("{both} is allowed and denied in one entry")));
        }
        self.put_entry(account, &at, identity, Entry { allow, deny, automatic: false });
        Ok(())
    }

    /// Gives the creator of a branch what they have on it from then on.
    pub(crate) fn own_branch(&mut self, user: Uuid, repo: &Repo, name: &str) {
        let at = token::reference(repo.project, repo.id, name);
        let mine =
            self.directory.entries_at(repo.account, &at).and_then(|entries| entries.get(&user)).copied();
        let mut entry = mine.unwrap_or(Entry { automatic: true, ..Entry::default() });
        entry.allow = entry.allow.union(Permissions::from_iter([Permission::ForcePush]));
        self.put_entry(repo.account, &at, user, entry);
    }

    /// Takes away what was given automatically on a branch that is gone.
    pub(crate) fn disown_branch(&mut self, repo: &Repo, name: &str) {
        let at = token::reference(repo.project, repo.id, name);
        let entries = self.directory.entries_at(repo.account, &at).into_iter().flatten();
        let automatic = entries.filter(|(_, entry)| entry.automatic);
        let automatic: Vec<_> =
            automatic.map(|(identity, _)| (repo.account, at.clone(), *identity)).collect();
        self.remove_all::<AccessEntry>(automatic);
    }

    /// Sets an entry; one that says nothing is removed.
    pub(super) fn put_entry(&mut self, account: Uuid, at: &str, identity: Uuid, entry: Entry) {
        if entry.is_empty() {
            self.remove::<AccessEntry>(&(account, at.to_owned(), identity));
        } else {
            self.put(AccessEntry::new(account, at, identity, entry));
        }
    }
}

fn permissions(field: &'static str, names: &[String]) -> Result<Permissions, RegistryError> {
    names
        .iter()
        .map(|name| {
            Permission::from_name(name).ok_or_else(|| {
                let known: Vec<_> = Permission::ALL.into_iter().map(Permission::name).collect();
                RegistryError::value(
                    field,
                    format!("{name:?} is not a permission; there are {}", known.join(", ")),
                )
            })
        })
        .collect()
}

pub(super) fn full_name(branch: &str) -> Result<String, RegistryError> {
    let name = if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") };
    gix::refs::FullName::try_from(name.as_str())
        .map_err(|_| RegistryError::value("branch", format!("{branch:?} is not a branch name")))?;
    Ok(name)
}
