//! Access control lists of Git repositories: entries set, merged and removed; lists replaced and removed.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use super::securable::to_change;
use crate::access::{Permission, Permissions, Principal, Target, authorize_acl, merged, subjects, token};
use crate::app::App;
use crate::directory::{Account, Directory, Entry};
use crate::registry::Wish;

/// The entry that a user or a group is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewEntry {
    pub(crate) identity: Uuid,
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
}

/// A list that takes the place of another.
#[derive(Debug)]
pub(crate) struct NewList<'a> {
    pub(crate) token: &'a str,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) inherits: bool,
}

/// Sets entries at a token, and gives what each allows and denies then. When they are merged with those that are there,
/// what is newly allowed is no longer denied, and the other way round.
pub(crate) async fn set_entries(
    app: &App,
    scope: Scope<'_>,
    at: &str,
    entries: &[NewEntry],
    merges: bool,
) -> Result<Vec<(Permissions, Permissions)>, Refused> {
    let mut change = app.state.change().await;
    let (account, at) = list_to_change(scope, &change.directory, at)?;
    let mut set = Vec::with_capacity(entries.len());
    for new in entries {
        let old = if merges { change.entry(account, &at, new.identity) } else { Entry::default() };
        let (allow, deny) = merged(old, new.allow, new.deny);
        change.set_entry(account, &at, new.identity, allow, deny)?;
        set.push((allow, deny));
    }
    change.commit().await?;
    Ok(set)
}

/// Removes the entries of some users and groups; whether there was any.
pub(crate) async fn remove_entries(
    app: &App,
    scope: Scope<'_>,
    at: &str,
    identities: &[Uuid],
) -> Result<bool, Refused> {
    let mut change = app.state.change().await;
    let (account, at) = list_to_change(scope, &change.directory, at)?;
    let mut any = false;
    for identity in identities {
        let entry = change.entry(account, &at, *identity);
        any |= !entry.allow.is_empty() || !entry.deny.is_empty();
        change.set_entry(account, &at, *identity, Permissions::NONE, Permissions::NONE)?;
    }
    change.commit().await?;
    Ok(any)
}

/// Takes some permissions out of an entry; what it allows and denies then.
pub(crate) async fn remove_permissions(
    app: &App,
    scope: Scope<'_>,
    at: &str,
    identity: Uuid,
    removed: Permissions,
) -> Result<(Permissions, Permissions), Refused> {
    let mut change = app.state.change().await;
    let (account, at) = list_to_change(scope, &change.directory, at)?;
    let entry = change.entry(account, &at, identity);
    let (allow, deny) = (entry.allow.without(removed), entry.deny.without(removed));
    change.set_entry(account, &at, identity, allow, deny)?;
    change.commit().await?;
    Ok((allow, deny))
}

/// Replaces whole lists: all of them, or none if one cannot be replaced.
pub(crate) async fn replace_lists(app: &App, scope: Scope<'_>, lists: &[NewList<'_>]) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    for list in lists {
        let (account, at) = list_to_change(scope, &change.directory, list.token)?;
        change.remove_list(account, &at, false);
        for entry in &list.entries {
            change.set_entry(account, &at, entry.identity, entry.allow, entry.deny)?;
        }
        change.set_inherits(account, &at, list.inherits);
    }
    Ok(change.commit().await?)
}

/// Removes lists, with `recurse` those below them too that the principal may change; whether there was any.
pub(crate) async fn remove_lists(
    app: &App,
    scope: Scope<'_>,
    tokens: &[&str],
    recurse: bool,
) -> Result<bool, Refused> {
    let mut change = app.state.change().await;
    let mut any = false;
    for text in tokens {
        let (account, at) = list_to_change(scope, &change.directory, text)?;
        let removed = {
            let below = tokens_below(&change.directory, scope.account(&change.directory)?, &at).into_iter();
            let may = |found: &&str| to_change(scope, &change.directory, found).is_ok();
            let removed = below.filter(|found| *found == at || recurse).filter(may);
            removed.map(str::to_owned).collect::<Vec<_>>()
        };
        for at in removed {
            any |= change.remove_list(account, &at, false);
        }
    }
    change.commit().await?;
    Ok(any)
}

/// The tokens that have lists: this one and those below it.
pub(crate) fn tokens_below<'w>(
    directory: &'w Directory,
    account: &Account,
    at: &'w str,
) -> BTreeSet<&'w str> {
    let with_entries = directory.entries_below(account.id, at).map(|(found, ..)| found);
    with_entries.chain(directory.cut_off_below(account.id, at)).collect()
}

/// Sets permissions of a user or a group in a repository, each by itself.
pub(crate) async fn set_permissions(
    app: &App,
    principal: &Principal,
    repo: Uuid,
    subject: Uuid,
    wishes: &[(Permission, Wish)],
) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let found = change.directory.repos.get(&repo).cloned();
    let repo = found.ok_or_else(|| Refused::no_repository(&repo.to_string()))?;
    authorize_acl(&change.directory, principal, Target::Repo(&repo))?;
    let is_one =
        subjects(&change.directory, repo.account, Some(repo.project)).iter().any(|one| one.id == subject);
    if !is_one && !change.directory.users.contains_key(&subject) {
        return Err(Refused::NoSubject { asked: subject.to_string() });
    }
    let at = token::repository(repo.project, repo.id);
    for (permission, wish) in wishes {
        if Wish::of(change.entry(repo.account, &at, subject), *permission) != *wish {
            change.set_permission(repo.account, &at, subject, *permission, *wish)?;
        }
    }
    Ok(change.commit().await?)
}

/// Asks whether the principal may change the list at a token.
pub(crate) fn may_change_list(scope: Scope<'_>, directory: &Directory, at: &str) -> Result<(), Refused> {
    to_change(scope, directory, at).map(|_| ())
}

/// The account and the canonical token of a list, if the principal may change it.
fn list_to_change(scope: Scope<'_>, directory: &Directory, at: &str) -> Result<(Uuid, String), Refused> {
    let (account, found) = to_change(scope, directory, at)?;
    Ok((account.id, found.target().token()))
}
