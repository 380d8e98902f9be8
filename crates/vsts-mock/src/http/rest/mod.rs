//! The REST API of VSTS: for now, the part with which projects and repositories are listed, read and made, and users look
//! after their tokens and keys.
//!
//! Shapes and messages are the service's own. What is not here yet answers as the service answers for addresses that it
//! does not know, and is marked in the journal.

mod connection;
mod failure;
mod shape;
mod tokens;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{Method, Request, StatusCode};
use serde_json::Value;

use super::{Journalled, Peer, auth, json as json_response, text};
use crate::access::{Permission, Principal, Refusal, Target, authorize, can_see};
use crate::app::App;
use crate::registry::{RegistryError, RepoInput};
use crate::world::{Account, Project, World};
use failure::Failure;

/// Bytes that a request's body may have.
const LARGEST_BODY: usize = 1 << 20;

/// Answers a request below `_apis`.
pub(super) async fn serve(
    app: &Arc<App>,
    account: Option<String>,
    project: Option<String>,
    rest: Vec<String>,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    let principal = match auth::sign_in(app, request.headers(), Peer::of(&request).0.ip()).await {
        Ok(principal) if principal.is_anonymous() && !is_connection_data(&rest) => {
            return auth::challenge(app, &Refusal::SignInRequired.to_string());
        }
        Ok(principal) => principal,
        Err(error) => return auth::refuse(app, error),
    };
    journalled.user = Some(principal.name.clone());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let call = Call { app, principal, account: account.unwrap_or_default(), project };
    let resource: Vec<String> = rest.iter().map(|segment| segment.to_lowercase()).collect();
    let resource: Vec<&str> = resource.iter().map(String::as_str).collect();
    let answer = match (method, call.project.is_some(), resource.as_slice()) {
        (Method::GET, false, ["connectiondata"]) => {
            connection::data(&app.state.world(), &call.principal, Some(&call.account))
        }
        (_, false, ["token", "sessiontokens", ..]) if let Some(failure) = call.hidden_account() => {
            Err(failure)
        }
        (Method::GET, false, ["token", "sessiontokens"]) => call.session_tokens(&query),
        (Method::GET, false, ["token", "sessiontokens", id]) => call.session_token(id),
        (Method::POST, false, ["token", "sessiontokens"]) => {
            call.create_session_token(&query, request.into_body()).await
        }
        (Method::DELETE, false, ["token", "sessiontokens", id]) => call.delete_session_token(id).await,
        (Method::GET, false, ["projects"]) => call.projects(),
        (Method::GET, false, ["projects", name]) => call.one_project(name),
        (Method::POST, false, ["projects"]) => call.create_project(request.into_body()).await,
        (Method::GET, false, ["operations", id]) => operation(app, id),
        (Method::GET, _, ["git", "repositories"]) => call.repos(),
        (Method::GET, _, ["git", "repositories", name]) => call.one_repo(name),
        (Method::POST, _, ["git", "repositories"]) => call.create_repo(request.into_body()).await,
        _ => {
            journalled.unknown = true;
            let message =
                format!("The controller for path '{path}' was not found or does not implement IController.");
            return text(StatusCode::NOT_FOUND, &message);
        }
    };
    match answer {
        Ok((StatusCode::NO_CONTENT, _)) => text(StatusCode::NO_CONTENT, ""),
        Ok((status, value)) => json_response(status, &value),
        Err(failure) => failure.response(),
    }
}

/// Who asks for it without credentials is told so, and not turned away.
fn is_connection_data(rest: &[String]) -> bool {
    matches!(rest, [only] if only.eq_ignore_ascii_case("connectionData"))
}

type Answer = Result<(StatusCode, Value), Failure>;

/// Creation here is done when it is answered, so that every operation has succeeded.
fn operation(app: &App, id: &str) -> Answer {
    let id =
        uuid::Uuid::parse_str(id).map_err(|_| Failure::bad(format!("{id:?} is not an operation's id")))?;
    Ok((StatusCode::OK, shape::operation(app.base_url(), &id.to_string(), "succeeded")))
}

/// One request by somebody, to one account.
struct Call<'a> {
    app: &'a Arc<App>,
    principal: Principal,
    account: String,
    project: Option<String>,
}

impl Call<'_> {
    /// The account, if the caller may know of it.
    fn account<'w>(&self, world: &'w World) -> Result<&'w Account, Failure> {
        let absent = || {
            let message = format!(
                "TF400813: The user '{}' is not authorized to access this resource.",
                self.principal.name
            );
            Failure::new(StatusCode::NOT_FOUND, "UnauthorizedRequestException", message)
        };
        let account = world.account(&self.account).ok_or_else(absent)?;
        if can_see(world, &self.principal, Target::Account(account)) { Ok(account) } else { Err(absent()) }
    }

    /// Why the account that the URL names cannot be spoken of, if it names one and it cannot.
    fn hidden_account(&self) -> Option<Failure> {
        if self.account.is_empty() { None } else { self.account(&self.app.state.world()).err() }
    }

    fn project<'w>(&self, world: &'w World, name: &str) -> Result<&'w Project, Failure> {
        let account = self.account(world)?;
        let project = world.project(account.id, name).ok_or_else(|| Failure::no_project(name))?;
        let is_seen = can_see(world, &self.principal, Target::Project(project));
        if is_seen { Ok(project) } else { Err(Failure::no_project(name)) }
    }

    fn permit(&self, world: &World, permission: Permission, target: Target<'_>) -> Result<(), Failure> {
        authorize(world, &self.principal, permission, target).map_err(|refusal| {
            Failure::new(StatusCode::FORBIDDEN, "GitNeedsPermissionException", refusal.to_string())
        })
    }

    fn base(&self, account: &Account) -> String {
        format!("{}/{}", self.app.base_url(), account.name)
    }

    fn projects(&self) -> Answer {
        let world = self.app.state.world();
        let account = self.account(&world)?;
        let base = self.base(account);
        let mut seen: Vec<_> = world
            .projects_of(account.id)
            .filter(|project| can_see(&world, &self.principal, Target::Project(project)))
            .collect();
        seen.sort_by_key(|project| project.name.to_lowercase());
        Ok((StatusCode::OK, shape::list(seen.into_iter().map(|project| shape::project(&base, project)))))
    }

    fn one_project(&self, name: &str) -> Answer {
        let world = self.app.state.world();
        let project = self.project(&world, name)?;
        Ok((StatusCode::OK, shape::whole_project(&self.base(self.account(&world)?), project)))
    }

    async fn create_project(&self, body: Body) -> Answer {
        let body = read(body).await?;
        let name = body["name"].as_str().ok_or_else(|| Failure::bad("A value is required for name."))?;
        let mut change = self.app.state.change().await.map_err(RegistryError::from)?;
        let account = self.account(&change.world)?.clone();
        self.permit(&change.world, Permission::CreateRepository, Target::Account(&account))?;
        let description = body["description"].as_str().unwrap_or_default();
        let id = change.create_project(&account.name, name, description, self.app.clock.now()).await?;
        change.commit().await.map_err(RegistryError::from)?;
        Ok((StatusCode::ACCEPTED, shape::operation(&self.base(&account), &id.to_string(), "queued")))
    }

    fn repos(&self) -> Answer {
        let world = self.app.state.world();
        let account = self.account(&world)?;
        let only = self.project.as_deref().map(|name| self.project(&world, name)).transpose()?;
        let base = self.base(account);
        let mut seen: Vec<_> = world
            .repos
            .values()
            .filter(|repo| {
                repo.account == account.id && only.is_none_or(|project| project.id == repo.project)
            })
            .filter(|repo| {
                authorize(&world, &self.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
            })
            .filter_map(|repo| Some((world.projects.get(&repo.project)?, repo)))
            .collect();
        seen.sort_by_key(|(project, repo)| (project.name.to_lowercase(), repo.name.to_lowercase()));
        let values = seen.into_iter().map(|(project, repo)| shape::repo(self.app, &base, project, repo));
        Ok((StatusCode::OK, shape::list(values)))
    }

    fn one_repo(&self, name: &str) -> Answer {
        let world = self.app.state.world();
        let account = self.account(&world)?;
        let found = match self.project.as_deref() {
            Some(project) => world.repo(self.project(&world, project)?.id, name),
            None => uuid::Uuid::parse_str(name).ok().and_then(|id| world.repos.get(&id)),
        };
        let repo = found
            .filter(|repo| repo.account == account.id)
            .filter(|repo| {
                authorize(&world, &self.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
            })
            .ok_or_else(|| Failure::no_repo(name))?;
        let project = world.projects.get(&repo.project).ok_or_else(|| Failure::no_repo(name))?;
        Ok((StatusCode::OK, shape::repo(self.app, &self.base(account), project, repo)))
    }

    async fn create_repo(&self, body: Body) -> Answer {
        let body = read(body).await?;
        let name = body["name"].as_str().ok_or_else(|| Failure::bad("A value is required for name."))?;
        let project = self
            .project
            .as_deref()
            .or_else(|| body["project"]["id"].as_str())
            .or_else(|| body["project"]["name"].as_str())
            .ok_or_else(|| Failure::bad("A value is required for project."))?;
        let mut change = self.app.state.change().await.map_err(RegistryError::from)?;
        let account = self.account(&change.world)?.clone();
        let project = self.project(&change.world, project)?.clone();
        self.permit(&change.world, Permission::CreateRepository, Target::Project(&project))?;
        let input = RepoInput { name, public: false, import: None };
        let id = change.create_repo(&account.name, &project.id.to_string(), &input).await?;
        let repo = change.world.repos.get(&id).cloned().ok_or_else(|| Failure::no_repo(name))?;
        change.commit().await.map_err(RegistryError::from)?;
        Ok((StatusCode::CREATED, shape::repo(self.app, &self.base(&account), &project, &repo)))
    }
}

async fn read(body: Body) -> Result<Value, Failure> {
    let bytes = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| Failure::bad("The body is too large, or was cut off."))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::bad(format!("The body is not JSON: {error}.")))
}
