//! The REST API of VSTS: discovery, projects, repositories and what is in them, users' tokens and keys.
//!
//! A request finds its resource in the table of [`locations`], its version is negotiated, and the module of that
//! resource answers. Shapes and messages are the service's own. What is not here answers as the service answers for
//! addresses that it does not know, and is marked in the journal. Who may do what is asked of [`crate::access`]; what
//! somebody may not see answers as what does not exist.

mod accounts;
mod body;
mod connection;
mod failure;
mod favorites;
mod forks;
mod git;
mod hooks;
mod locations;
mod operations;
mod pats;
mod policy;
mod processes;
mod profile;
mod projects;
mod query;
mod reply;
mod repositories;
mod routes;
mod security;
mod shape;
mod subjects;
mod teams;
mod tokens;
mod version;
mod work;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, Method, Request, StatusCode};

use super::address::GitAddress;
use super::auth;
use super::peer::{Journalled, Peer};
use super::web::text;
use crate::access::{Principal, Refusal, widened};
use crate::app::App;
use crate::directory::{Account, Directory, Project};
use crate::operations::scope::Scope;
use crate::service_hosts;
use failure::Failure;
pub(crate) use hooks::keep_telling;
use locations::Values;
use query::Query;
use reply::Reply;

/// Answers a request below `_apis`.
pub(super) async fn serve(
    app: &Arc<App>,
    account: Option<String>,
    project: Option<String>,
    rest: Vec<String>,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    let headers = request.headers().clone();
    let mut principal = None;
    let mut response = answer(app, account, project, &rest, request, journalled, &mut principal).await;
    reply::sign(&mut response, &headers, &app.state.directory(), principal.as_ref());
    response
}

/// Answers `CLONE_URL/vsts/info`: where the repository of a clone URL stands in the REST API.
pub(super) async fn info(
    app: &Arc<App>,
    address: GitAddress,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    let principal = match auth::sign_in(app, request.headers(), Peer::of(&request).0.ip()).await {
        Ok(principal) => principal,
        Err(error) => return auth::refuse(app, error),
    };
    if principal.is_anonymous() {
        return auth::challenge(app, &Refusal::SignInRequired.to_string());
    }
    journalled.user = Some(principal.name.clone());
    let (parts, _) = request.into_parts();
    let call = Call {
        app,
        principal,
        account: address.account.unwrap_or_default(),
        project: Some(address.project),
        host: parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned),
        headers: parts.headers,
        query: Query::default(),
        values: Values::default(),
    };
    let directory = app.state.directory();
    let mut response = reply::respond(repositories::info(&call, &directory, &address.repo), "");
    reply::sign(&mut response, &call.headers, &directory, Some(&call.principal));
    response
}

async fn answer(
    app: &Arc<App>,
    account: Option<String>,
    project: Option<String>,
    rest: &[String],
    request: Request<Body>,
    journalled: &mut Journalled,
    known: &mut Option<Principal>,
) -> Response {
    if request.method() == Method::OPTIONS {
        let area = rest.first().map(String::as_str);
        return reply::respond(Ok(Reply::ok(locations::options(app.profile, area))), "");
    }
    let principal = match auth::sign_in(app, request.headers(), Peer::of(&request).0.ip()).await {
        Ok(principal) if principal.is_anonymous() && !is_connection_data(rest) => {
            return auth::challenge(app, &Refusal::SignInRequired.to_string());
        }
        Ok(principal) => principal,
        Err(error) => return auth::refuse(app, error),
    };
    *known = Some(principal.clone());
    journalled.user = Some(principal.name.clone());
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let Some(route) = locations::find(app.profile, project.is_some(), rest) else {
        journalled.unknown = true;
        return match rest.first() {
            Some(area) if locations::is_of_another_host(app.profile, area) => {
                not_implemented(&parts.method, &path)
            }
            _ => unknown(&path),
        };
    };
    let version =
        match version::negotiate(app.profile, &route.supported, &parts.method, &query, &parts.headers) {
            Ok(version) => version,
            Err(failure) => return reply::respond(Err(failure), ""),
        };
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let (area, row) = (
        route.area(),
        routes::find(&route.resource(), &parts.method, |name| route.values.contains_key(name)),
    );
    let principal = match routes::narrow_scope(&route.resource()) {
        Some(what) => widened(&app.state.directory(), principal, what),
        None => principal,
    };
    let call = Call {
        app,
        principal,
        account: account.unwrap_or_default(),
        project: project.or_else(|| route.project().map(str::to_owned)),
        host,
        headers: parts.headers,
        query,
        values: route.values,
    };
    if let Err(failure) = call.check(&area) {
        return reply::respond(Err(failure), &version);
    }
    let Some(row) = row else {
        journalled.unknown = true;
        return not_implemented(&parts.method, &path);
    };
    reply::respond(row.answer(call, body).await, &version)
}

/// The answer to a request that fails before it is looked at.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    reply::respond(Err(Failure::new(status, "RequestBlockedException", message)), "")
}

fn unknown(path: &str) -> Response {
    let message =
        format!("The controller for path '{path}' was not found or does not implement IController.");
    text(StatusCode::NOT_FOUND, &message)
}

/// The answer for a method of a resource that the service has and this server has not. A client that takes 404 for an empty
/// result, as Node's SDK does, fails loudly this way.
fn not_implemented(method: &Method, path: &str) -> Response {
    let message = format!(
        "vsts-mock does not implement {method} {path}, which the service does. GET /_mock/journal?unknown=true lists such requests."
    );
    reply::respond(Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", &message)), "")
}

/// Returns whether a request is for connection data, which a caller without credentials gets, too.
fn is_connection_data(rest: &[String]) -> bool {
    matches!(rest, [only] if only.eq_ignore_ascii_case("connectionData"))
}

/// One request by somebody, to one account.
struct Call<'a> {
    app: &'a Arc<App>,
    principal: Principal,
    account: String,
    project: Option<String>,
    host: Option<String>,
    headers: HeaderMap,
    query: Query,
    /// The values in the path.
    values: Values,
}

impl Call<'_> {
    /// Checks the conditions that hold for all resources of an area, whatever the method.
    fn check(&self, area: &str) -> Result<(), Failure> {
        match area {
            "token" | "tokens" if !self.account.is_empty() => {
                self.account(&self.app.state.directory()).map(|_| ())
            }
            "ims" | "graph" | "memberentitlementmanagement" => subjects::check(self),
            _ => Ok(()),
        }
    }

    /// A value in the path, by its name in the template.
    fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value in the path that the row of the handler requires, or that every path of the resource has.
    fn part(&self, name: &str) -> &str {
        self.value(name).unwrap_or_default()
    }

    /// The repository that the path names.
    fn repository(&self) -> &str {
        self.value("repositoryId").unwrap_or_else(|| self.part("repositoryNameOrId"))
    }

    /// The caller, and the account and the project that the URL names.
    fn scope(&self) -> Scope<'_> {
        Scope { principal: &self.principal, account: &self.account, project: self.project.as_deref() }
    }

    /// The account, if the caller may know of it.
    fn account<'w>(&self, directory: &'w Directory) -> Result<&'w Account, Failure> {
        Ok(self.scope().account(directory)?)
    }

    /// The project of that name or id, if the caller may know of it.
    fn project<'w>(&self, directory: &'w Directory, name: &str) -> Result<&'w Project, Failure> {
        Ok(self.scope().named_project(directory, name)?)
    }

    /// The base of URLs in the account, in the form of the client's own request.
    fn base(&self, account: &Account) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        match service_hosts::account(host, self.app.own_host()) {
            Some(_) => format!("{}://{host}", self.scheme()),
            None => self.base_of(&account.name),
        }
    }

    /// The same for an account that need not be the one of the request's host.
    fn base_of(&self, account: &str) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        if let Some(authority) = service_hosts::organisations(host) {
            return format!("{}://{authority}/{account}", self.scheme());
        }
        format!("{}/{account}", self.app.base_url())
    }

    fn scheme(&self) -> &str {
        self.app.base_url().split("://").next().unwrap_or("http")
    }
}
