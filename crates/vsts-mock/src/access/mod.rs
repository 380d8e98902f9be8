//! Authorisation: decides who may do what, for every front end.
//!
//! [`authorize`] answers from a [`Directory`] alone. It looks at what the principal's token may be used for, then walks the
//! access control entries (see [`evaluate`]), and words its refusals so that what somebody may not read looks exactly
//! like what does not exist. No other module compares permissions.
//!
//! | action | permissions |
//! | --- | --- |
//! | fetch, browse | `GenericRead` on the repository |
//! | download large files, list their locks | `GenericRead` on the repository |
//! | upload large files, lock their paths | as to open a push; and `GenericContribute` on the ref, if one is named |
//! | take away another's lock on a path | `ManagePermissions` on the repository |
//! | open a push | `GenericContribute` on the repository or on any ref of it |
//! | fast-forward a ref | `GenericContribute` on the ref |
//! | rewrite or delete a ref | `GenericContribute` and `ForcePush` on the ref |
//! | create a tag | `CreateTag` |
//! | create any other ref | `GenericContribute` and `CreateBranch` |
//! | write `refs/notes/` | `ManageNote`, and `ForcePush` to rewrite or delete |
//! | write a ref that somebody has locked | being that somebody |
//! | take away another's lock | `RemoveOthersLocks` on the ref |
//! | create a project | `CreateRepository` on the account |
//! | read a list of entries | `GenericRead`, or `ManagePermissions`, on what it is about |
//! | push to a branch with a policy that blocks | `PolicyExempt` on the ref, beside what the push takes |
//! | work on a pull request | `GenericRead` and `PullRequestContribute` on the repository |
//! | complete a pull request | the same, and what a fast-forward of the target takes |
//! | complete it past its policies | `PullRequestBypassPolicy` on the target |
//! | push files to a repository with rules for them | that they meet the rules; nobody is exempt |
//! | change policies | `EditPolicies` on the repository or branch, or on the project |
//! | read work items | belonging to the project |
//! | write work items | being a contributor or an administrator of the project |
//! | list a repository that is disabled | `GenericRead` on it; nothing else can be done with it but to enable it |
//! | change a list of entries | `ManagePermissions` on what it is about, or being a collection administrator |
//! | change a group | being an administrator of its project, or a collection administrator |
//!
//! The creator of a branch is given `ForcePush` on it, as the service does, unless it is denied to them there already; the
//! gift goes with the branch.

mod evaluate;
mod refusal;
mod roles;
mod security;
mod standing;
mod updates;
mod viewer;
mod work_items;

use uuid::Uuid;

pub use crate::directory::permission::{Permission, Permissions};
pub(crate) use refusal::{Refusal, repository_not_found};
pub(crate) use roles::{Act, Use, authorize_resource, authorize_use, sees_resource};
pub(crate) use security::{
    administers, authorize_acl, authorize_acl_reading, authorize_group, holds, merged, sees_subject,
};
pub(crate) use standing::{Effect, Source, Standing, Subject, effect, is_known, standing, subject, subjects};
pub(crate) use updates::{
    authorize_direct_push, authorize_lock, authorize_push, authorize_update, creator_may_own, object_rules,
};
pub(crate) use viewer::Viewer;
pub(crate) use work_items::{authorize_work_reading, authorize_work_writing, reads_work};

pub(crate) use crate::directory::token;
use crate::directory::{Account, Directory, Project, Repo};
use evaluate::Setting;

/// The one who asks: a signed-in user with the permissions of the credential, or nobody.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Principal {
    pub(crate) user: Option<Uuid>,
    /// As messages name them.
    pub(crate) name: String,
    /// The token that was shown, so that revoking it works at once.
    pub(crate) token: Option<Uuid>,
    /// The SSH key that signed, so that taking it out of the registry works at once. It is identified by its data: another one
    /// may later have its name, and then its id.
    pub(crate) key: Option<String>,
    /// The permissions that the credential has at most.
    pub(crate) ceiling: Permissions,
}

impl Principal {
    pub(crate) fn anonymous() -> Self {
        Self { user: None, name: "Anonymous".to_owned(), token: None, key: None, ceiling: Permissions::ALL }
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.user.is_none()
    }
}

/// The object of an action.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    Account(&'a Account),
    Project(&'a Project),
    Repo(&'a Repo),
    Ref(&'a Repo, &'a str),
}

impl Target<'_> {
    /// The account that it is in.
    pub(crate) fn account(&self) -> Uuid {
        match self {
            Self::Account(account) => account.id,
            Self::Project(project) => project.account,
            Self::Repo(repo) | Self::Ref(repo, _) => repo.account,
        }
    }

    /// The project that it is in, or is.
    pub(crate) fn project(&self) -> Option<Uuid> {
        match self {
            Self::Account(_) => None,
            Self::Project(project) => Some(project.id),
            Self::Repo(repo) | Self::Ref(repo, _) => Some(repo.project),
        }
    }

    /// The token at which its entries hang.
    pub(crate) fn token(&self) -> String {
        match self {
            Self::Account(_) => token::COLLECTION.to_owned(),
            Self::Project(project) => token::project(project.id),
            Self::Repo(repo) => token::repository(repo.project, repo.id),
            Self::Ref(repo, name) => token::reference(repo.project, repo.id, name),
        }
    }

    fn scope(&self) -> &'static str {
        match self {
            Self::Account(_) => "collection",
            Self::Project(_) => "project",
            Self::Repo(_) => "repository",
            Self::Ref(..) => "branch",
        }
    }
}

/// Decides whether the principal may do what the permission stands for.
pub(crate) fn authorize(
    directory: &Directory,
    principal: &Principal,
    permission: Permission,
    target: Target<'_>,
) -> Result<(), Refusal> {
    check_credential(directory, principal)?;
    let viewer = Viewer::new(directory, principal);
    if !viewer.sees(target) || is_closed(permission, target) {
        return Err(if principal.is_anonymous() { Refusal::SignInRequired } else { Refusal::Invisible });
    }
    if permission == Permission::GenericRead && !matches!(target, Target::Account(_) | Target::Project(_)) {
        return if principal.ceiling.contains(permission) {
            Ok(())
        } else {
            Err(too_narrow(principal, permission, target))
        };
    }
    let Some(identities) = viewer.identities(target.account(), target.project()) else {
        return Err(Refusal::SignInRequired);
    };
    if evaluate::setting(directory, &identities, target.account(), &target.token(), permission)
        != Setting::Allowed
    {
        return Err(Refusal::Lacks { permission, identity: principal.name.clone(), scope: target.scope() });
    }
    if principal.ceiling.contains(permission) {
        Ok(())
    } else {
        Err(too_narrow(principal, permission, target))
    }
}

/// Returns whether the principal may see the repository in a list, where disabled ones are shown as well.
pub(crate) fn can_list(directory: &Directory, principal: &Principal, repo: &Repo) -> bool {
    Viewer::new(directory, principal).lists(repo)
}

/// Returns whether the target is in a disabled repository, whose settings are all that can be reached.
fn is_closed(permission: Permission, target: Target<'_>) -> bool {
    let is_setting = matches!(permission, Permission::RenameRepository | Permission::ManagePermissions);
    matches!(target, Target::Repo(repo) | Target::Ref(repo, _) if repo.is_disabled && !is_setting)
}

/// Returns whether the principal may know that the target exists.
pub(crate) fn can_see(directory: &Directory, principal: &Principal, target: Target<'_>) -> bool {
    Viewer::new(directory, principal).sees(target)
}

fn check_credential(directory: &Directory, principal: &Principal) -> Result<(), Refusal> {
    let user_is_there = principal.user.is_none_or(|user| directory.users.contains_key(&user));
    let token_is_there = principal.token.is_none_or(|token| directory.tokens.contains_key(&token));
    let key_is_there = principal
        .key
        .as_deref()
        .is_none_or(|blob| directory.key_by_blob(blob).is_some_and(|key| Some(key.user) == principal.user));
    if user_is_there && token_is_there && key_is_there {
        Ok(())
    } else {
        Err(Refusal::Revoked { identity: principal.name.clone() })
    }
}

fn too_narrow(principal: &Principal, permission: Permission, target: Target<'_>) -> Refusal {
    Refusal::TokenScope { permission, identity: principal.name.clone(), scope: target.scope() }
}

/// Returns the permissions that a token with these scopes has at most.
pub(crate) fn ceiling_of(scopes: &[String]) -> Permissions {
    scopes.iter().fold(Permissions::NONE, |all, scope| {
        all.union(match scope.as_str() {
            "app_token" | "vso.code_full" => Permissions::ALL,
            "vso.code_manage" => Permissions::ALL.without(Permissions::from_iter([
                Permission::ManagePermissions,
                Permission::PolicyExempt,
                Permission::PullRequestBypassPolicy,
            ])),
            "vso.code_write" => {
                Permissions::CONTRIBUTORS.union(Permissions::from_iter([Permission::ForcePush]))
            }
            "vso.code" => Permissions::from_iter([Permission::GenericRead]),
            "vso.security_manage" => Permissions::from_iter([Permission::ManagePermissions]),
            _ => Permissions::NONE,
        })
    })
}

/// The uses for which some scopes of tokens are alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// The comments on pull requests, with `vso.threads_full`.
    Threads,
    /// The statuses of commits and pull requests, with `vso.code_status`.
    Statuses,
}

/// The principal with the permissions that the token has for the sake of that alone: the rest of the repository stays closed
/// to it.
pub(crate) fn widened(directory: &Directory, principal: Principal, what: Narrow) -> Principal {
    let scope = match what {
        Narrow::Threads => "vso.threads_full",
        Narrow::Statuses => "vso.code_status",
    };
    let token = principal.token.and_then(|token| directory.tokens.get(&token));
    if token.is_none_or(|token| token.scopes.iter().all(|own| own != scope)) {
        return principal;
    }
    let needed = [Permission::GenericRead, Permission::PullRequestContribute, Permission::GenericContribute];
    Principal { ceiling: principal.ceiling.union(Permissions::from_iter(needed)), ..principal }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
