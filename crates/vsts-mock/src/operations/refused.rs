//! Why an operation was refused, in the words of the service. The front ends map each refusal to their own form: HTTP by
//! `http/refusals.rs`.

use git_wire::pack::ObjectRule;
use thiserror::Error;

use super::content::ContentError;
use super::tree_walk::WalkError;
use super::work::Exceeded;
use super::zip::ZipError;
use crate::access::{Refusal, repository_not_found};
use crate::budget::NoRoom;
use crate::directory::work_item::wiql::WiqlError;
use crate::hosting::Busy;
use crate::limits::EXCERPT_CHARS;
use crate::registry::{RegistryError, WorkItemError};
use crate::state::StateError;

/// The reason why an operation was refused.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    /// The account does not exist, or the principal may not know of it.
    #[error("TF400813: The user '{user}' is not authorized to access this resource.")]
    NoAccount { user: String },
    /// The project does not exist, or the principal may not know of it.
    #[error(
        "TF200016: The following project does not exist: {}. Verify that the name of the project is correct and \
         that the project exists on the specified Team Foundation Server.",
        excerpt(name)
    )]
    NoProject { name: String },
    /// The repository does not exist, or the principal may not read it. The name is the one in the request.
    #[error("{}", repository_not_found(name))]
    NoRepository { name: String },
    /// The repository has no such branch.
    #[error(
        "TF401175:The version descriptor <Branch: {} > could not be resolved to a version in the repository {repository}",
        excerpt(branch)
    )]
    NoBranch { branch: String, repository: String },
    /// The repository has no such ref.
    #[error("TF401175:The reference {} could not be found.", excerpt(name))]
    NoRef { name: String },
    /// The repository has no such object, or one of another kind.
    #[error("TF401035: The object '{}' does not exist.", excerpt(id))]
    NoObject { id: String },
    /// A change of a push is about a file that is not there.
    #[error(
        "TF401174: The item '/{}' could not be found in the repository at the version that the push begins with.",
        excerpt(path)
    )]
    NoItem { path: String },
    /// A push adds a file where there is one.
    #[error("TF401193: The item '/{}' exists already.", excerpt(path))]
    ItemExists { path: String },
    /// The pull request has an attachment of that name.
    #[error(
        "The pull request has an attachment named {:?} already. Remove it first, or choose another name.",
        excerpt(name)
    )]
    AttachmentExists { name: String },
    /// The repository has no such push.
    #[error("TF401184: The push {} could not be found.", excerpt(id))]
    NoPush { id: String },
    /// The repository has no such pull request.
    #[error("TF401180: The requested pull request was not found.")]
    NoPullRequest,
    /// There is an active pull request of the same two branches.
    #[error("TF401179: An active pull request for the source and target branch already exists.")]
    PullRequestExists,
    /// A branch of the pull request is not there, or is none.
    #[error(
        "TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists, \
         or the requested refs are not branches"
    )]
    PullRequestNotActivated,
    /// The pull request is completed, or is a draft.
    #[error("TF401181: The pull request cannot be edited due to its state.")]
    PullRequestNotEditable,
    /// The source branch is elsewhere than the request says.
    #[error(
        "TF401192: The pull request has been modified since it was read: the source branch is not at the commit \
         lastMergeSourceCommit. Read it again, and try again."
    )]
    PullRequestStale,
    /// Both branches change the same places.
    #[error("The pull request cannot be completed because of merge conflicts in {}.", excerpt(&files.join(", ")))]
    PullRequestConflicts { files: Vec<String> },
    /// Policies of the target branch are not met.
    #[error("{0}")]
    RejectedByPolicy(String),
    /// A pull request, or a project, has no such part.
    #[error("The {what} {} could not be found.", excerpt(id))]
    NoPart { what: &'static str, id: String },
    /// A query for work items is refused.
    #[error(transparent)]
    Query(#[from] WiqlError),
    /// The push was overtaken by another one.
    #[error("It is gone.")]
    PushGone,
    /// The user has no token or key of that id.
    #[error("There is no token or key of yours with the id {}.", id.chars().filter(|c| !c.is_control()).take(60).collect::<String>())]
    NoToken { id: String },
    /// The security token names nothing, or nothing whose list the principal may change.
    #[error(
        "What the token {} is about does not exist, or you do not have permissions for it.",
        excerpt(token)
    )]
    NoSecurityToken { token: String },
    /// There is no such user or group, or the principal may not know of it.
    #[error("The graph subject {} could not be found.", excerpt(asked))]
    NoSubject { asked: String },
    /// The directory has no such user.
    #[error("The directory has no user {}.", excerpt(asked))]
    NoUser { asked: String },
    /// The principal lacks a permission.
    #[error(transparent)]
    Access(#[from] Refusal),
    /// The policy denied the push.
    #[error("{0}")]
    Denied(String),
    /// The ref is not at the id that the request expects.
    #[error(
        "TF401028: The reference '{}' has already been updated by another client, so you cannot update it. \
         Please try again.",
        excerpt(name)
    )]
    StaleRef { name: String },
    /// An object breaks a rule that a policy makes.
    #[error("{reason}")]
    ObjectRejected { rule: ObjectRule, reason: String },
    /// The engine refused to update a ref.
    #[error("{}: {reason}", excerpt(name))]
    RefNotUpdated { name: String, reason: String },
    /// The principal, or the credential, may not do this, which is no permission of Git repositories.
    #[error("{0}")]
    AccessCheck(String),
    /// A value of the request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The repository or project cannot be changed in this way.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Another change is in progress.
    #[error("{0}")]
    Busy(&'static str),
    /// The registry refused the change.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The request needs more work than a request may cause.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// Too many conversations are open at the moment.
    #[error(transparent)]
    ServerBusy(#[from] Busy),
    /// The memory budget has no room at the moment.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The repository cannot be opened.
    #[error(transparent)]
    Unopened(#[from] git_wire::RepositoryError),
    /// An object cannot be read.
    #[error(transparent)]
    Object(#[from] git_wire::pack::Error),
    /// Something else in the repository cannot be read or written.
    #[error(transparent)]
    Git(#[from] gix::Error),
    /// Anything else that is the server's own fault.
    #[error(transparent)]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Refused {
    pub(crate) fn no_repository(name: &str) -> Self {
        Self::NoRepository { name: name.to_owned() }
    }

    pub(crate) fn no_object(id: &str) -> Self {
        Self::NoObject { id: id.to_owned() }
    }

    pub(crate) fn no_token(id: &str) -> Self {
        Self::NoToken { id: id.to_owned() }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::Registry(error.into())
    }
}

impl From<WorkItemError> for Refused {
    fn from(error: WorkItemError) -> Self {
        Self::Registry(error.into())
    }
}

impl From<WalkError> for Refused {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Exceeded(exceeded) => exceeded.into(),
            WalkError::Git(error) => error.into(),
        }
    }
}

impl From<ContentError> for Refused {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NoRoom(no_room) => no_room.into(),
            ContentError::Stored(error) => error.into(),
        }
    }
}

impl From<ZipError> for Refused {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Exceeded(exceeded) => exceeded.into(),
            ZipError::Content(error) => error.into(),
            ZipError::Git(error) => error.into(),
        }
    }
}

/// The beginning of a client's text, without control characters: as it may stand in a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(EXCERPT_CHARS).collect()
}
