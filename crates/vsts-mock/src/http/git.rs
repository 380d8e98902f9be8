//! Git's smart protocol over HTTP: who asks, for which repository, and may they; then the engine.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use git_wire::{Error, Service};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use tokio::time::timeout;

use super::address::{GitAddress, GitTail};
use super::bridge::{self, Intake, Outcome};
use super::{Journalled, Peer, auth, text};
use crate::access::{Refusal, repository_not_found};
use crate::app::App;
use crate::disk_full;
use crate::hosting::{Names, Session, admit};

/// Bytes that a fetch's request may have.
const LARGEST_FETCH_REQUEST: u64 = 64 << 20;
/// How long a fetch's request may take to arrive.
const FETCH_REQUEST_DEADLINE: Duration = Duration::from_mins(2);
/// How long a request waits while too many others are served.
const QUEUE_DEADLINE: Duration = Duration::from_secs(30);

const DUMB: &str = "This server speaks Git's smart HTTP protocol only. Use git 1.6.6 or newer, and check that nothing \
                    between you and the server takes away the query '?service=git-upload-pack'.";

/// Answers a request below a repository's URL.
pub(crate) async fn serve(
    app: &Arc<App>,
    address: GitAddress,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    let service = match requested_service(&address.tail, request.method(), request.uri().query()) {
        Ok(service) => service,
        Err(response) => return *response,
    };
    journalled.service = Some(service.as_str());
    let peer = Peer::of(&request);
    let principal = match auth::sign_in(app, request.headers(), peer.0.ip()).await {
        Ok(principal) => principal,
        Err(error) => return auth::refuse(app, error),
    };
    journalled.user = (!principal.is_anonymous()).then(|| principal.name.clone());
    let world = app.state.world();
    let is_advertisement = address.tail == GitTail::InfoRefs;
    let names = Names { account: address.account.as_deref(), project: &address.project, repo: &address.repo };
    let repo = match admit(&world, &principal, names, service) {
        Ok(repo) => repo,
        Err(refusal) => return refuse(app, &refusal, &address.repo, service, is_advertisement),
    };
    let Ok(Ok(permit)) = timeout(QUEUE_DEADLINE, app.git_permits.clone().acquire_owned()).await else {
        let mut response =
            text(StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again in a moment.");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    let asked =
        request.headers().get("git-protocol").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session = Session::new(app, principal, repo, service, asked, permit);
    if is_advertisement {
        advertise(session, service, &address).await
    } else {
        respond(session, service, &address, request).await
    }
}

fn requested_service(tail: &GitTail, method: &Method, query: Option<&str>) -> Result<Service, Box<Response>> {
    let refuse = |status, message: &str| Err(Box::new(text(status, message)));
    let wrong_method = "This address does not take that method.";
    match tail {
        GitTail::InfoRefs if method != Method::GET => refuse(StatusCode::METHOD_NOT_ALLOWED, wrong_method),
        GitTail::InfoRefs => {
            let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .find_map(|(key, value)| (key == "service").then(|| value.into_owned()));
            match asked {
                None => refuse(StatusCode::FORBIDDEN, DUMB),
                Some(name) => name.parse().or_else(|_| {
                    refuse(
                        StatusCode::FORBIDDEN,
                        "The server has the services git-upload-pack and git-receive-pack.",
                    )
                }),
            }
        }
        GitTail::UploadPack | GitTail::ReceivePack if method != Method::POST => {
            refuse(StatusCode::METHOD_NOT_ALLOWED, wrong_method)
        }
        GitTail::UploadPack => Ok(Service::UploadPack),
        GitTail::ReceivePack => Ok(Service::ReceivePack),
        GitTail::Page | GitTail::Other(_) => refuse(StatusCode::NOT_FOUND, DUMB),
    }
}

fn refuse(app: &App, refusal: &Refusal, asked: &str, service: Service, is_advertisement: bool) -> Response {
    match refusal {
        Refusal::SignInRequired | Refusal::Revoked { .. } => auth::challenge(app, &refusal.to_string()),
        Refusal::Invisible => text(StatusCode::NOT_FOUND, &repository_not_found(asked)),
        Refusal::Lacks { .. }
        | Refusal::TokenScope { .. }
        | Refusal::LacksRole { .. }
        | Refusal::TokenUse { .. }
        | Refusal::Locked { .. }
        | Refusal::ServerOwned => {
            let message = refusal.to_string();
            let body = if is_advertisement && service == Service::ReceivePack {
                denied_advertisement(&message)
            } else {
                message
            };
            text(StatusCode::FORBIDDEN, &body)
        }
    }
}

/// The service's own answer to a push that is not allowed: the message as a packet line and again as it is.
fn denied_advertisement(message: &str) -> String {
    format!("001f# service=git-receive-pack\n00000000{:04x}{message}\n{message}", message.len() + 5)
}

async fn advertise(session: Session, service: Service, address: &GitAddress) -> Response {
    if session.advertises_at_once() {
        let mut body = Vec::new();
        return match session.advertise(&mut body) {
            Ok(()) => git_response(service, "advertisement", Body::from(body)),
            Err(error) => failed(&error, address),
        };
    }
    let working = tokio::task::spawn_blocking(move || {
        let mut body = Vec::new();
        session.advertise(&mut body).map(|()| body)
    });
    match working.await {
        Ok(Ok(body)) => git_response(service, "advertisement", Body::from(body)),
        Ok(Err(error)) => failed(&error, address),
        Err(join) => std::panic::resume_unwind(join.into_panic()),
    }
}

async fn respond(
    session: Session,
    service: Service,
    address: &GitAddress,
    request: Request<Body>,
) -> Response {
    let headers = request.headers();
    let expected = format!("application/x-{service}-request");
    if headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
        return text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &format!("The request's content type has to be {expected}."),
        );
    }
    let is_gzip = match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => {
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request's content encoding has to be gzip, or none.",
            );
        }
    };
    let (limit, deadline) = match service {
        Service::UploadPack => (LARGEST_FETCH_REQUEST, FETCH_REQUEST_DEADLINE),
        Service::ReceivePack => {
            let limits = session.limits();
            (limits.max_pack_bytes.saturating_add(LARGEST_FETCH_REQUEST), limits.max_duration)
        }
    };
    let intake = Intake { is_gzip, limit, deadline };
    let is_small = !is_gzip && service == Service::UploadPack && bridge::is_small(headers);
    let mut body = request.into_body();
    let mut at_once = None;
    if is_small {
        let Some(whole) = bridge::take_in(body, deadline).await else {
            return text(StatusCode::BAD_REQUEST, "The request's body could not be read.");
        };
        at_once = session.responds_at_once(&whole).then(|| whole.clone());
        body = Body::from(whole);
    }
    let work = move |reader: &mut dyn BufRead, writer: &mut dyn Write| match session.respond(reader, writer) {
        Ok(summary) => {
            tracing::debug!(?summary, "served");
            Ok(())
        }
        Err(error) => {
            tracing::info!(%error, "ended early");
            Err(error)
        }
    };
    let outcome = match at_once {
        Some(whole) => bridge::run_at_once(&whole, work),
        None => bridge::run(body, intake, work).await,
    };
    match outcome {
        Outcome::Answer(body) => git_response(service, "result", body),
        Outcome::Failed(error) => failed(&error, address),
    }
}

fn git_response(service: Service, kind: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&format!("application/x-{service}-{kind}"));
    headers.insert(CONTENT_TYPE, content_type.expect("services' names are header values"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
    headers.insert("expires", HeaderValue::from_static("-1"));
    headers.insert("pragma", HeaderValue::from_static("no-cache"));
    response
}

/// The answer to what failed before anything was written.
fn failed(error: &Error, address: &GitAddress) -> Response {
    if disk_full::is_cause_of(error) {
        tracing::error!(repo = %address.repo, err = %error, "the disk is full");
        return text(StatusCode::INSUFFICIENT_STORAGE, disk_full::MESSAGE);
    }
    let status = match error {
        Error::Denied(_) => StatusCode::FORBIDDEN,
        Error::Unfit(_) | Error::Protocol(_) | Error::NotOurRef(_) | Error::Io(_) => StatusCode::BAD_REQUEST,
        Error::Limit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::DiskFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
        Error::Repository(_) | Error::Pack(_) | Error::Refs(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(repo = %address.repo, err = %error, cause = ?std::error::Error::source(error), "cannot serve");
    }
    let message =
        error.message_to_peer().unwrap_or_else(|| "The request's body could not be read.".to_owned());
    text(status, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_push_is_worded_as_the_service_words_it() {
        let message = "TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: \
                       identity 'bob', scope 'repository'.";
        let length = format!("{:04x}", message.len() + 5);
        assert_eq!(
            denied_advertisement(message),
            format!("001f# service=git-receive-pack\n00000000{length}{message}\n{message}")
        );
    }
}
