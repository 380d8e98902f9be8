//! The REST API of VSTS: discovery, projects, repositories and what is in them, users' tokens and keys.
//!
//! A request finds its resource in the table of [`locations`], its version is negotiated, and the module of that
//! resource answers. Shapes and messages are the service's own. What is not here answers as the service answers for
//! addresses that it does not know, and is marked in the journal. Who may do what is asked of [`crate::access`]; what
//! somebody may not see answers as what does not exist.

mod body;
mod connection;
mod failure;
mod forks;
mod git;
mod locations;
mod operations;
mod pats;
mod processes;
mod profile;
mod projects;
mod query;
mod reply;
mod repositories;
mod security;
mod shape;
mod subjects;
mod teams;
mod tokens;
mod version;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use super::address::{self, GitAddress};
use super::auth;
use super::peer::{Journalled, Peer};
use super::web::text;
use crate::access::{Principal, Refusal};
use crate::app::App;
use crate::directory::{Account, Directory, Project};
use crate::operations::scope::Scope;
use body::{models, read};
use failure::Failure;
use locations::Route;
use query::Query;
use reply::{Outcome, Reply};

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
        return unknown(&path);
    };
    let version = match version::negotiate(app.profile, &route, &parts.method, &query, &parts.headers) {
        Ok(version) => version,
        Err(failure) => return reply::respond(Err(failure), ""),
    };
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let call = Call {
        app,
        principal,
        account: account.unwrap_or_default(),
        project: project.or_else(|| route.project().map(str::to_owned)),
        host,
        headers: parts.headers,
        query,
    };
    let raw_query = parts.uri.query().unwrap_or_default();
    let Some(outcome) = call.dispatch(parts.method, route, raw_query, body).await else {
        journalled.unknown = true;
        return unknown(&path);
    };
    reply::respond(outcome, &version)
}

fn unknown(path: &str) -> Response {
    let message =
        format!("The controller for path '{path}' was not found or does not implement IController.");
    text(StatusCode::NOT_FOUND, &message)
}

/// Who asks for it without credentials is told so, and not turned away.
fn is_connection_data(rest: &[String]) -> bool {
    matches!(rest, [only] if only.eq_ignore_ascii_case("connectionData"))
}

type Answer = Result<(StatusCode, Value), Failure>;

/// One request by somebody, to one account.
struct Call<'a> {
    app: &'a Arc<App>,
    principal: Principal,
    account: String,
    project: Option<String>,
    host: Option<String>,
    headers: HeaderMap,
    query: Query,
}

impl Call<'_> {
    /// `None` for what is not here.
    async fn dispatch(&self, method: Method, route: Route, raw_query: &str, body: Body) -> Option<Outcome> {
        let resource = route.resource();
        let resource = resource.as_str();
        if (resource.starts_with("token/") || resource.starts_with("tokens/"))
            && let Some(failure) = self.hidden_account()
        {
            return Some(Err(failure));
        }
        let id = route.value("authorizationId");
        let answer: Answer = match (&method, resource) {
            (&Method::GET, "location/connectiondata") => {
                connection::data(&self.app.state.directory(), &self.principal, Some(&self.account))
            }
            (&Method::GET, "location/resourceareas") => Ok(self.resource_areas(route.value("areaId"))),
            (&Method::GET, "token/sessiontokens") => match id {
                None => self.session_tokens(raw_query),
                Some(id) => self.session_token(id),
            },
            (&Method::POST, "token/sessiontokens") => self.create_session_token(raw_query, body).await,
            (&Method::DELETE, "token/sessiontokens") if let Some(id) = id => {
                self.delete_session_token(id).await
            }
            (_, "tokens/pats") => return self.pats(&method, route.value("id"), body).await,
            (_, "core/projects") => return projects::answer(self, &method, &route, body).await,
            (_, "core/teams" | "core/members") => return teams::answer(self, &method, &route),
            (_, "core/processes") => return processes::answer(self, &method, &route),
            (&Method::GET, "core/projectcollections") => {
                return Some(self.collections(route.value("collectionId")));
            }
            (&Method::GET, "profile/profiles") => {
                return Some(profile::show(self, route.value("id").unwrap_or("me")));
            }
            (&Method::GET, "operations/operations") => {
                return Some(operations::show(self, route.value("operationId").unwrap_or_default()));
            }
            (
                _,
                "git/repositories" | "git/deletedrepositories" | "git/recyclebinrepositories" | "git/forks",
            ) => {
                return repositories::answer(self, &method, &route, body).await;
            }
            _ if resource.starts_with("security/") => {
                return security::answer(self, &method, &route, body).await;
            }
            _ if resource.starts_with("ims/") || resource.starts_with("graph/") => {
                return subjects::answer(self, &method, &route, body).await;
            }
            _ if resource.starts_with("git/") => return git::answer(self, &method, route, body).await,
            _ => return None,
        };
        Some(answer.map(Reply::from))
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

    /// Why the account that the URL names cannot be spoken of, if it names one and it cannot.
    fn hidden_account(&self) -> Option<Failure> {
        if self.account.is_empty() { None } else { self.account(&self.app.state.directory()).err() }
    }

    /// What URLs in the account begin with: the form in which the client itself came.
    fn base(&self, account: &Account) -> String {
        let host = self.host.as_deref();
        match (host, address::account_of_host(host, self.app.own_host())) {
            (Some(host), Some(_)) => {
                let scheme = self.app.base_url().split("://").next().unwrap_or("http");
                format!("{scheme}://{host}")
            }
            _ => format!("{}/{}", self.app.base_url(), account.name),
        }
    }

    /// Every area is served where the account is, or at the server's own address.
    fn resource_areas(&self, id: Option<&str>) -> (StatusCode, Value) {
        let directory = self.app.state.directory();
        let base = match self.account(&directory) {
            Ok(account) => self.base(account),
            Err(_) => self.app.base_url().to_owned(),
        };
        (StatusCode::OK, locations::areas(self.app.profile, &base, id))
    }

    /// An account has one collection, which is itself.
    fn collections(&self, id: Option<&str>) -> Outcome {
        let directory = self.app.state.directory();
        let account = self.account(&directory)?;
        let collection = shape::collection(&self.base(account), account);
        match id {
            None => Ok(Reply::ok(shape::list(std::iter::once(collection)))),
            Some(id)
                if id.eq_ignore_ascii_case(&account.id.to_string())
                    || id.eq_ignore_ascii_case(&account.name)
                    || id.eq_ignore_ascii_case("DefaultCollection") =>
            {
                Ok(Reply::ok(collection))
            }
            Some(id) => Err(Failure::not_found(
                "CollectionDoesNotExistException",
                format!("The collection {} does not exist.", failure::shown(id)),
            )),
        }
    }
}
