//! The admin API, under `/_mock/`: all that the seed can say, at run time, and what the server has seen.
//!
//! It wants the admin token as Bearer (or as the password of Basic), except for `health` and `openapi.json`. Errors are
//! JSON: `{"error": "…", "field": "…"}`, the field being the one that is wrong, or null.

mod acl;
mod clock;
mod completions;
mod experimentation;
mod faults;
mod hierarchy;
mod openapi;
mod routes;
mod states;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::peer::Peer;
use super::web::json as json_response;
use super::{body as incoming, host, refusals};
use crate::app::App;
use crate::identity::{Credential, SignInError};
use crate::journal::JournalEntry;
use crate::limits::JSON_BODY_BYTES;
use crate::operations::lfs::garbage;
use crate::registry::{ListPath, RegistryError};
use crate::state::{SavedError, StateError};

pub(super) fn router(app: Arc<App>) -> Router<Arc<App>> {
    let (mut open, mut closed) = (Router::new(), Router::new());
    for route in openapi::all_routes() {
        if route.is_open {
            open = open.route(route.path, route.serve);
        } else {
            closed = closed.route(route.path, route.serve);
        }
    }
    let open = open.route_layer(from_fn_with_state(app.clone(), own_host));
    open.merge(closed.route_layer(from_fn_with_state(app, guard)))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
}

/// The answer to an admin request that fails.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    field: Option<String>,
}

impl Failure {
    fn new(status: StatusCode, message: impl Into<String>, field: Option<&str>) -> Self {
        Self { status, message: message.into(), field: field.map(str::to_owned) }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let status = refusals::registry_status(&error);
        if status.is_server_error() {
            return Self::new(status, refusals::show_registry(&error).message, None);
        }
        let field = match &error {
            RegistryError::Exists { .. }
            | RegistryError::Name(_)
            | RegistryError::Saved(SavedError::Name) => Some("name"),
            RegistryError::Value { field, .. } => Some(*field),
            RegistryError::Key(_) => Some("key"),
            RegistryError::Import { .. } => Some("import"),
            _ => None,
        };
        let message = error.in_one_line();
        Self::new(status, message, field)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        RegistryError::State(error).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json_response(self.status, &json!({ "error": self.message, "field": self.field }))
    }
}

/// The header that names where a list goes on.
const CONTINUATION: &str = "x-ms-continuationtoken";

type Answer = Result<Response, Failure>;

/// An account, a project or a repository, and a member of a group there, as a path names them.
#[derive(Deserialize)]
struct Place {
    account: String,
    project: Option<String>,
    repo: Option<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    user: String,
}

impl Place {
    fn path(&self) -> ListPath<'_> {
        let (project, repo) = (self.project.as_deref(), self.repo.as_deref());
        ListPath { account: &self.account, project, repo, branch: None }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every handler ends in one of these")]
fn ok(value: &Value) -> Answer {
    Ok(json_response(StatusCode::OK, value))
}

#[expect(clippy::unnecessary_wraps, reason = "every handler ends in one of these")]
fn created(value: &Value) -> Answer {
    Ok(json_response(StatusCode::CREATED, value))
}

#[expect(clippy::unnecessary_wraps, reason = "every handler ends in one of these")]
fn done() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Reads a JSON body; what is wrong is told with the field's name.
async fn body<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, Failure> {
    let bytes = incoming::read(&app.budget, request.into_body(), JSON_BODY_BYTES)
        .await
        .map_err(|error| Failure::new(error.status(), error.to_string(), None))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = error.to_string();
        let field = message.split('`').nth(1).map(str::to_owned);
        Failure { status: StatusCode::BAD_REQUEST, message, field }
    })
}

async fn own_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if host::is_own(&app, request.headers()) { next.run(request).await } else { host::misdirected() }
}

async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = Peer::of(&request).0.ip();
    let credential = match request.headers().get(AUTHORIZATION) {
        None => Ok(Credential::None),
        Some(value) => Credential::parse(value.as_bytes()),
    };
    let verdict = credential.and_then(|credential| {
        app.authenticator.verify_admin(&app.admin_token, &credential, peer, app.clock.now())
    });
    match verdict {
        Ok(()) => next.run(request).await,
        Err(error @ SignInError::TooMany { retry_after }) => {
            let mut response =
                Failure::new(StatusCode::TOO_MANY_REQUESTS, error.to_string(), None).into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            response
        }
        Err(_) => {
            let message = "the admin API wants the admin token of the ready line, as Bearer";
            let mut response = Failure::new(StatusCode::UNAUTHORIZED, message, None).into_response();
            response
                .headers_mut()
                .insert("www-authenticate", HeaderValue::from_static("Bearer realm=\"admin\""));
            response
        }
    }
}

async fn health() -> Answer {
    ok(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

async fn nothing_here() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "the admin API has nothing at this address; see /_mock/openapi.json",
        None,
    )
}

async fn wrong_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address does not take that method; see /_mock/openapi.json",
        None,
    )
}

async fn sweep(State(app): State<Arc<App>>) -> Answer {
    let swept = garbage::sweep(&app).await?;
    ok(&json!({ "objects": swept.objects, "contents": swept.contents }))
}

async fn reset(State(app): State<Arc<App>>) -> Answer {
    let tokens = app.reset().await?;
    ok(&json!({ "tokens": tokens }))
}

#[derive(Deserialize)]
struct JournalQuery {
    #[serde(default)]
    after: u64,
    unknown: Option<bool>,
    kind: Option<String>,
    /// The most entries to return; all of them without it.
    #[serde(rename = "$top")]
    top: Option<usize>,
    /// The token from the header of the page before.
    #[serde(rename = "continuationToken", default)]
    continuation: u64,
}

async fn journal(State(app): State<Arc<App>>, Query(query): Query<JournalQuery>) -> Answer {
    let is_wanted = |entry: &JournalEntry| {
        query.unknown.is_none_or(|unknown| entry.is_unknown() == unknown)
            && query.kind.as_deref().is_none_or(|kind| entry.kind() == kind)
    };
    let after = query.after.max(query.continuation);
    let (entries, has_more) = app.journal.page(after, query.top.unwrap_or(usize::MAX), is_wanted);
    let next = entries.last().filter(|_| has_more).map(|entry| HeaderValue::from(entry.seq));
    let mut response = json_response(StatusCode::OK, &Entries { entries });
    if let Some(next) = next {
        response.headers_mut().insert(CONTINUATION, next);
    }
    Ok(response)
}

/// Written as it is: as a tree of JSON values it would take many times as much memory.
#[derive(Serialize)]
struct Entries {
    entries: Vec<JournalEntry>,
}

async fn deliveries(State(app): State<Arc<App>>) -> Answer {
    ok(&json!({ "deliveries": app.deliveries.list(None) }))
}

async fn clear_deliveries(State(app): State<Arc<App>>) -> Answer {
    app.deliveries.clear();
    done()
}

async fn clear_journal(State(app): State<Arc<App>>) -> Answer {
    app.journal.clear();
    done()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn an_error_of_the_server_says_what_can_be_done_and_shows_nothing_else() {
        let told = |error: RegistryError| {
            let failure = Failure::from(error);
            (failure.status.as_u16(), failure.message)
        };
        let (status, message) = told(RegistryError::Busy { requests: 3 });
        assert!(status == 503 && message.contains("3 requests"), "{status} {message}");
        let (status, message) = told(SavedError::TooMany.into());
        assert!(status == 507 && message.contains("DELETE /_mock/snapshots/NAME"), "{status} {message}");
        let (status, message) = told(SavedError::Damaged { path: PathBuf::from("x/memory.json") }.into());
        assert!(status == 500 && message.contains("x/memory.json"), "{status} {message}");
        let hidden = StateError::Row { what: "id", value: "secret".to_owned() };
        let (status, message) = told(hidden.into());
        assert!(status == 500 && !message.contains("secret"), "{status} {message}");
    }
}
