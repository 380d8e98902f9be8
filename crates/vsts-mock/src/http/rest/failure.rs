//! What the REST API answers when it fails: the service's own shape, codes and words.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::access::repository_not_found;
use crate::http::json as json_response;
use crate::registry::RegistryError;

/// What an API request answers when it fails.
pub(super) struct Failure {
    status: StatusCode,
    key: &'static str,
    message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, key: &'static str, message: impl Into<String>) -> Self {
        Self { status, key, message: message.into() }
    }

    pub(super) fn no_project(name: &str) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
        let message = format!(
            "TF200016: The following project does not exist: {name}. Verify that the name of the project is correct and \
             that the project exists on the specified Team Foundation Server."
        );
        Self::new(StatusCode::NOT_FOUND, "ProjectDoesNotExistWithNameException", message)
    }

    pub(super) fn no_repo(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "GitRepositoryNotFoundException", repository_not_found(name))
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgumentValueException", message)
    }
}

impl Failure {
    /// As the service words it.
    pub(super) fn response(&self) -> Response {
        let body = json!({
            "$id": "1",
            "innerException": null,
            "message": self.message,
            "typeName": format!("Microsoft.TeamFoundation.Git.Server.{}, Microsoft.TeamFoundation.Git.Server", self.key),
            "typeKey": self.key,
            "errorCode": 0,
            "eventId": 3000,
        });
        json_response(self.status, &body)
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
            RegistryError::Repository { .. } | RegistryError::State(_) => {
                tracing::error!(error = error.in_one_line(), "an API request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "VssServiceException", "internal error")
            }
        }
    }
}
