//! Refusals, in the service's words.

use thiserror::Error;

use super::Permission;

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
    /// The user reads the work items of the project, and does not write them.
    #[error(
        "TF237111: The current user does not have permissions to save work items under the specified area path."
    )]
    WorkItems,
    /// Somebody has locked the ref.
    #[error("TF402404: The reference '{name}' is locked by '{by}'.")]
    Locked { name: String, by: String },
    /// The branch has policies that only pull requests meet.
    #[error(
        "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch."
    )]
    Protected,
    /// A ref that only the server writes.
    #[error("TF401027: refs below 'refs/pull/' are written by the server alone.")]
    ServerOwned,
}

/// The message for a repository that is not there or may not be seen; `name` is the name in the request.
pub(crate) fn repository_not_found(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    format!(
        "TF401019: The Git repository with name or identifier {name} does not exist or you do not have permissions for \
         the operation you are attempting."
    )
}
