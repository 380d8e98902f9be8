//! Authorisation at the Experimentation service: members' roles, inherited from account to workspace to project.
//!
//! | action | needs |
//! | --- | --- |
//! | know that it exists | a role at the resource, above it or below it |
//! | change or delete it, make something in it | Contributor or Owner, at the resource or above it |
//! | say who is a member | Owner, at the resource or above it |
//! | make an account | to be signed in |
//!
//! A Git repository's access control entries count for nothing here, and these roles for nothing there. Of a token, the
//! scopes for code and projects say whether it reads or writes; one that is limited to some accounts of the other kind
//! is not for this service.

use uuid::Uuid;

use super::{Principal, Refusal, check_credential};
use crate::directory::{Directory, Resource, Role};

/// An action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Read,
    Write,
    Assign,
}

/// A use of a credential, beside Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Read the Experimentation service's registry.
    Registry,
    /// Change it.
    RegistryWrite,
    /// Make and revoke the user's own tokens and keys.
    Tokens,
    /// Look users and groups up.
    Subjects,
    /// Change groups and who is in them.
    SubjectsWrite,
    /// Read work items.
    Work,
    /// Change them.
    WorkWrite,
}

/// Decides whether the credential is one for that use; a password is for all.
pub(crate) fn authorize_use(directory: &Directory, principal: &Principal, what: Use) -> Result<(), Refusal> {
    check_credential(directory, principal)?;
    if principal.is_anonymous() {
        return Err(Refusal::SignInRequired);
    }
    let Some(token) = principal.token.and_then(|token| directory.tokens.get(&token)) else { return Ok(()) };
    let suits = |scope: &str| match (scope, what) {
        ("app_token", _)
        | ("vso.graph_manage" | "vso.identity_manage", Use::Subjects | Use::SubjectsWrite)
        | (
            "vso.graph"
            | "vso.identity"
            | "vso.security_manage"
            | "vso.profile"
            | "vso.memberentitlementmanagement",
            Use::Subjects,
        )
        | ("vso.work_write" | "vso.work_full", Use::Work | Use::WorkWrite)
        | ("vso.work", Use::Work) => true,
        (_, Use::Subjects | Use::SubjectsWrite | Use::Work | Use::WorkWrite) => false,
        ("vso.tokens", what) => what == Use::Tokens,
        (
            "vso.code_write" | "vso.code_manage" | "vso.code_full" | "vso.project_write"
            | "vso.project_manage",
            what,
        ) => what != Use::Tokens,
        ("vso.code" | "vso.project", what) => what == Use::Registry,
        _ => false,
    };
    // Where an account is in the request, it is looked at there.
    let is_elsewhere = !token.accounts.is_empty() && matches!(what, Use::Registry | Use::RegistryWrite);
    if !is_elsewhere && token.scopes.iter().any(|scope| suits(scope)) {
        Ok(())
    } else {
        Err(Refusal::TokenUse { identity: principal.name.clone() })
    }
}

/// Decides whether the principal may act on the resource.
pub(crate) fn authorize_resource(
    directory: &Directory,
    principal: &Principal,
    act: Act,
    resource: &Resource,
) -> Result<(), Refusal> {
    if !sees_resource(directory, principal, resource) {
        check_credential(directory, principal)?;
        return Err(if principal.is_anonymous() { Refusal::SignInRequired } else { Refusal::Invisible });
    }
    let role = role_at(directory, principal, resource);
    let may = match act {
        Act::Read => true,
        Act::Write => role.is_some(),
        Act::Assign => role == Some(Role::Owner),
    };
    if !may {
        return Err(Refusal::LacksRole { identity: principal.name.clone() });
    }
    let what = if act == Act::Read { Use::Registry } else { Use::RegistryWrite };
    authorize_use(directory, principal, what)
}

/// Returns whether the principal may know that the resource exists.
pub(crate) fn sees_resource(directory: &Directory, principal: &Principal, resource: &Resource) -> bool {
    let Some(user) = principal.user else { return false };
    let registry = &directory.experimentation;
    check_credential(directory, principal).is_ok()
        && (role_at(directory, principal, resource).is_some()
            || registry.assignments.values().filter(|assignment| assignment.user == user).any(|assignment| {
                let at = registry.resources.get(&assignment.resource);
                at.is_some_and(|at| registry.lineage(at).any(|above| above.id == resource.id))
            }))
}

/// The strongest role at the resource, inherited ones included.
fn role_at(directory: &Directory, principal: &Principal, resource: &Resource) -> Option<Role> {
    let user = principal.user?;
    let registry = &directory.experimentation;
    let above: Vec<Uuid> = registry.lineage(resource).map(|resource| resource.id).collect();
    let mine = registry
        .assignments
        .values()
        .filter(|assignment| assignment.user == user && above.contains(&assignment.resource));
    mine.map(|assignment| assignment.role).min()
}
