//! The `Authorization` header, and the answers when it does not do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::web::text;
use crate::access::Principal;
use crate::app::App;
use crate::directory::Directory;
use crate::identity::{Authenticator, Credential, SignInError};

/// Finds the principal of a request: the anonymous one, if it has no credential.
pub(crate) async fn sign_in(
    app: &Arc<App>,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Principal, SignInError> {
    let credential = match headers.get(AUTHORIZATION) {
        None => Credential::None,
        Some(value) => Credential::parse(value.as_bytes())?,
    };
    let (directory, now) = (app.state.directory(), app.clock.now());
    if Authenticator::takes_long(&directory, &credential) {
        return verify(app, directory, credential, peer).await;
    }
    let principal = app.authenticator.verify(&directory, &credential, peer, now)?;
    if let Some(token) = principal.token {
        app.uses.record(token, now);
    }
    Ok(principal)
}

/// Verifies a credential that may be a password. A few at once: each takes 19 MB and a processor for a moment.
pub(crate) async fn verify(
    app: &Arc<App>,
    directory: Arc<Directory>,
    credential: Credential,
    peer: IpAddr,
) -> Result<Principal, SignInError> {
    let permit = app.authenticator.passwords_at_once().acquire_owned().await;
    let (app, now) = (app.clone(), app.clock.now());
    let verdict = tokio::task::spawn_blocking(move || {
        let _held = permit;
        app.authenticator.verify(&directory, &credential, peer, now)
    });
    verdict.await.expect("verifying does not panic")
}

/// The answer to a failed sign-in.
pub(crate) fn refuse(app: &App, error: SignInError) -> Response {
    match error {
        SignInError::TooMany { retry_after } => {
            let mut response = text(StatusCode::TOO_MANY_REQUESTS, &error.to_string());
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            response
        }
        SignInError::Malformed | SignInError::Wrong | SignInError::Expired => {
            challenge(app, &error.to_string())
        }
    }
}

/// Asks for credentials.
pub(crate) fn challenge(app: &App, message: &str) -> Response {
    let mut response: Response<Body> = text(StatusCode::UNAUTHORIZED, message);
    let realm = app.base_url();
    for scheme in ["Basic", "Bearer"] {
        if let Ok(value) = HeaderValue::from_str(&format!("{scheme} realm=\"{realm}/\"")) {
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
    }
    response
}
