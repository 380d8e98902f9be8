//! Faults over HTTP: what a request in the table of faults gets in the place of its answer, or on the way to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;

use super::address::{self, Address};
use super::peer::{Broken, Peer};
use super::web::text;
use super::{auth, lfs, rest};
use crate::app::App;
use crate::faults::{Asked, Cutting, Fault, FaultKind};
use crate::identity::SignInError;
use crate::limits::FAULT_DRAIN_BYTES;

/// The resource and the requests in five minutes that a limit is told for.
const LIMIT: (&str, u64) = ("Concurrency", 200);
const LIMITED: &str = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource \
                       'Concurrency' in namespace 'User'.";

/// A fault that cuts the answer to a request, or its connection; most requests meet none.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// Bytes of the answer that may pass.
    after: Option<u64>,
    /// Set when the request's body is cut.
    is_cut: Option<Arc<AtomicBool>>,
}

impl Cut {
    /// Gives the answer as the client gets it.
    pub(super) fn apply(self, response: Response) -> Response {
        let Some(is_cut) = self.is_cut else { return response };
        if is_cut.load(Ordering::Acquire) {
            return broken();
        }
        response.map(|body| Body::new(Cutting::new(body, self.after, is_cut)))
    }
}

/// Lets a request go on, with the cut that it meets; or answers it, as the table of faults has it.
pub(super) async fn meet(app: &Arc<App>, request: Request<Body>) -> Result<(Request<Body>, Cut), Response> {
    if app.faults.is_empty() {
        return Ok((request, Cut::default()));
    }
    let (parts, body) = request.into_parts();
    let fault = find(app, &parts, body.size_hint().exact()).await;
    let request = Request::from_parts(parts, body);
    let Some(fault) = fault else { return Ok((request, Cut::default())) };
    let is_cut = Arc::new(AtomicBool::new(false));
    match fault.kind {
        FaultKind::CutRequest => {
            let cutting = |body| Body::new(Cutting::new(body, fault.after, is_cut.clone()));
            Ok((request.map(cutting), Cut { after: None, is_cut: Some(is_cut) }))
        }
        FaultKind::CutAnswer if fault.after == Some(0) => Err(broken()),
        FaultKind::CutAnswer => Ok((request, Cut { after: fault.after, is_cut: Some(is_cut) })),
        _ => {
            let response = refuse(app, &request, &fault);
            drain(request.into_body()).await;
            Err(response)
        }
    }
}

/// Takes the beginning of a body that nobody reads. The system would reset a connection that is closed on unread bytes, and the
/// client would not see the answer.
async fn drain(mut body: Body) {
    let mut left = FAULT_DRAIN_BYTES;
    while left > 0
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}

/// Waits as long as the table says, and gives the fault that a request meets then.
async fn find(app: &Arc<App>, request: &Parts, bytes: Option<u64>) -> Option<Fault> {
    let user = if app.faults.asks_for_users() { user(app, request).await } else { None };
    let fate = app.faults.of_request(&Asked {
        method: Some(request.method.as_str()),
        path: request.uri.path(),
        user: user.as_deref(),
        bytes,
    });
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    fate.fault
}

/// The user whose credentials a request has.
async fn user(app: &Arc<App>, request: &Parts) -> Option<String> {
    let peer = request.extensions.get::<Peer>()?;
    let principal = match lfs::by_grant(app, &request.headers) {
        Some(granted) => granted.ok()?.0,
        None => auth::sign_in(app, &request.headers, peer.0.ip()).await.ok()?,
    };
    (!principal.is_anonymous()).then_some(principal.name)
}

fn broken() -> Response {
    let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, "");
    response.extensions_mut().insert(Broken);
    response
}

/// The error that a fault answers with, in the form that clients of the address read.
fn refuse(app: &Arc<App>, request: &Request<Body>, fault: &Fault) -> Response {
    let (status, message) = match fault.kind {
        FaultKind::ExpiredToken => (StatusCode::UNAUTHORIZED, SignInError::Expired.to_string()),
        FaultKind::RateLimit => (StatusCode::TOO_MANY_REQUESTS, LIMITED.to_owned()),
        _ => {
            let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, status.canonical_reason().unwrap_or("error").to_owned())
        }
    };
    let message = fault.message.as_ref().unwrap_or(&message);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let mut response = match address::parse(host, request.uri().path(), app.own_host()) {
        Address::Git(address) if address.lfs().is_some() => lfs::refuse(app, status, message),
        _ if status == StatusCode::UNAUTHORIZED => auth::challenge(app, message),
        Address::Rest { .. } => rest::refuse(status, message),
        _ => text(status, message),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = fault.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if fault.kind == FaultKind::RateLimit {
        let seconds = fault.retry_after.unwrap_or_default();
        let reset = app.clock.now().as_second().unsigned_abs() + seconds;
        headers.insert("x-ratelimit-resource", HeaderValue::from_static(LIMIT.0));
        headers.insert("x-ratelimit-delay", HeaderValue::from(seconds));
        headers.insert("x-ratelimit-limit", HeaderValue::from(LIMIT.1));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    }
    response
}
