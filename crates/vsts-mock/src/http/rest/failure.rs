//! What an API request answers when it fails: a status, the service's key for the error, and its message.

use http::StatusCode;
use serde_json::{Value, json};

use crate::access::{Refusal, repository_not_found};
use crate::budget::NoRoom;
use crate::disk_full;
use crate::operations::content::ContentError;
use crate::operations::tree_walk::WalkError;
use crate::operations::work::Exceeded;
use crate::operations::zip::ZipError;
use crate::registry::RegistryError;

/// The service's key for a request that would cost too much.
const CANCELED: &str = "RequestBlockedException";

/// Why an API request fails.
#[derive(Debug)]
pub(in crate::http) struct Failure {
    pub(in crate::http) status: StatusCode,
    pub(super) key: &'static str,
    pub(in crate::http) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, key: &'static str, message: impl Into<String>) -> Self {
        Self { status, key, message: message.into() }
    }

    pub(super) fn no_project(name: &str) -> Self {
        let message = format!(
            "TF200016: The following project does not exist: {}. Verify that the name of the project is correct and \
             that the project exists on the specified Team Foundation Server.",
            shown(name)
        );
        Self::new(StatusCode::NOT_FOUND, "ProjectDoesNotExistWithNameException", message)
    }

    pub(super) fn no_repo(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "GitRepositoryNotFoundException", repository_not_found(name))
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgumentValueException", message)
    }

    /// A value that the request has to have.
    pub(super) fn missing(name: &str) -> Self {
        Self::bad(format!("A value is required for {name}."))
    }

    /// Something of a repository that is not there.
    pub(super) fn not_found(key: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, key, message)
    }

    /// What went wrong is nobody's business but the log's.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "an API request failed");
        let (status, message) = if disk_full::is_cause_of(error) {
            (StatusCode::INSUFFICIENT_STORAGE, disk_full::MESSAGE)
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        };
        Self::new(status, "VssServiceException", message)
    }

    /// A repository that cannot be opened.
    pub(super) fn unopened(error: &git_wire::RepositoryError) -> Self {
        Self { message: error.message_to_peer(), ..Self::internal(error) }
    }

    /// A refusal, where the thing itself may be seen.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self::new(StatusCode::FORBIDDEN, "GitNeedsPermissionException", refusal.to_string())
    }

    /// The body, as the service writes it.
    pub(super) fn body(&self) -> Value {
        let space = self.namespace();
        let event = if space == "System" || self.key.contains("Argument") { 0 } else { 3000 };
        let assembly = if space == "System" { "mscorlib" } else { space };
        json!({
            "$id": "1",
            "innerException": null,
            "message": self.message,
            "typeName": format!("{space}.{}, {assembly}", self.key),
            "typeKey": self.key,
            "errorCode": 0,
            "eventId": event,
        })
    }

    fn namespace(&self) -> &'static str {
        match self.key {
            key if key.starts_with("VssService") => "Microsoft.VisualStudio.Services.Common",
            key if key.starts_with("Vss") => "Microsoft.VisualStudio.Services.WebApi",
            key if key.starts_with("Project") => "Microsoft.TeamFoundation.Core.WebApi",
            "InvalidSecurityNamespaceException" | "SecurityTokenNotFoundException" => {
                "Microsoft.VisualStudio.Services.Security"
            }
            key if key.starts_with("Identity") => "Microsoft.VisualStudio.Services.Identity",
            key if key.starts_with("Graph") => "Microsoft.VisualStudio.Services.Graph",
            "UnauthorizedRequestException" | CANCELED => "Microsoft.TeamFoundation.Framework.Server",
            "AccessCheckException" => "Microsoft.VisualStudio.Services.Security",
            "SessionTokenNotFoundException" => "Microsoft.VisualStudio.Services.DelegatedAuthorization",
            "ArgumentException" => "System",
            _ => "Microsoft.TeamFoundation.Git.Server",
        }
    }
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            CANCELED,
            format!("TF400733: The request has been canceled: {exceeded}"),
        )
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Exceeded(exceeded) => exceeded.into(),
            WalkError::Git(error) => error.into(),
        }
    }
}

impl From<NoRoom> for Failure {
    fn from(no_room: NoRoom) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            CANCELED,
            format!("TF400733: The request has been canceled: {no_room}"),
        )
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NoRoom(no_room) => no_room.into(),
            ContentError::Stored(error) => Self::internal(&error),
        }
    }
}

impl From<ZipError> for Failure {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Exceeded(exceeded) => exceeded.into(),
            ZipError::Content(error) => error.into(),
            ZipError::Git(error) => error.into(),
        }
    }
}

impl From<gix::Error> for Failure {
    fn from(error: gix::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<crate::state::StateError> for Failure {
    fn from(error: crate::state::StateError) -> Self {
        RegistryError::from(error).into()
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::Exists { what: "project", name } => Self::new(
                StatusCode::BAD_REQUEST,
                "ProjectAlreadyExistsException",
                format!(
                    "TF200019: The following project already exists on the Team Foundation Server: {name}. You cannot \
                     create a new project with the same name as an existing project."
                ),
            ),
            RegistryError::Exists { name, .. } => Self::new(
                StatusCode::CONFLICT,
                "GitRepositoryNameAlreadyExistsException",
                format!("TF400948: A Git repository with the name {name} already exists."),
            ),
            RegistryError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, "ItemNotFoundException", error.to_string())
            }
            RegistryError::InUse { .. } => {
                Self::new(StatusCode::CONFLICT, "InvalidOperationException", error.in_one_line())
            }
            RegistryError::Name(_)
            | RegistryError::Value { .. }
            | RegistryError::Key(_)
            | RegistryError::Import { .. } => Self::bad(error.in_one_line()),
            RegistryError::Repository { .. } | RegistryError::State(_) => Self::internal(&error),
        }
    }
}

/// Somebody's text as it may stand in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
