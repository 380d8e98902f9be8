//! `_apis/git/repositories` and the recycle bin: repositories are listed, made, renamed, deleted and brought back.

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::failure::Failure;
use super::locations::Route;
use super::reply::{Outcome, Reply, write_json};
use super::{Call, forks, models, read, shape};
use crate::directory::{Account, Directory, Project, Repo};
use crate::operations::refused::Refused;
use crate::operations::repositories::{self, NewRepository, RepositoryUpdate};

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    let id = route.repository();
    Some(match (route.resource().as_str(), method, id) {
        ("git/repositories", &Method::GET, None) => match list(call) {
            Ok(reply) => reply.charged(&call.app.budget).await,
            Err(failure) => Err(failure),
        },
        ("git/repositories", &Method::GET, Some(id)) => show(call, id),
        ("git/repositories", &Method::POST, None) => create(call, body).await,
        ("git/repositories", &Method::PATCH, Some(id)) => update(call, id, body).await,
        ("git/repositories", &Method::DELETE, Some(id)) => delete(call, id).await,
        ("git/forks", &Method::GET, Some(id)) => forks::list(call, id),
        ("git/deletedrepositories" | "git/recyclebinrepositories", &Method::GET, None) => bin(call),
        ("git/recyclebinrepositories", &Method::PATCH, Some(id)) => restore(call, id, body).await,
        ("git/recyclebinrepositories", &Method::DELETE, Some(id)) => purge(call, id).await,
        _ => return None,
    })
}

impl Call<'_> {
    /// The repositories of a project as they are shown.
    fn repositories<'w>(&'w self, account: &Account, project: &'w Project) -> shape::Repositories<'w> {
        shape::Repositories::new(self.app, &self.base(account), &account.name, project)
    }

    /// A repository as it is shown.
    pub(super) fn repo_json(&self, account: &Account, project: &Project, repo: &Repo) -> Value {
        json!(self.repositories(account, project).show(repo))
    }

    pub(super) fn whole_repo(
        &self,
        directory: &Directory,
        account: &Account,
        project: &Project,
        repo: &Repo,
    ) -> Value {
        let mut value = self.repo_json(account, project, repo);
        if let Some(parent) = forks::parent(self, directory, account, repo) {
            value["parentRepository"] = parent;
        }
        value["_links"] = shape::repo_links(&value, project.id);
        value
    }

    /// A repository that was just changed, with all that belongs to it.
    fn changed_repo(&self, repo: &Repo) -> Result<Value, Failure> {
        let directory = self.app.state.directory();
        let project = directory.projects.get(&repo.project);
        let project = project.ok_or_else(|| Refused::no_repository(&repo.name))?;
        Ok(self.whole_repo(&directory, self.account(&directory)?, project, repo))
    }
}

fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let seen = repositories::list(&directory, call.scope(), call.query.get("filterContains"))?;
    let skip = call.query.amount(&["continuationToken", "$skip"])?.unwrap_or(0);
    let top = call.query.amount(&["$top"])?.unwrap_or(usize::MAX);
    let next = skip.saturating_add(top);
    let more = (next < seen.len() && top > 0).then_some(next);
    let with_links = call.query.flag("includeLinks");
    let page: Vec<_> = seen.into_iter().skip(skip).take(top).collect();
    let mut shown: Option<shape::Repositories<'_>> = None;
    let reply = Reply::list(&page, |out, &(project, repo)| {
        if with_links {
            return write_json(out, &call.whole_repo(&directory, account, project, repo));
        }
        // They are sorted by project.
        let of_project = match shown.take().filter(|shown| shown.project() == project.id) {
            Some(of_project) => of_project,
            None => call.repositories(account, project),
        };
        write_json(out, &shown.insert(of_project).show(repo))
    })?;
    Ok(reply.continued(more))
}

fn show(call: &Call<'_>, id: &str) -> Outcome {
    let directory = call.app.state.directory();
    let (account, project, repo) = call.scope().repo(&directory, id)?;
    Ok(Reply::ok(call.whole_repo(&directory, account, project, repo)))
}

/// What a client learns from a clone URL.
pub(super) fn info(call: &Call<'_>, directory: &Directory, name: &str) -> Outcome {
    let (account, project, repo) = call.scope().repo(directory, name)?;
    let base = call.base(account);
    let mut project_json = shape::project(&base, project);
    // Here, and here alone, the state is a number.
    project_json["state"] = 1.into();
    let shown = call.repo_json(account, project, repo);
    Ok(Reply::ok(json!({
        "serverUrl": base,
        "collection": { "id": account.id.to_string(), "name": account.name, "url": format!("{base}/_apis/projectCollections/{}", account.id) },
        "repository": {
            "id": repo.id.to_string(),
            "name": repo.name,
            "url": shown["url"],
            "remoteUrl": shown["remoteUrl"],
            "project": project_json,
        },
    })))
}

async fn create(call: &Call<'_>, body: Body) -> Outcome {
    let body = read(call.app, body, &models::NEW_REPOSITORY).await?;
    let project = call
        .project
        .as_deref()
        .or_else(|| body["project"]["id"].as_str())
        .or_else(|| body["project"]["name"].as_str());
    let new = NewRepository {
        name: body["name"].as_str().ok_or_else(|| Failure::missing("name"))?,
        project: project.ok_or_else(|| Failure::missing("project"))?,
        fork_of: forks::wanted(&call.query, &body)?,
    };
    let repo = repositories::create(call.app, call.scope(), &new).await?;
    Ok(Reply::json(StatusCode::CREATED, call.changed_repo(&repo)?))
}

/// Another name, another default branch, or both; or to disable it or enable it. Clients send the whole repository back.
async fn update(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::REPOSITORY).await?;
    let update = RepositoryUpdate {
        name: body["name"].as_str(),
        default_branch: body["defaultBranch"].as_str().filter(|branch| !branch.is_empty()),
        is_disabled: body["isDisabled"].as_bool(),
    };
    let repo = repositories::update(call.app, call.scope(), id, &update).await?;
    Ok(Reply::ok(call.changed_repo(&repo)?))
}

async fn delete(call: &Call<'_>, id: &str) -> Outcome {
    repositories::delete(call.app, call.scope(), id).await?;
    Ok(Reply::nothing())
}

/// Lists what lies in the recycle bins.
fn bin(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let all = repositories::deleted(&directory, call.scope())?.into_iter();
    let shown = all.filter_map(|deleted| {
        let project = directory.projects.get(&deleted.project)?;
        Some(json!({
            "id": deleted.id.to_string(),
            "name": deleted.name,
            "project": shape::project(&base, project),
            "deletedBy": shape::identity(&directory, &base, deleted.deleted_by.unwrap_or_default()),
            "createdDate": project.created,
            "deletedDate": deleted.deleted,
        }))
    });
    Ok(Reply::ok(shape::list(shown)))
}

async fn restore(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::BINNED_REPOSITORY).await?;
    if body["deleted"].as_bool() != Some(false) {
        return Err(Failure::bad("To bring a repository back, say {\"deleted\": false}."));
    }
    let repo = repositories::restore(call.app, call.scope(), id).await?;
    Ok(Reply::ok(call.changed_repo(&repo)?))
}

async fn purge(call: &Call<'_>, id: &str) -> Outcome {
    repositories::purge(call.app, call.scope(), id).await?;
    Ok(Reply::nothing())
}
