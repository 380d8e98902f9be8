//! Git LFS over HTTP: the batch API, objects, and locks, below `info/lfs` of every form of a repository's URL, with `.git`
//! at its end or without.
//!
//! Whoever has signed in gets an action for each object, with a grant for exactly that object in its header; a client may
//! also show its own credentials to an object's address, as the service allows. All URLs in answers begin with the address
//! of the listener, or with `--external-url`; the `Host` of a request is in none of them.

mod answer;
mod batch;
mod locks;
mod objects;
mod range;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode};
use lfs_wire::Oid;
use lfs_wire::batch::Operation;

use super::address::GitAddress;
use super::peer::{Journalled, Peer};
use super::{auth, host};
use crate::access::Principal;
use crate::app::App;
use crate::directory::Repo;
use crate::hosting::Names;
use crate::identity::SignInError;
use crate::identity::grant::Grant;
use crate::operations::lfs::{LfsRefused, find};
use answer::{Failure, check_json};

/// The address of a request below `info/lfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Batch,
    /// An object by its id, as it was asked.
    Object(&'a str),
    Verify,
    Locks,
    VerifyLocks,
    Unlock(&'a str),
}

impl<'a> Route<'a> {
    fn of(segments: &'a [String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match *segments.as_slice() {
            ["objects", "batch"] => Self::Batch,
            ["objects", "verify"] => Self::Verify,
            ["objects", oid] => Self::Object(oid),
            ["locks"] => Self::Locks,
            ["locks", "verify"] => Self::VerifyLocks,
            ["locks", id, "unlock"] => Self::Unlock(id),
            _ => return None,
        })
    }

    /// The right that a request takes; `None` if there is none with that method. For a batch its body says more.
    fn operation(self, method: &Method) -> Option<Operation> {
        match (self, method.as_str()) {
            (Self::Batch, "POST") | (Self::Object(_), "GET" | "HEAD") | (Self::Locks, "GET") => {
                Some(Operation::Download)
            }
            (Self::Object(_), "PUT")
            | (Self::Verify | Self::Locks | Self::VerifyLocks | Self::Unlock(_), "POST") => {
                Some(Operation::Upload)
            }
            _ => None,
        }
    }
}

/// A request of somebody who may make it.
struct Call<'a> {
    app: &'a Arc<App>,
    principal: Principal,
    /// The grant that was shown in the place of credentials.
    grant: Option<Grant>,
    repo: Repo,
    names: Names<'a>,
}

/// Answers a request below `info/lfs` of a repository.
pub(super) async fn serve(
    app: &Arc<App>,
    address: &GitAddress,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    journalled.service = Some("git-lfs");
    match attend(app, address, request, journalled).await {
        Ok(response) => response,
        Err(failure) => failure.response(app),
    }
}

async fn attend(
    app: &Arc<App>,
    address: &GitAddress,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Result<Response, Failure> {
    let Some(route) = address.lfs().and_then(Route::of) else {
        journalled.unknown = true;
        return Err(Failure::status(StatusCode::NOT_FOUND, "Git LFS has nothing at this address."));
    };
    let Some(operation) = route.operation(request.method()) else {
        return Err(Failure::status(
            StatusCode::METHOD_NOT_ALLOWED,
            "This address does not take that method.",
        ));
    };
    let (principal, grant) = sign_in(app, request.headers(), Peer::of(&request)).await?;
    if principal.is_anonymous() && !host::is_own(app, request.headers()) {
        let message = "This server does not go by that name, and shows nothing there without credentials.";
        return Err(Failure::status(StatusCode::UNAUTHORIZED, message));
    }
    journalled.user = (!principal.is_anonymous()).then(|| principal.name.clone());
    let names = Names { account: address.account.as_deref(), project: &address.project, repo: &address.repo };
    let repo = find(&app.state.directory(), &principal, names, operation)?;
    let call = Call { app, principal, grant, repo, names };
    if !matches!(route, Route::Object(_)) {
        check_json(&request)?;
    }
    match route {
        Route::Batch => batch::serve(&call, request).await,
        Route::Verify => objects::verify(&call, request).await,
        Route::Object(oid) => {
            let oid: Oid =
                oid.parse().map_err(|_| LfsRefused::Invalid("This is no object's id.".to_owned()))?;
            call.check_grant(operation, Some(oid))?;
            objects::serve(&call, oid, request).await
        }
        Route::Locks | Route::VerifyLocks | Route::Unlock(_) => {
            call.check_grant(operation, None)?;
            locks::serve(&call, route, request).await
        }
    }
}

/// Finds the principal of a request, by a grant or by credentials.
async fn sign_in(
    app: &Arc<App>,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<(Principal, Option<Grant>), Failure> {
    let refused = |error| Failure::SignIn(Box::new(auth::refuse(app, error)));
    if let Some(granted) = by_grant(app, headers) {
        let (principal, grant) = granted.map_err(refused)?;
        return Ok((principal, Some(grant)));
    }
    Ok((auth::sign_in(app, headers, peer.0.ip()).await.map_err(refused)?, None))
}

/// The principal of the grant that a request has in the place of credentials, if it has one.
pub(super) fn by_grant(app: &App, headers: &HeaderMap) -> Option<Result<(Principal, Grant), SignInError>> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let now = app.clock.now();
    let grant = app.grant_key.read(shown, now)?;
    Some(grant.and_then(|grant| Ok((grant.holder.principal(&app.state.directory(), now)?, grant))))
}

/// The answer to a request that fails before it is looked at.
pub(super) fn refuse(app: &App, status: StatusCode, message: &str) -> Response {
    Failure::status(status, message).response(app)
}

impl Call<'_> {
    /// Refuses a grant that was given for something else.
    fn check_grant(&self, operation: Operation, object: Option<Oid>) -> Result<(), Failure> {
        let Some(grant) = &self.grant else { return Ok(()) };
        let is_for_all = grant.object.is_none();
        let does = grant.operation == operation || (is_for_all && grant.operation == Operation::Upload);
        let is_of = is_for_all || grant.object.map(|(oid, _)| oid) == object;
        if grant.repo == self.repo.id && does && is_of {
            Ok(())
        } else {
            let message =
                "This credential was given for another request. Ask the batch API for one for this.";
            Err(Failure::status(StatusCode::FORBIDDEN, message))
        }
    }

    /// The size that the grant says the object has.
    fn granted_size(&self) -> Option<u64> {
        self.grant.as_ref()?.object.map(|(_, size)| size)
    }
}
