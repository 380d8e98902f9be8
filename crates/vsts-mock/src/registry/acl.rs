//! Access control entries.

use uuid::Uuid;

use super::{RegistryError, run};
use crate::access::{Permission, Permissions, token};
use crate::state::Change;
use crate::world::{Entry, GroupKind, Repo};

/// Where an entry hangs, by names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) project: Option<&'a str>,
    pub(crate) repo: Option<&'a str>,
    /// A branch's short name, or a full ref name. Only with a repository.
    pub(crate) branch: Option<&'a str>,
}

/// What one identity is to be allowed and denied there.
#[derive(Debug)]
pub(crate) struct EntryInput<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) group: Option<&'a str>,
    pub(crate) allow: &'a [String],
    pub(crate) deny: &'a [String],
}

impl Change<'_> {
    /// Sets what an identity is allowed and denied at a place; empty lists take the entry away.
    pub(crate) async fn set_acl(
        &mut self,
        place: Place<'_>,
        input: &EntryInput<'_>,
    ) -> Result<(), RegistryError> {
        let (account, at) = self.token_of(place)?;
        let identity = match (input.user, input.group) {
            (Some(user), None) => self.user_id(user)?,
            (None, Some(group)) => {
                let kind =
                    GroupKind::from_name(group).ok_or_else(|| RegistryError::not_found("group", group))?;
                let project = if kind == GroupKind::CollectionAdministrators { None } else { place.project };
                self.group(place.account, project, kind)?
            }
            _ => return Err(RegistryError::value("user", "give a user or a group, and not both")),
        };
        let allow = permissions("allow", input.allow)?;
        let deny = permissions("deny", input.deny)?;
        if let Some(both) = allow.names().iter().find(|name| deny.names().contains(name)) {
            return Err(RegistryError::value("deny", format!("{both} is allowed and denied in one entry")));
        }
        self.put_entry(account, &at, identity, Entry { allow, deny, automatic: false }).await
    }

    /// Gives the creator of a branch what they have on it from then on.
    pub(crate) async fn own_branch(
        &mut self,
        user: Uuid,
        repo: &Repo,
        name: &str,
    ) -> Result<(), RegistryError> {
        let at = token::reference(repo.project, repo.id, name);
        let mine = self.world.entries_at(repo.account, &at).and_then(|entries| entries.get(&user)).copied();
        let mut entry = mine.unwrap_or(Entry { automatic: true, ..Entry::default() });
        entry.allow = entry.allow.union(Permissions::from_iter([Permission::ForcePush]));
        self.put_entry(repo.account, &at, user, entry).await
    }

    /// Takes away what was given automatically on a branch that is gone; whether there was anything.
    pub(crate) async fn disown_branch(&mut self, repo: &Repo, name: &str) -> Result<bool, RegistryError> {
        let at = token::reference(repo.project, repo.id, name);
        let automatic: Vec<_> = self
            .world
            .entries_at(repo.account, &at)
            .into_iter()
            .flatten()
            .filter(|(_, entry)| entry.automatic)
            .map(|(identity, _)| *identity)
            .collect();
        for identity in &automatic {
            self.put_entry(repo.account, &at, *identity, Entry::default()).await?;
        }
        Ok(!automatic.is_empty())
    }

    /// The account and the token of a place.
    pub(crate) fn token_of(&self, place: Place<'_>) -> Result<(Uuid, String), RegistryError> {
        let account = self.account(place.account)?.id;
        let at = match (place.project, place.repo, place.branch) {
            (None, None, None) => token::COLLECTION.to_owned(),
            (Some(project), None, None) => token::project(self.project(place.account, project)?.id),
            (Some(project), Some(repo), branch) => {
                let repo = self.repo(place.account, project, repo)?;
                match branch {
                    None => token::repository(repo.project, repo.id),
                    Some(branch) => token::reference(repo.project, repo.id, &full_name(branch)?),
                }
            }
            _ => return Err(RegistryError::value("branch", "a branch needs its repository")),
        };
        Ok((account, at))
    }

    pub(super) async fn put_entry(
        &mut self,
        account: Uuid,
        at: &str,
        identity: Uuid,
        entry: Entry,
    ) -> Result<(), RegistryError> {
        run!(
            self,
            "DELETE FROM access_entries WHERE account_id = $1 AND token = $2 AND identity_id = $3",
            account.to_string(),
            at.to_owned(),
            identity.to_string(),
        );
        if !entry.allow.is_empty() || !entry.deny.is_empty() {
            run!(
                self,
                "INSERT INTO access_entries (account_id, token, identity_id, allow_bits, deny_bits, is_automatic) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
                account.to_string(),
                at.to_owned(),
                identity.to_string(),
                i64::from(entry.allow.bits()),
                i64::from(entry.deny.bits()),
                i64::from(entry.automatic),
            );
        }
        self.world.set_entry(account, at, identity, entry);
        Ok(())
    }

    pub(super) async fn delete_entries_below(
        &mut self,
        account: Uuid,
        above: &str,
    ) -> Result<(), RegistryError> {
        let all: Vec<_> = self
            .world
            .entries_below(account, above)
            .map(|(at, identity, _)| (at.to_owned(), identity))
            .collect();
        for (at, identity) in all {
            self.put_entry(account, &at, identity, Entry::default()).await?;
        }
        Ok(())
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

fn full_name(branch: &str) -> Result<String, RegistryError> {
    let name = if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") };
    gix::refs::FullName::try_from(name.as_str())
        .map_err(|_| RegistryError::value("branch", format!("{branch:?} is not a branch name")))?;
    Ok(name)
}
