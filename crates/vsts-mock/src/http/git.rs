//! Git's smart protocol over HTTP: who asks, for which repository, and may they; then the engine.

use std::io::{BufRead, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use git_wire::{Error, Service};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};

use super::address::{GitAddress, GitTail};
use super::bridge::{self, Intake};
use super::peer::{Journalled, Peer};
use super::web::text;
use super::{auth, body as incoming, host};
use crate::access::{Principal, Refusal};
use crate::admission::Client;
use crate::app::App;
use crate::directory::Repo;
use crate::disk_full;
use crate::hosting::{GitRefusal, Names, Session, admit};
use crate::limits::FETCH_REQUEST_BYTES;

const UNREAD: &str = "The request's body could not be read.";
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
    if principal.is_anonymous() && !host::is_own(app, request.headers()) {
        let message = "This server does not go by that name, and shows nothing there without credentials.";
        return auth::challenge(app, message);
    }
    journalled.user = (!principal.is_anonymous()).then(|| principal.name.clone());
    let directory = app.state.directory();
    let is_advertisement = address.tail == GitTail::InfoRefs;
    let names = Names { account: address.account.as_deref(), project: &address.project, repo: &address.repo };
    let repo = match admit(&directory, &principal, names, service) {
        Ok(repo) => repo,
        Err(refusal) => return refuse(app, &refusal, service, is_advertisement),
    };
    let protocol =
        request.headers().get("git-protocol").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let client = Client::of(principal.user, peer.0.ip());
    let call =
        Call { app, protocol: protocol.to_owned(), client, principal, repo, service, address: &address };
    let answered = if is_advertisement { call.advertise().await } else { call.respond(request).await };
    answered.unwrap_or_else(|response| *response)
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
        GitTail::Lfs(_) | GitTail::Page | GitTail::Other(_) => refuse(StatusCode::NOT_FOUND, DUMB),
    }
}

/// The answer to a conversation that does not begin.
fn refuse(app: &App, refusal: &GitRefusal, service: Service, is_advertisement: bool) -> Response {
    let message = refusal.to_string();
    match refusal {
        GitRefusal::Access(Refusal::SignInRequired | Refusal::Revoked { .. }) => {
            auth::challenge(app, &message)
        }
        GitRefusal::NoRepository { .. } => text(StatusCode::NOT_FOUND, &message),
        GitRefusal::Access(_) if is_advertisement && service == Service::ReceivePack => {
            text(StatusCode::FORBIDDEN, &denied_advertisement(&message))
        }
        GitRefusal::Access(_)
        | GitRefusal::NameNotUtf8
        | GitRefusal::NameTooLong
        | GitRefusal::Stale
        | GitRefusal::Fault(_) => text(StatusCode::FORBIDDEN, &message),
        GitRefusal::Busy(_) => text(StatusCode::SERVICE_UNAVAILABLE, &message),
    }
}

/// The service's own answer to a push that is not allowed: the message as a packet line and again as it is.
fn denied_advertisement(message: &str) -> String {
    format!("001f# service=git-receive-pack\n00000000{:04x}{message}\n{message}", message.len() + 5)
}

/// A request of somebody who may make it.
struct Call<'a> {
    app: &'a Arc<App>,
    /// The header `Git-Protocol`.
    protocol: String,
    client: Client,
    principal: Principal,
    repo: Repo,
    service: Service,
    address: &'a GitAddress,
}

/// The answer; boxed where the request is turned down.
type Answered = Result<Response, Box<Response>>;

impl Call<'_> {
    /// Begins the conversation, when its request is here, or the first bytes of a push are.
    async fn begin(&self) -> Result<Session, Box<Response>> {
        let (principal, repo) = (self.principal.clone(), self.repo.clone());
        Session::begin(self.app, principal, repo, self.service, &self.protocol, self.client)
            .await
            .map_err(|busy| Box::new(refuse(self.app, &busy.into(), self.service, false)))
    }

    async fn advertise(&self) -> Answered {
        let session = self.begin().await?;
        let service = self.service;
        if session.advertises_at_once() {
            let mut body = Vec::new();
            return Ok(match session.advertise(&mut body) {
                Ok(()) => git_response(service, "advertisement", Body::from(body)),
                Err(error) => failed(&error, self.address),
            });
        }
        let _gone = session.turn().interrupt().set_on_drop();
        let working = tokio::task::spawn_blocking(move || {
            let mut body = Vec::new();
            session.advertise(&mut body).map(|()| body)
        });
        match working.await {
            Ok(Ok(body)) => Ok(git_response(service, "advertisement", Body::from(body))),
            Ok(Err(error)) => Ok(failed(&error, self.address)),
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        }
    }

    async fn respond(&self, request: Request<Body>) -> Answered {
        let is_gzip = self.check_type(&request)?;
        let body = request.into_body();
        let outcome = if self.service == Service::UploadPack {
            let whole = incoming::read(&self.app.budget, body, FETCH_REQUEST_BYTES).await;
            let whole = whole.map_err(|error| Box::new(text(error.status(), &error.to_string())))?;
            let session = self.begin().await?;
            if !is_gzip && session.responds_at_once(&whole) {
                bridge::run_at_once(&whole, |reader, writer| converse(&session, reader, writer))
            } else {
                let intake = Intake { is_gzip, limit: FETCH_REQUEST_BYTES as u64 };
                let (turn, body) = (session.turn().clone(), Body::from(whole.bytes));
                let permit = whole.permit;
                bridge::run(body, intake, turn, move |reader, writer| {
                    let _held = permit;
                    converse(&session, reader, writer)
                })
                .await
            }
        } else {
            let unread = |_| Box::new(text(StatusCode::BAD_REQUEST, UNREAD));
            let body = bridge::begun(body).await.map_err(unread)?;
            let session = self.begin().await?;
            let limit = session.limits().max_pack_bytes.saturating_add(FETCH_REQUEST_BYTES as u64);
            let (intake, turn) = (Intake { is_gzip, limit }, session.turn().clone());
            bridge::run(body, intake, turn, move |reader, writer| converse(&session, reader, writer)).await
        };
        Ok(match outcome {
            Ok(body) => git_response(self.service, "result", body),
            Err(error) => failed(&error, self.address),
        })
    }

    /// Returns whether the body is compressed, if it is of the kind that the service takes.
    fn check_type(&self, request: &Request<Body>) -> Result<bool, Box<Response>> {
        let headers = request.headers();
        let refuse = |message: &str| Err(Box::new(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)));
        let expected = format!("application/x-{}-request", self.service);
        if headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
            return refuse(&format!("The request's content type has to be {expected}."));
        }
        match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"" | b"identity") => Ok(false),
            Some(b"gzip" | b"x-gzip") => Ok(true),
            Some(_) => refuse("The request's content encoding has to be gzip, or none."),
        }
    }
}

fn converse(session: &Session, reader: &mut dyn BufRead, writer: &mut dyn Write) -> Result<(), Error> {
    match session.respond(reader, writer) {
        Ok(summary) => {
            tracing::debug!(?summary, "served");
            Ok(())
        }
        Err(error) => {
            tracing::info!(%error, "ended early");
            Err(error)
        }
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
    let message = error.message_to_peer().unwrap_or_else(|| UNREAD.to_owned());
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
