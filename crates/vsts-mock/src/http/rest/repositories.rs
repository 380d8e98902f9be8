//! `_apis/git/repositories` and the recycle bin: repositories are listed, made, renamed, deleted and brought back.

use http::StatusCode;
use serde_json::{Value, json};

use super::failure::Failure;
use super::reply::{Outcome, Reply, write_json};
use super::{Call, forks, shape};
use crate::directory::{Account, Directory, Project, Repo};
use crate::operations::refused::Refused;
use crate::operations::repositories::{self, NewRepository, RepositoryUpdate};

impl Call<'_> {
    /// The repositories of a project as they are shown.
    fn repositories<'w>(&'w self, account: &'w Account, project: &'w Project) -> shape::Repositories<'w> {
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

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let seen = repositories::list(&directory, call.scope(), call.query.get("filterContains"))?;
    let (page, more) = call.query.part(&seen, usize::MAX)?;
    let with_links = call.query.flag("includeLinks");
    let mut shown: Option<shape::Repositories<'_>> = None;
    let reply = Reply::list(page, |out, &(project, repo)| {
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

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (account, project, repo) = call.scope().repo(&directory, call.repository())?;
    Ok(Reply::ok(call.whole_repo(&directory, account, project, repo)))
}

/// Describes the repository of a clone URL.
pub(super) fn info(call: &Call<'_>, directory: &Directory, name: &str) -> Outcome {
    let (account, project, repo) = call.scope().repo(directory, name)?;
    let base = call.base(account);
    let mut project_json = shape::project(&base, project);
    // Here, and here alone, the state is a number.
    project_json["state"] = 1.into();
    let shown = call.repo_json(account, project, repo);
    // Unlike elsewhere, no project is in the path: the Azure CLI takes what stands before `_apis` for the organisation.
    let url = format!("{base}/_apis/git/repositories/{}", repo.id);
    Ok(Reply::ok(json!({
        "serverUrl": base,
        "collection": { "id": account.id.to_string(), "name": account.name, "url": format!("{base}/_apis/projectCollections/{}", account.id) },
        "repository": {
            "id": repo.id.to_string(),
            "name": repo.name,
            "url": url,
            "remoteUrl": shown["remoteUrl"],
            "project": project_json,
        },
    })))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
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
pub(super) async fn update(call: &Call<'_>, body: Value) -> Outcome {
    let update = RepositoryUpdate {
        name: body["name"].as_str(),
        default_branch: body["defaultBranch"].as_str().filter(|branch| !branch.is_empty()),
        is_disabled: body["isDisabled"].as_bool(),
    };
    let repo = repositories::update(call.app, call.scope(), call.repository(), &update).await?;
    Ok(Reply::ok(call.changed_repo(&repo)?))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    repositories::delete(call.app, call.scope(), call.repository()).await?;
    Ok(Reply::nothing())
}

/// Lists what lies in the recycle bins.
pub(super) fn deleted(call: &Call<'_>) -> Outcome {
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

pub(super) async fn restore(call: &Call<'_>, body: Value) -> Outcome {
    if body["deleted"].as_bool() != Some(false) {
        return Err(Failure::bad("To bring a repository back, say {\"deleted\": false}."));
    }
    let repo = repositories::restore(call.app, call.scope(), call.repository()).await?;
    Ok(Reply::ok(call.changed_repo(&repo)?))
}

pub(super) async fn purge(call: &Call<'_>) -> Outcome {
    repositories::purge(call.app, call.scope(), call.repository()).await?;
    Ok(Reply::nothing())
}
