//! The answer to an API request that fails: a status, the service's key for the error, and its message.

use http::StatusCode;
use serde_json::{Value, json};

use crate::http::refusals;
/// The reason why an API request fails.
pub(super) use crate::http::refusals::HttpRefusal as Failure;
pub(super) use crate::operations::refused::excerpt;

impl Failure {
    pub(super) fn new(status: StatusCode, key: &'static str, message: impl Into<String>) -> Self {
        Self { status, key, message: message.into() }
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

    /// An error of the server itself; the log has it.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        refusals::internal(error)
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
            "UnauthorizedRequestException" | "RequestBlockedException" => {
                "Microsoft.TeamFoundation.Framework.Server"
            }
            "AccessCheckException" => "Microsoft.VisualStudio.Services.Security",
            "SessionTokenNotFoundException" => "Microsoft.VisualStudio.Services.DelegatedAuthorization",
            "ArgumentException" => "System",
            "RuleValidationException"
            | "RelationAlreadyExistsException"
            | "ConflictingParametersException" => "Microsoft.TeamFoundation.WorkItemTracking.Server",
            key if key.starts_with("WorkItem") => "Microsoft.TeamFoundation.WorkItemTracking.Server",
            "TestPatchOperationFailedException" | "PatchOperationFailedException" => {
                "Microsoft.VisualStudio.Services.WebApi.Patch"
            }
            _ => "Microsoft.TeamFoundation.Git.Server",
        }
    }
}
