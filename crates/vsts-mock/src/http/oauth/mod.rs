//! Signing in for programs: the device code and token endpoints, in the shape of Azure Active Directory's, and the page
//! where the user types the code.
//!
//! Both generations are answered: `/TENANT/oauth2/devicecode` and `/TENANT/oauth2/token`, where numbers are texts, and
//! the same below `/TENANT/oauth2/v2.0/`. `/TENANT/oauth2/revoke` (RFC 7009) ends a session. The token of a session is
//! one of the user's tokens: good for the API, for the Experimentation service and for Git over HTTP.

mod page;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::host;
use super::peer::{Journalled, Peer};
use super::web::form::Form;
use super::web::{json as json_response, text};
use crate::app::App;
use crate::disk_full;
use crate::identity::device::{Asker, INTERVAL_SECONDS, LIFETIME_SECONDS, NotYet};
use crate::identity::{Secret, SignInError};
use crate::limits::DEVICE_NAME_CHARS;
use crate::operations::refused::Refused;
use crate::operations::tokens;

/// The lifetime of a session.
const SESSION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The endpoint that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    DeviceCode(Generation),
    Token(Generation),
    Revoke,
    Page,
}

/// Of which generation an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    V1,
    V2,
}

/// The endpoint at that path, if it is one.
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["devicelogin"] => Some(Endpoint::Page),
        [_, "oauth2", "devicecode"] => Some(Endpoint::DeviceCode(Generation::V1)),
        [_, "oauth2", "token"] => Some(Endpoint::Token(Generation::V1)),
        [_, "oauth2", "v2.0", "devicecode"] => Some(Endpoint::DeviceCode(Generation::V2)),
        [_, "oauth2", "v2.0", "token"] => Some(Endpoint::Token(Generation::V2)),
        [_, "oauth2", "revoke"] => Some(Endpoint::Revoke),
        _ => None,
    }
}

pub(super) async fn serve(
    app: &Arc<App>,
    endpoint: Endpoint,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    journalled.service = Some("sign-in");
    if !host::is_own(app, request.headers()) {
        return host::misdirected();
    }
    if endpoint == Endpoint::Page {
        return page::serve(app, request, journalled).await;
    }
    if request.method() != Method::POST {
        return oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            900_561,
            "The endpoint only accepts POST requests.",
        );
    }
    let peer = Peer::of(&request).0.ip();
    let (parts, body) = request.into_parts();
    let form = match Form::read(&app.budget, &parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return oauth_error(error.status(), "invalid_request", 900_144, &error.to_string()),
    };
    match endpoint {
        Endpoint::DeviceCode(generation) => device_code(app, generation, &form, peer),
        Endpoint::Token(generation) => token(app, generation, &form, peer, journalled).await,
        Endpoint::Revoke | Endpoint::Page => revoke(app, &form).await,
    }
}

fn device_code(app: &App, generation: Generation, form: &Form, peer: IpAddr) -> Response {
    if form.value("client_id").is_none() {
        let message = "The request body must contain the following parameter: 'client_id'.";
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", 900_144, message);
    }
    let device: String = form
        .value("device_name")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(DEVICE_NAME_CHARS)
        .collect();
    let Some(begun) = app.device_codes.begin(Asker { device, address: peer }, app.clock.now()) else {
        let mut response = oauth_error(
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            50_196,
            "Too many codes are out.",
        );
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(60));
        return response;
    };
    let page = format!("{}/devicelogin", app.base_url());
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {} to authenticate.",
        begun.user_code
    );
    let mut answer = json!({
        "user_code": begun.user_code,
        "device_code": begun.device_code.reveal(),
        "message": message,
    });
    let numbers = [("expires_in", LIFETIME_SECONDS), ("interval", INTERVAL_SECONDS)];
    for (name, number) in numbers {
        answer[name] = number_of(generation, number);
    }
    let name = if generation == Generation::V1 { "verification_url" } else { "verification_uri" };
    answer[name] = Value::from(page);
    no_store(json_response(StatusCode::OK, &answer))
}

async fn token(
    app: &Arc<App>,
    generation: Generation,
    form: &Form,
    peer: IpAddr,
    journalled: &mut Journalled,
) -> Response {
    match form.value("grant_type") {
        Some("device_code" | "urn:ietf:params:oauth:grant-type:device_code") => {}
        None => {
            let message = "The request body must contain the following parameter: 'grant_type'.";
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", 900_144, message);
        }
        Some(_) => {
            let message = "The app requested an unsupported grant type; this service knows 'device_code'.";
            return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, message);
        }
    }
    let Some(code) = form.value("device_code").or_else(|| form.value("code")) else {
        let message = "The request body must contain the following parameter: 'device_code'.";
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", 900_144, message);
    };
    let now = app.clock.now();
    let (error, number, message) = match app.device_codes.exchange(code, now) {
        Ok((user, asker)) => {
            return match session(app, user, &asker).await {
                Ok((name, value)) => {
                    journalled.user = Some(name);
                    no_store(json_response(StatusCode::OK, &token_answer(generation, value.reveal(), now)))
                }
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(error, "a session could not be made");
                    failed(error)
                }
            };
        }
        Err(NotYet::Pending) => ("authorization_pending", 70_016, "Pending end-user authorization."),
        Err(NotYet::SlowDown) => {
            ("slow_down", 70_016, "You are polling too quickly; wait five seconds more.")
        }
        Err(NotYet::Declined) => ("authorization_declined", 70_017, "The end user declined."),
        Err(NotYet::Expired) if generation == Generation::V1 => {
            ("code_expired", 70_019, "Verification code expired.")
        }
        Err(NotYet::Expired) => ("expired_token", 70_019, "Verification code expired."),
        Err(NotYet::Unknown) => {
            if let Err(SignInError::TooMany { retry_after }) = app.authenticator.may_try(peer, now) {
                return too_many(retry_after);
            }
            app.authenticator.failed(peer, now);
            ("bad_verification_code", 70_018, "The code is not one, or has been used.")
        }
    };
    oauth_error(StatusCode::BAD_REQUEST, error, number, message)
}

/// Somebody guesses codes. Programs that know nothing else of it wait longer between two questions.
fn too_many(retry_after: u64) -> Response {
    let message = format!("Too many codes that are none. Try again in {retry_after} seconds.");
    let mut response = oauth_error(StatusCode::TOO_MANY_REQUESTS, "slow_down", 90_055, &message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

async fn session(app: &App, user: Uuid, asker: &Asker) -> Result<(String, Secret), Refused> {
    let from = if asker.device.is_empty() { asker.address.to_string() } else { asker.device.clone() };
    tokens::create_session(app, user, &format!("Signed in on {from}"), SESSION).await
}

fn token_answer(generation: Generation, value: &str, now: Timestamp) -> Value {
    let mut answer = json!({ "token_type": "Bearer", "access_token": value });
    let seconds = SESSION.as_secs();
    let mut numbers = vec![("expires_in", seconds), ("ext_expires_in", seconds)];
    if generation == Generation::V1 {
        numbers.extend([("expires_on", now.as_second() + seconds), ("not_before", now.as_second())]);
        answer["resource"] = Value::from("https://management.core.windows.net/");
    } else {
        answer["scope"] = Value::from("https://management.core.windows.net/user_impersonation");
    }
    for (name, number) in numbers {
        answer[name] = number_of(generation, number);
    }
    answer
}

/// Answers an internal error, whose cause is for the log alone, unless the disk is full.
fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    let (status, message) = if disk_full::is_cause_of(error) {
        (StatusCode::INSUFFICIENT_STORAGE, disk_full::MESSAGE)
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    };
    oauth_error(status, "server_error", 90_033, message)
}

/// Ends the session of that token. The answer doesn't tell whether there was one.
async fn revoke(app: &Arc<App>, form: &Form) -> Response {
    if let Err(error) = tokens::end_session(app, form.value("token").unwrap_or_default()).await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::error!(error, "a session could not be ended");
        return failed(error);
    }
    no_store(text(StatusCode::OK, ""))
}

/// The first generation has its numbers as texts.
fn number_of(generation: Generation, number: i64) -> Value {
    match generation {
        Generation::V1 => Value::from(number.to_string()),
        Generation::V2 => Value::from(number),
    }
}

fn oauth_error(status: StatusCode, error: &str, number: u32, message: &str) -> Response {
    let answer = json!({
        "error": error,
        "error_description": format!("AADSTS{number}: {message}"),
        "error_codes": [number],
    });
    no_store(json_response(status, &answer))
}

fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("pragma", HeaderValue::from_static("no-cache"));
    response
}
