//! Who may do what: the one place that decides, for every door.
//!
//! [`authorize`] answers from a [`World`] alone. It looks at what the principal's token may be used for, then walks the
//! access control entries (see [`evaluate`]), and words its refusals so that what somebody may not read looks exactly
//! like what does not exist. No other module compares permissions.
//!
//! | action | permissions |
//! | --- | --- |
//! | fetch, browse | `GenericRead` on the repository |
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
//! | change a list of entries | `ManagePermissions` on what it is about, or being a collection administrator |
//! | change a group | being an administrator of its project, or a collection administrator |
//!
//! Who creates a branch is given `ForcePush` on it, as the service does, unless it is denied to them there already; the
//! gift goes with the branch.

mod evaluate;
mod permission;
mod roles;
mod security;
mod standing;
pub(crate) mod token;

use git_wire::UpdateKind;
use thiserror::Error;
use uuid::Uuid;

pub use permission::{Permission, Permissions};
pub(crate) use roles::{Act, Use, authorize_resource, authorize_use, sees_resource};
pub(crate) use security::{
    authorize_acl, authorize_acl_reading, authorize_group, holds, merged, sees_subject,
};
pub(crate) use standing::{Effect, Source, Standing, Subject, effect, is_known, standing, subject, subjects};

use crate::world::{Account, Project, Repo, World};
use evaluate::{Identities, Setting};

/// Who asks: a signed-in user and what the credential may be used for, or nobody.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Principal {
    pub(crate) user: Option<Uuid>,
    /// As messages name them.
    pub(crate) name: String,
    /// The token that was shown, so that revoking it works at once.
    pub(crate) token: Option<Uuid>,
    /// The SSH key that signed, so that taking it out of the registry works at once. It is told by its data: another one
    /// may later have its name, and then its id.
    pub(crate) key: Option<String>,
    /// What the credential may be used for at most.
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

/// What is acted upon.
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

/// Why an action is refused, in the service's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody is signed in, and this needs somebody.
    #[error("TF400813: Resource not available for anonymous access. Client authentication required.")]
    SignInRequired,
    /// The credential was taken away after it had been checked.
    #[error("TF400813: The user '{identity}' is not authorized to access this resource.")]
    Revoked { identity: String },
    /// It does not exist, or may as well not.
    #[error("not there, or not to be seen")]
    Invisible,
    /// It can be seen, but this needs more.
    #[error(
        "TF401027: You need the Git '{}' permission to perform this action. Details: identity '{identity}', scope '{scope}'.",
        permission.name()
    )]
    Lacks { permission: Permission, identity: String, scope: &'static str },
    /// The user may, but not with this token.
    #[error(
        "TF401027: You need the Git '{}' permission to perform this action. Details: identity '{identity}', scope '{scope}'. \
         The scopes of the access token do not cover it.",
        permission.name()
    )]
    TokenScope { permission: Permission, identity: String, scope: &'static str },
    /// It can be seen, but this needs a role that the user does not have there.
    #[error("the user '{identity}' has no role that allows this")]
    LacksRole { identity: String },
    /// The user might, but not with this token.
    #[error("TF400813: The scopes of the access token of '{identity}' do not cover this.")]
    TokenUse { identity: String },
    /// Somebody has locked the ref.
    #[error("TF402404: The reference '{name}' is locked by '{by}'.")]
    Locked { name: String, by: String },
    /// A ref that only the server writes.
    #[error("TF401027: refs below 'refs/pull/' are written by the server alone.")]
    ServerOwned,
}

/// The message for a repository that is not there or may not be seen; `asked` is the name in the request.
pub(crate) fn repository_not_found(asked: &str) -> String {
    let asked: String = asked.chars().filter(|c| !c.is_control()).take(200).collect();
    format!(
        "TF401019: The Git repository with name or identifier {asked} does not exist or you do not have permissions for \
         the operation you are attempting."
    )
}

/// Decides whether the principal may do what the permission stands for.
pub(crate) fn authorize(
    world: &World,
    principal: &Principal,
    permission: Permission,
    target: Target<'_>,
) -> Result<(), Refusal> {
    check_credential(world, principal)?;
    if !can_see(world, principal, target) {
        return Err(if principal.is_anonymous() { Refusal::SignInRequired } else { Refusal::Invisible });
    }
    if permission == Permission::GenericRead && !matches!(target, Target::Account(_) | Target::Project(_)) {
        return if principal.ceiling.contains(permission) {
            Ok(())
        } else {
            Err(too_narrow(principal, permission, target))
        };
    }
    let Some(identities) = Identities::of(world, principal, target.account(), target.project()) else {
        return Err(Refusal::SignInRequired);
    };
    if evaluate::setting(world, &identities, target.account(), &target.token(), permission)
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

/// Decides whether a push to the repository may begin: what it changes is asked ref by ref, with [`authorize_update`].
pub(crate) fn authorize_push(world: &World, principal: &Principal, repo: &Repo) -> Result<(), Refusal> {
    let permission = Permission::GenericContribute;
    match authorize(world, principal, permission, Target::Repo(repo)) {
        Err(refusal @ Refusal::Lacks { .. }) => {
            let Some(identities) = Identities::of(world, principal, repo.account, Some(repo.project)) else {
                return Err(refusal);
            };
            let below = token::repository(repo.project, repo.id);
            let somewhere = world.entries_below(repo.account, &below).any(|(at, identity, entry)| {
                identities.contains(identity)
                    && entry.allow.contains(permission)
                    && evaluate::setting(world, &identities, repo.account, at, permission) == Setting::Allowed
            });
            match (somewhere, principal.ceiling.contains(permission)) {
                (true, true) => Ok(()),
                (true, false) => Err(too_narrow(principal, permission, Target::Repo(repo))),
                (false, _) => Err(refusal),
            }
        }
        verdict => verdict,
    }
}

/// Decides whether one ref may be changed in that way.
pub(crate) fn authorize_update(
    world: &World,
    principal: &Principal,
    repo: &Repo,
    name: &str,
    kind: UpdateKind,
) -> Result<(), Refusal> {
    if name.starts_with("refs/pull/") {
        return Err(Refusal::ServerOwned);
    }
    for permission in needed_for(name, kind) {
        authorize(world, principal, *permission, Target::Ref(repo, name))?;
    }
    match world.lock_of(repo.id, name) {
        Some(owner) if principal.user != Some(owner) => {
            let by = world.identity_name(owner).unwrap_or_default().to_owned();
            Err(Refusal::Locked { name: name.to_owned(), by })
        }
        _ => Ok(()),
    }
}

/// Decides whether a ref may be locked, or let go: one's own lock by who may write it, another's with a right of its own.
pub(crate) fn authorize_lock(
    world: &World,
    principal: &Principal,
    repo: &Repo,
    name: &str,
) -> Result<(), Refusal> {
    let permission = match world.lock_of(repo.id, name) {
        Some(owner) if principal.user != Some(owner) => Permission::RemoveOthersLocks,
        _ => Permission::GenericContribute,
    };
    authorize(world, principal, permission, Target::Ref(repo, name))
}

/// Whether the creator of a branch is given `ForcePush` on it, as the service does: only somebody to whom it is not
/// denied already, since the entry at the branch would beat every denial above it.
pub(crate) fn creator_may_own(world: &World, principal: &Principal, repo: &Repo, name: &str) -> bool {
    let target = Target::Ref(repo, name);
    name.starts_with("refs/heads/")
        && Identities::of(world, principal, repo.account, Some(repo.project)).is_some_and(|identities| {
            evaluate::setting(world, &identities, repo.account, &target.token(), Permission::ForcePush)
                == Setting::Unset
        })
}

/// Whether the principal may know that the target exists.
pub(crate) fn can_see(world: &World, principal: &Principal, target: Target<'_>) -> bool {
    match target {
        Target::Repo(repo) | Target::Ref(repo, _) => can_read(world, principal, repo),
        Target::Project(project) => {
            belongs_to(world, principal, project.account, Some(project.id))
                || world.repos_of(project.id).any(|repo| can_read(world, principal, repo))
        }
        Target::Account(account) => {
            belongs_to(world, principal, account.id, None)
                || world
                    .projects_of(account.id)
                    .any(|project| can_see(world, principal, Target::Project(project)))
        }
    }
}

fn can_read(world: &World, principal: &Principal, repo: &Repo) -> bool {
    let Some(identities) = Identities::of(world, principal, repo.account, Some(repo.project)) else {
        return repo.public;
    };
    let token = token::repository(repo.project, repo.id);
    match evaluate::setting(world, &identities, repo.account, &token, Permission::GenericRead) {
        Setting::Allowed => true,
        Setting::Denied => false,
        Setting::Unset => repo.public,
    }
}

fn belongs_to(world: &World, principal: &Principal, account: Uuid, project: Option<Uuid>) -> bool {
    Identities::of(world, principal, account, project)
        .is_some_and(|identities| identities.belong(world, account, project))
}

fn check_credential(world: &World, principal: &Principal) -> Result<(), Refusal> {
    let user_is_there = principal.user.is_none_or(|user| world.users.contains_key(&user));
    let token_is_there = principal.token.is_none_or(|token| world.tokens.contains_key(&token));
    let key_is_there = principal
        .key
        .as_deref()
        .is_none_or(|blob| world.key_by_blob(blob).is_some_and(|key| Some(key.user) == principal.user));
    if user_is_there && token_is_there && key_is_there {
        Ok(())
    } else {
        Err(Refusal::Revoked { identity: principal.name.clone() })
    }
}

fn too_narrow(principal: &Principal, permission: Permission, target: Target<'_>) -> Refusal {
    Refusal::TokenScope { permission, identity: principal.name.clone(), scope: target.scope() }
}

fn needed_for(name: &str, kind: UpdateKind) -> &'static [Permission] {
    use Permission::{CreateBranch, CreateTag, ForcePush, GenericContribute, ManageNote};
    let rewrites = matches!(kind, UpdateKind::Rewrite | UpdateKind::Delete);
    if name.starts_with("refs/notes/") {
        if rewrites { &[ManageNote, ForcePush] } else { &[ManageNote] }
    } else if rewrites {
        &[GenericContribute, ForcePush]
    } else if kind == UpdateKind::FastForward {
        &[GenericContribute]
    } else if name.starts_with("refs/tags/") {
        &[CreateTag]
    } else {
        &[GenericContribute, CreateBranch]
    }
}

/// What a token with these scopes may be used for at most.
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

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
