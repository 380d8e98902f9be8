//! Decides about reading and changing access control: entries, groups, members.
//!
//! Collection administrators can always change entries, so that nobody locks everybody out.

use uuid::Uuid;

use super::roles::{Use, authorize_use};
use super::standing::is_known;
use super::{
    Permission, Permissions, Principal, Refusal, Target, Viewer, authorize, check_credential, too_narrow,
};
use crate::directory::{Directory, Entry, Group};

/// Decides whether the principal may read the entries that hang at the target.
pub(crate) fn authorize_acl_reading(viewer: &Viewer<'_>, target: Target<'_>) -> Result<(), Refusal> {
    let principal = viewer.principal;
    check_credential(viewer.directory, principal)?;
    let identities = viewer.identities(target.account(), None);
    if !viewer.sees(target) && !identities.is_some_and(|identities| identities.administer()) {
        return Err(if principal.is_anonymous() { Refusal::SignInRequired } else { Refusal::Invisible });
    }
    let reading = [Permission::GenericRead, Permission::ManagePermissions];
    if reading.into_iter().any(|permission| principal.ceiling.contains(permission)) {
        Ok(())
    } else {
        Err(too_narrow(principal, Permission::GenericRead, target))
    }
}

/// Decides whether the principal may change the entries that hang at the target.
pub(crate) fn authorize_acl(
    directory: &Directory,
    principal: &Principal,
    target: Target<'_>,
) -> Result<(), Refusal> {
    check_credential(directory, principal)?;
    let permission = Permission::ManagePermissions;
    if !administers(directory, principal, target.account(), None) {
        return authorize(directory, principal, permission, target);
    }
    if principal.ceiling.contains(permission) {
        Ok(())
    } else {
        Err(too_narrow(principal, permission, target))
    }
}

/// Decides whether the principal may change a group of that place, and who is in it.
pub(crate) fn authorize_group(
    directory: &Directory,
    principal: &Principal,
    account: Uuid,
    project: Option<Uuid>,
) -> Result<(), Refusal> {
    authorize_use(directory, principal, Use::SubjectsWrite)?;
    if administers(directory, principal, account, project) {
        Ok(())
    } else {
        Err(Refusal::LacksRole { identity: principal.name.clone() })
    }
}

/// Returns whether the principal administers the account, or the project of it.
pub(crate) fn administers(
    directory: &Directory,
    principal: &Principal,
    account: Uuid,
    project: Option<Uuid>,
) -> bool {
    Viewer::new(directory, principal)
        .identities(account, project)
        .is_some_and(|identities| identities.administer())
}

/// Returns whether the principal may do all that these stand for at the target: the question that a client asks without doing
/// anything. What is invisible holds nothing.
pub(crate) fn holds(
    directory: &Directory,
    principal: &Principal,
    permissions: Permissions,
    target: Target<'_>,
    always_administrators: bool,
) -> bool {
    let is_exempt = always_administrators
        && permissions.without(principal.ceiling).is_empty()
        && administers(directory, principal, target.account(), target.project());
    let mut asked = Permission::ALL.into_iter().filter(|permission| permissions.contains(*permission));
    check_credential(directory, principal).is_ok()
        && (is_exempt || asked.all(|permission| authorize(directory, principal, permission, target).is_ok()))
}

/// Merges new permissions into an entry: what is newly denied is no longer allowed, and the other
/// way round. What is given as both is denied.
pub(crate) fn merged(old: Entry, allow: Permissions, deny: Permissions) -> (Permissions, Permissions) {
    let allow = allow.without(deny);
    (old.allow.union(allow).without(deny), old.deny.union(deny).without(allow))
}

/// Returns whether the principal, who sees the account, may know of a user or a group there: of those who belong to it or have
/// an entry in it, of themselves, and of the groups of projects that they see.
pub(crate) fn sees_subject(
    directory: &Directory,
    principal: &Principal,
    account: Uuid,
    subject: Uuid,
) -> bool {
    Viewer::new(directory, principal).sees_subject(account, subject)
}

impl Viewer<'_> {
    /// [`sees_subject`], for many of them.
    pub(crate) fn sees_subject(&self, account: Uuid, subject: Uuid) -> bool {
        if self.principal.user == Some(subject) {
            return true;
        }
        match self.directory.groups.get(&subject) {
            Some(group) => group.account == account && self.sees_group(group),
            None => {
                is_known(self.directory, subject, account, None) || self.directory.has_entry(account, subject)
            }
        }
    }

    fn sees_group(&self, group: &Group) -> bool {
        let Some(project) = group.project else { return true };
        self.directory.projects.get(&project).is_some_and(|project| self.sees(Target::Project(project)))
    }
}
