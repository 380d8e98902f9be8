//! Groups and their members: created, changed, deleted, joined and left. Changing a group takes an administrator of its
//! project or of the account.

use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use crate::access::{Principal, Refusal, authorize_group};
use crate::app::App;
use crate::directory::{Directory, Group, GroupKind, User};

/// A group to create.
#[derive(Debug)]
pub(crate) struct NewGroup<'a> {
    /// Without one it is a group of the account.
    pub(crate) project: Option<Uuid>,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    /// The groups that it joins.
    pub(crate) joins: &'a [Uuid],
}

/// A change of a group.
#[derive(Debug)]
pub(crate) enum GroupUpdate<'a> {
    Name(&'a str),
    Description(&'a str),
}

/// Asks whether the principal may change the groups of a project, or those of the account.
fn authorize(
    directory: &Directory,
    principal: &Principal,
    account: Uuid,
    project: Option<Uuid>,
) -> Result<(), Refused> {
    authorize_group(directory, principal, account, project).map_err(|refusal| {
        Refused::AccessCheck(match refusal {
            Refusal::LacksRole { identity } => format!(
                "TF50309: The following account does not have sufficient permissions to complete the operation: \
                 {identity}. The following permissions are needed to perform this operation: Edit identity information."
            ),
            other => other.to_string(),
        })
    })
}

/// The group of that id, if the principal may change it.
fn to_change(directory: &Directory, principal: &Principal, id: Uuid) -> Result<Group, Refused> {
    let group = directory.groups.get(&id).ok_or_else(|| Refused::NoSubject { asked: id.to_string() })?;
    authorize(directory, principal, group.account, group.project)?;
    Ok(group.clone())
}

/// Creates a group.
pub(crate) async fn create(app: &App, scope: Scope<'_>, new: &NewGroup<'_>) -> Result<Group, Refused> {
    let mut change = app.state.change().await;
    let account = scope.account(&change.directory)?.id;
    authorize(&change.directory, scope.principal, account, new.project)?;
    for group in new.joins {
        to_change(&change.directory, scope.principal, *group)?;
    }
    let id = change.create_custom_group(account, new.project, new.name, new.description)?;
    for group in new.joins {
        change.join(id, *group)?;
    }
    let group = change.directory.groups.get(&id).cloned();
    let group = group.ok_or_else(|| Refused::NoSubject { asked: new.name.to_owned() })?;
    change.commit().await?;
    Ok(group)
}

/// Changes a group: all of the changes, or none.
pub(crate) async fn update(
    app: &App,
    principal: &Principal,
    id: Uuid,
    updates: &[GroupUpdate<'_>],
) -> Result<Group, Refused> {
    let mut change = app.state.change().await;
    to_change(&change.directory, principal, id)?;
    for update in updates {
        match update {
            GroupUpdate::Name(name) => change.update_group(id, Some(name), None)?,
            GroupUpdate::Description(text) => change.update_group(id, None, Some(text))?,
        }
    }
    let group = to_change(&change.directory, principal, id)?;
    change.commit().await?;
    Ok(group)
}

/// Deletes a group.
pub(crate) async fn delete(app: &App, principal: &Principal, id: Uuid) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    to_change(&change.directory, principal, id)?;
    change.delete_group(id)?;
    Ok(change.commit().await?)
}

/// Puts a user or a group into a group.
pub(crate) async fn join(app: &App, principal: &Principal, member: Uuid, group: Uuid) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    to_change(&change.directory, principal, group)?;
    change.join(member, group)?;
    Ok(change.commit().await?)
}

/// Takes a user or a group out of a group; whether they were in it. The account's owner stays an administrator.
pub(crate) async fn leave(
    app: &App,
    principal: &Principal,
    member: Uuid,
    group: Uuid,
) -> Result<bool, Refused> {
    let mut change = app.state.change().await;
    let group = to_change(&change.directory, principal, group)?;
    let owner = change.directory.accounts.get(&group.account).and_then(|account| account.owner);
    if owner == Some(member) && group.kind == GroupKind::CollectionAdministrators {
        return Err(Refused::invalid("The owner of the account stays one of its administrators."));
    }
    let left = change.leave_group(member, group.id);
    change.commit().await?;
    Ok(left)
}

/// Lets a user of the directory into the account, and into some groups of it. `asked` is the user's id, name or e-mail
/// address.
pub(crate) async fn add_user(
    app: &App,
    scope: Scope<'_>,
    asked: &str,
    groups: &[Uuid],
) -> Result<User, Refused> {
    let mut change = app.state.change().await;
    let account = scope.account(&change.directory)?.id;
    for group in groups {
        to_change(&change.directory, scope.principal, *group)?;
    }
    if groups.is_empty() {
        authorize(&change.directory, scope.principal, account, None)?;
    }
    let by_id = Uuid::parse_str(asked).ok().and_then(|id| change.directory.users.get(&id));
    let user = by_id.or_else(|| change.directory.user_by_login(asked)).cloned();
    let user = user.ok_or_else(|| Refused::NoUser { asked: asked.to_owned() })?;
    let everybody =
        change.directory.group(account, None, GroupKind::CollectionValidUsers).map(|group| group.id);
    for group in groups.iter().copied().chain(everybody) {
        change.join(user.id, group)?;
    }
    change.commit().await?;
    Ok(user)
}

/// Takes a user out of every group of the account, and so out of the account.
pub(crate) async fn remove_user(app: &App, scope: Scope<'_>, user: Uuid) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let account = scope.account(&change.directory)?.clone();
    authorize(&change.directory, scope.principal, account.id, None)?;
    if account.owner == Some(user) {
        return Err(Refused::invalid("The owner of the account stays in it."));
    }
    for group in change.directory.containers_of(user) {
        if change.directory.groups.get(&group).is_some_and(|group| group.account == account.id) {
            change.leave_group(user, group);
        }
    }
    Ok(change.commit().await?)
}
