//! The one table of how refusals are shown over HTTP: the status, the service's key for the kind of error, and the
//! message for programs. The pages take the status from here and add their own title.

use http::StatusCode;

use crate::access::Refusal;
use crate::disk_full;
use crate::operations::refused::Refused;
use crate::registry::{RegistryError, WorkItemError};
use crate::state::SavedError;

/// The service's key for a request that would cost too much.
const CANCELED: &str = "RequestBlockedException";
/// The service's key for a value that makes no sense.
const INVALID: &str = "InvalidArgumentValueException";
/// The service's key for anything that went wrong in the server.
const INTERNAL: &str = "VssServiceException";

/// A refusal as HTTP shows it.
#[derive(Debug)]
pub(super) struct HttpRefusal {
    pub(super) status: StatusCode,
    pub(super) key: &'static str,
    pub(super) message: String,
}

impl<E: Into<Refused>> From<E> for HttpRefusal {
    fn from(error: E) -> Self {
        show(&error.into())
    }
}

/// Shows a refusal. What is the server's own fault is logged here, and not told to the client.
pub(super) fn show(refused: &Refused) -> HttpRefusal {
    let (status, key) = match refused {
        Refused::NoAccount { .. } => (StatusCode::NOT_FOUND, "UnauthorizedRequestException"),
        Refused::NoProject { .. } => (StatusCode::NOT_FOUND, "ProjectDoesNotExistWithNameException"),
        Refused::NoRepository { .. } => (StatusCode::NOT_FOUND, "GitRepositoryNotFoundException"),
        Refused::NoBranch { .. } => (StatusCode::NOT_FOUND, "GitUnresolvableToCommitException"),
        Refused::NoRef { .. } => (StatusCode::NOT_FOUND, "GitReferenceNotFoundException"),
        Refused::NoObject { .. } => (StatusCode::NOT_FOUND, "GitObjectDoesNotExistException"),
        Refused::NoItem { .. } => (StatusCode::NOT_FOUND, "GitItemNotFoundException"),
        Refused::ItemExists { .. } => (StatusCode::CONFLICT, "GitItemAlreadyExistsException"),
        Refused::AttachmentExists { .. } => {
            (StatusCode::CONFLICT, "GitPullRequestAttachmentAlreadyExistsException")
        }
        Refused::NoPush { .. } => (StatusCode::NOT_FOUND, "GitPushNotFoundException"),
        Refused::NoPullRequest => (StatusCode::NOT_FOUND, "GitPullRequestNotFoundException"),
        Refused::PullRequestExists => (StatusCode::CONFLICT, "GitPullRequestExistsException"),
        Refused::PullRequestNotActivated => {
            (StatusCode::BAD_REQUEST, "GitPullRequestCannotBeActivatedException")
        }
        Refused::PullRequestNotEditable => (StatusCode::CONFLICT, "GitPullRequestNotEditableException"),
        Refused::PullRequestStale => (StatusCode::CONFLICT, "GitPullRequestStaleException"),
        Refused::PullRequestConflicts { .. } => {
            (StatusCode::CONFLICT, "GitPullRequestMergeConflictException")
        }
        Refused::RejectedByPolicy(_) => {
            (StatusCode::FORBIDDEN, "GitPullRequestUpdateRejectedByPolicyException")
        }
        Refused::NoPart { what, .. } => (StatusCode::NOT_FOUND, key_of_part(what)),
        Refused::Query(_) => (StatusCode::BAD_REQUEST, "VssPropertyValidationException"),
        Refused::PushGone => (StatusCode::CONFLICT, "GitPushNotFoundException"),
        Refused::NoToken { .. } => (StatusCode::NOT_FOUND, "SessionTokenNotFoundException"),
        Refused::NoSecurityToken { .. } => (StatusCode::NOT_FOUND, "SecurityTokenNotFoundException"),
        Refused::NoSubject { .. } | Refused::NoUser { .. } => {
            (StatusCode::NOT_FOUND, "GraphSubjectNotFoundException")
        }
        Refused::Access(Refusal::TokenUse { .. }) | Refused::AccessCheck(_) => {
            (StatusCode::FORBIDDEN, "AccessCheckException")
        }
        Refused::Access(Refusal::WorkItems) => (StatusCode::FORBIDDEN, "WorkItemUnauthorizedAccessException"),
        Refused::Access(Refusal::Protected) => {
            (StatusCode::FORBIDDEN, "GitRefUpdateRejectedByPolicyException")
        }
        Refused::Access(_) | Refused::Denied(_) => (StatusCode::FORBIDDEN, "GitNeedsPermissionException"),
        Refused::StaleRef { .. } => (StatusCode::CONFLICT, "GitReferenceStaleException"),
        Refused::ObjectRejected { .. } => (StatusCode::BAD_REQUEST, "GitObjectRejectedException"),
        Refused::RefNotUpdated { .. } => (StatusCode::BAD_REQUEST, "GitReferenceUpdateException"),
        Refused::ServerBusy(_) => (StatusCode::SERVICE_UNAVAILABLE, INTERNAL),
        Refused::Invalid(_) => (StatusCode::BAD_REQUEST, INVALID),
        Refused::Unsupported(_) => (StatusCode::BAD_REQUEST, "InvalidOperationException"),
        Refused::Busy(_) => (StatusCode::CONFLICT, "InvalidOperationException"),
        Refused::Exceeded(_) => (StatusCode::UNPROCESSABLE_ENTITY, CANCELED),
        Refused::NoRoom(_) => (StatusCode::SERVICE_UNAVAILABLE, CANCELED),
        Refused::Registry(error) => return show_registry(error),
        Refused::Unopened(error) => {
            return HttpRefusal { message: error.message_to_peer(), ..internal(error) };
        }
        Refused::Object(error) => return internal(error),
        Refused::Git(error) => return internal(error),
        Refused::Internal(error) => return internal(error.as_ref()),
    };
    let message = match refused {
        Refused::Exceeded(_) | Refused::NoRoom(_) => {
            format!("TF400733: The request has been canceled: {refused}")
        }
        other => other.to_string(),
    };
    HttpRefusal { status, key, message }
}

/// The service's key for a part of a pull request, or of a project's policies, that is not there.
fn key_of_part(what: &str) -> &'static str {
    match what {
        "reviewer" => "GitPullRequestReviewerNotFoundException",
        "thread" | "comment" => "GitPullRequestCommentThreadNotFoundException",
        "attachment" => "GitPullRequestAttachmentNotFoundException",
        "iteration" => "GitPullRequestIterationNotFoundException",
        "policy" => "PolicyConfigurationNotFoundException",
        "policy type" => "PolicyTypeNotFoundException",
        "policy evaluation" => "PolicyEvaluationNotFoundException",
        _ => "GitItemNotFoundException",
    }
}

/// The answer to a change that the registry refused.
pub(super) fn show_registry(error: &RegistryError) -> HttpRefusal {
    let status = registry_status(error);
    let (status, key, message) = match error {
        RegistryError::Exists { what: "project", name } => (
            StatusCode::BAD_REQUEST,
            "ProjectAlreadyExistsException",
            format!(
                "TF200019: The following project already exists on the Team Foundation Server: {name}. You cannot \
                 create a new project with the same name as an existing project."
            ),
        ),
        RegistryError::Exists { name, .. } => (
            status,
            "GitRepositoryNameAlreadyExistsException",
            format!("TF400948: A Git repository with the name {name} already exists."),
        ),
        RegistryError::NotFound { .. } => (status, "ItemNotFoundException", error.to_string()),
        RegistryError::InUse { .. } => (status, "InvalidOperationException", error.in_one_line()),
        RegistryError::WorkItem(error) => {
            let (status, key) = status_of_work_item(error);
            (status, key, error.to_string())
        }
        RegistryError::Name(_)
        | RegistryError::Value { .. }
        | RegistryError::Key(_)
        | RegistryError::Import { .. } => (status, INVALID, error.in_one_line()),
        RegistryError::Saved(SavedError::State(_))
        | RegistryError::Repository { .. }
        | RegistryError::State(_) => return internal(error),
        RegistryError::Busy { .. } | RegistryError::Saved(_) => (status, INTERNAL, error.to_string()),
    };
    HttpRefusal { status, key, message }
}

/// The status and the service's key for a refusal about a work item.
fn status_of_work_item(error: &WorkItemError) -> (StatusCode, &'static str) {
    let bad = |key| (StatusCode::BAD_REQUEST, key);
    match error {
        WorkItemError::NoItem { .. } => (StatusCode::NOT_FOUND, "WorkItemUnauthorizedAccessException"),
        WorkItemError::NoType { .. } => (StatusCode::NOT_FOUND, "WorkItemTypeNotFoundException"),
        WorkItemError::TestFailed { .. } => {
            (StatusCode::PRECONDITION_FAILED, "TestPatchOperationFailedException")
        }
        WorkItemError::NoField { .. } => bad("WorkItemTrackingFieldDefinitionNotFoundException"),
        WorkItemError::Rule { .. }
        | WorkItemError::NotInList { .. }
        | WorkItemError::UnknownIdentity { .. } => bad("RuleValidationException"),
        WorkItemError::InvalidPath { .. } => bad("WorkItemInvalidTreeNameException"),
        WorkItemError::RelationExists => bad("RelationAlreadyExistsException"),
        WorkItemError::Patch(_) => bad("PatchOperationFailedException"),
        WorkItemError::TooMany(_) => bad(INVALID),
    }
}

/// The status for a change that the registry refused.
pub(super) fn registry_status(error: &RegistryError) -> StatusCode {
    match error {
        RegistryError::NotFound { .. } => StatusCode::NOT_FOUND,
        RegistryError::Exists { .. } | RegistryError::InUse { .. } => StatusCode::CONFLICT,
        RegistryError::WorkItem(error) => status_of_work_item(error).0,
        RegistryError::Name(_)
        | RegistryError::Value { .. }
        | RegistryError::Key(_)
        | RegistryError::Import { .. } => StatusCode::BAD_REQUEST,
        RegistryError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        RegistryError::Saved(error) => match error {
            SavedError::Name => StatusCode::BAD_REQUEST,
            SavedError::NotFound { .. } => StatusCode::NOT_FOUND,
            SavedError::TooMany | SavedError::TooLarge => StatusCode::INSUFFICIENT_STORAGE,
            SavedError::Newer { .. } | SavedError::NewerDatabase { .. } => StatusCode::CONFLICT,
            SavedError::Damaged { .. } | SavedError::State(_) => internal_status(error),
        },
        RegistryError::Repository { .. } | RegistryError::State(_) => internal_status(error),
    }
}

fn internal_status(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    if disk_full::is_cause_of(error) {
        StatusCode::INSUFFICIENT_STORAGE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// Shows an error of the server itself: the log has it, and the client learns only whether the disk is full.
pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> HttpRefusal {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "a request failed");
    let status = internal_status(error);
    let message = match status {
        StatusCode::INSUFFICIENT_STORAGE => disk_full::MESSAGE,
        _ => "internal error",
    };
    HttpRefusal { status, key: INTERNAL, message: message.to_owned() }
}
