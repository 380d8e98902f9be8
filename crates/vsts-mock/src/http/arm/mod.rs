//! The Experimentation service, by the routes of Azure's Resource Manager: subscriptions, resource groups, and below
//! `Microsoft.MachineLearningExperimentation` accounts, workspaces and projects with their members as role assignments.
//!
//! There is one subscription, and a resource group is there when an account is in it. What the caller may not see
//! answers as what does not exist. Every request says its `api-version`; that of the service's own is
//! `2017-05-01-preview`.

mod path;
mod resources;
mod roles;
mod shape;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{self, BodyError};
use super::peer::{Journalled, Peer};
use super::web::{json as json_response, text};
use super::{auth, refusals};
use crate::access::{Principal, Refusal, Use, authorize_use};
use crate::app::App;
use crate::directory::{Level, name};
use crate::identity::SignInError;
use crate::limits::JSON_BODY_BYTES;
use crate::operations::experimentation::Error;
use crate::registry::RegistryError;
use path::{PROVIDER, Path, Target};

/// The one version of the service's own routes.
const API_VERSION: &str = "2017-05-01-preview";

/// The id of the one subscription.
fn subscription() -> Uuid {
    name::derive(&["subscription"])
}

/// The id of the one directory of users.
fn tenant() -> Uuid {
    name::derive(&["tenant"])
}

/// Returns whether a path is one of these routes.
pub(super) fn is_one(path: &str) -> bool {
    path.split('/')
        .find(|segment| !segment.is_empty())
        .is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"))
}

/// The answer to a request that fails: `{"error":{"code":"…","message":"…"}}`.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    fn response(&self) -> Response {
        json_response(self.status, &json!({ "error": { "code": self.code, "message": self.message } }))
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let status = refusals::registry_status(&error);
        if status.is_server_error() {
            return Self::new(status, "InternalServerError", refusals::internal(&error).message);
        }
        let message = error.in_one_line();
        match &error {
            RegistryError::NotFound { .. } => Self::new(status, "ResourceNotFound", message),
            RegistryError::Exists { .. } => Self::new(status, "Conflict", message),
            RegistryError::InUse { .. } => Self::new(
                status,
                "CannotDeleteResource",
                format!("Cannot delete resource while nested resources exist: {message}."),
            ),
            RegistryError::Name(_) => Self::new(status, "InvalidResourceName", message),
            _ => Self::new(status, "InvalidRequestContent", message),
        }
    }
}

/// A status with a body, or without one.
type Answer = Result<(StatusCode, Option<Value>), Failure>;

#[expect(clippy::unnecessary_wraps, reason = "every handler ends in one of these")]
fn found(value: Value) -> Answer {
    Ok((StatusCode::OK, Some(value)))
}

/// One request by somebody.
struct Call<'a> {
    app: &'a Arc<App>,
    principal: Principal,
    path: Path,
    headers: HeaderMap,
}

pub(super) async fn serve(app: &Arc<App>, request: Request<Body>, journalled: &mut Journalled) -> Response {
    journalled.service = Some("experimentation");
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer(([127, 0, 0, 1], 0).into()));
    let principal = match auth::sign_in(app, &parts.headers, peer.0.ip()).await {
        Ok(principal) if principal.is_anonymous() => {
            return challenge(
                app,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            );
        }
        Ok(principal) => principal,
        Err(error @ SignInError::TooMany { retry_after }) => {
            let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", error.to_string());
            let mut response = failure.response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            return response;
        }
        Err(SignInError::Expired) => {
            return challenge(
                app,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is in the past.",
            );
        }
        Err(error) => return challenge(app, "InvalidAuthenticationToken", &error.to_string()),
    };
    journalled.user = Some(principal.name.clone());
    let Some(path) = Path::parse(parts.uri.path()) else {
        journalled.unknown = true;
        return Failure::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            format!("The resource type could not be found in the namespace '{PROVIDER}' for api version '{API_VERSION}'."),
        )
        .response();
    };
    let call = Call { app, principal, path, headers: parts.headers };
    let answer = match check_version(parts.uri.query().unwrap_or_default(), &call.path) {
        Ok(()) => call.answer(&parts.method, parts.uri.query().unwrap_or_default(), body).await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok((status, Some(value))) => json_response(status, &value),
        Ok((status, None)) => text(status, ""),
        Err(failure) => {
            journalled.unknown |= failure.status == StatusCode::METHOD_NOT_ALLOWED;
            failure.response()
        }
    }
}

fn challenge(app: &App, code: &'static str, message: &str) -> Response {
    let mut response = Failure::new(StatusCode::UNAUTHORIZED, code, message).response();
    let base = app.base_url();
    let schemes = [
        format!(
            "Bearer authorization_uri=\"{base}/common\", error=\"invalid_token\", error_description=\"{message}\""
        ),
        format!("Basic realm=\"{base}/\""),
    ];
    for scheme in schemes {
        if let Ok(value) = HeaderValue::from_str(&scheme) {
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
    }
    response
}

fn check_version(query: &str, path: &Path) -> Result<(), Failure> {
    let mut given = url::form_urlencoded::parse(query.as_bytes());
    let version =
        given.find(|(name, _)| name.eq_ignore_ascii_case("api-version")).map(|(_, value)| value.into_owned());
    let Some(version) = version.filter(|version| !version.is_empty()) else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(Failure::bad("MissingApiVersionParameter", message));
    };
    let is_own = matches!(path.target, Target::Resource | Target::Children(_));
    if is_own && !version.eq_ignore_ascii_case(API_VERSION) {
        let shown: String = version.chars().filter(|c| !c.is_control()).take(40).collect();
        let message = format!(
            "No registered resource provider found for API version '{shown}' for type '{}'. The supported api-versions are \
             '{API_VERSION}'.",
            path.kind()
        );
        return Err(Failure::bad("NoRegisteredProviderFound", message));
    }
    let date = version.split_once("-preview").map_or(version.as_str(), |(date, _)| date);
    if date.parse::<jiff::civil::Date>().is_err() {
        let message = "The api-version is invalid. The value must be a date in the form yyyy-mm-dd, or that and '-preview'.";
        return Err(Failure::bad("InvalidApiVersionParameter", message));
    }
    Ok(())
}

impl Call<'_> {
    async fn answer(&self, method: &Method, query: &str, body: Body) -> Answer {
        let directory = self.app.state.directory();
        authorize_use(&directory, &self.principal, Use::Registry)
            .map_err(|refusal| self.refused(&refusal))?;
        if let Some(asked) = &self.path.subscription
            && !asked.eq_ignore_ascii_case(&subscription().to_string())
        {
            let asked: String = asked.chars().filter(|c| !c.is_control()).take(60).collect();
            let message = format!("The subscription '{asked}' could not be found.");
            return Err(Failure::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message));
        }
        match (method, &self.path.target) {
            (&Method::GET, Target::Subscriptions) => found(shape::list([shape::subscription()])),
            (&Method::GET, Target::Subscription) => found(shape::subscription()),
            (&Method::GET, Target::Groups) => found(shape::list(self.groups(&directory))),
            (&Method::GET, Target::Group) => self.group(&directory),
            (&Method::GET, Target::Children(level)) => self.children(&directory, *level),
            (&Method::GET, Target::Resource) => self.get(&directory),
            (&Method::PUT, Target::Resource) => self.put(&read(self.app, body).await?).await,
            (&Method::PATCH, Target::Resource) => self.patch(&read(self.app, body).await?).await,
            (&Method::DELETE, Target::Resource) => self.delete().await,
            (&Method::GET, Target::RoleAssignments) => self.role_assignments(&directory, query),
            (&Method::GET, Target::RoleAssignment(id)) => self.role_assignment(&directory, id),
            (&Method::PUT, Target::RoleAssignment(id)) => self.assign(id, &read(self.app, body).await?).await,
            (&Method::DELETE, Target::RoleAssignment(id)) => self.unassign(id).await,
            (&Method::GET, Target::RoleDefinitions) => found(roles::definitions(query)),
            (&Method::GET, Target::RoleDefinition(id)) => roles::definition(id),
            _ => Err(Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "The requested resource does not support this method.",
            )),
        }
    }

    fn failed(&self, error: Error) -> Failure {
        let message = error.to_string();
        match error {
            Error::Absent => self.absent(),
            Error::NoParent => Failure { code: "ParentResourceNotFound", ..self.absent() },
            Error::Exists => Failure::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message),
            Error::AssignmentExists => Failure::new(StatusCode::CONFLICT, "RoleAssignmentExists", message),
            Error::NoUser => Failure::bad(
                "PrincipalNotFound",
                "properties.principalId is the id of nobody in this directory.",
            ),
            Error::Access(refusal) => self.refused(&refusal),
            Error::Registry(error) => error.into(),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Failure {
        match refusal {
            Refusal::SignInRequired | Refusal::Revoked { .. } => {
                Failure::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", refusal.to_string())
            }
            Refusal::Invisible => self.absent(),
            Refusal::TokenUse { .. } => {
                Failure::new(StatusCode::FORBIDDEN, "AuthorizationFailed", refusal.to_string())
            }
            _ => {
                let (name, scope) = (&self.principal.name, self.scope());
                let id = self.principal.user.unwrap_or_default();
                let message = format!(
                    "The client '{name}' with object id '{id}' does not have authorization to perform this action over scope \
                     '{scope}'."
                );
                Failure::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
            }
        }
    }

    /// The resource does not exist, or the caller may not know of it.
    fn absent(&self) -> Failure {
        let names: Vec<&str> = self.path.names.iter().map(String::as_str).collect();
        let asked: String = names.join("/").chars().filter(|c| !c.is_control()).take(200).collect();
        let kinds: Vec<&str> = Level::ALL.iter().take(names.len()).map(|level| level.collection()).collect();
        let group = self.path.group.as_deref().unwrap_or_default();
        let group: String = group.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!(
            "The Resource '{PROVIDER}/{}/{asked}' under resource group '{group}' was not found.",
            kinds.join("/")
        );
        Failure::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    /// The path's own resource, as an id, whether it is there or not.
    fn scope(&self) -> String {
        let names: Vec<&str> = self.path.names.iter().map(String::as_str).collect();
        let whole = shape::id_of(self.path.group.as_deref().unwrap_or_default(), &names);
        whole.chars().filter(|c| !c.is_control()).take(400).collect()
    }
}

async fn read(app: &App, body: Body) -> Result<Value, Failure> {
    let bytes = body::read(&app.budget, body, JSON_BODY_BYTES).await.map_err(|error| {
        let code = match error {
            BodyError::TooLarge { .. } => "RequestContentTooLarge",
            _ => "InvalidRequestContent",
        };
        Failure::new(error.status(), code, error.to_string())
    })?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("The request content was invalid and could not be deserialized: '{error}'.");
        Failure::bad("InvalidRequestContent", message)
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::bad("InvalidRequestContent", "The request content was invalid: it is not an object."))
    }
}
