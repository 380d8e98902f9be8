//! `_apis/git/repositories` and the recycle bin: repositories are listed, made, renamed, deleted and brought back.

use axum::body::Body;
use gix::refs::transaction::{Change as RefChange, LogChange, PreviousValue, RefEdit};
use gix::refs::{FullName, Target as RefTarget};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, shown};
use super::locations::Route;
use super::reply::{Outcome, Reply};
use super::{Call, forks, models, read, shape};
use crate::access::{Permission, Refusal, Target, Viewer, authorize, can_list};
use crate::app::App;
use crate::registry::{RegistryError, RepoInput};
use crate::world::{Account, DeletedRepo, Project, Repo, World, name};

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    let id = route.repository();
    Some(match (route.resource().as_str(), method, id) {
        ("git/repositories", &Method::GET, None) => list(call),
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
    /// The repository of that name, or of that id, with what it is in, if the caller may read it.
    pub(super) fn repo<'w>(
        &self,
        world: &'w World,
        asked: &str,
    ) -> Result<(&'w Account, &'w Project, &'w Repo), Failure> {
        let found = self.named_repo(world, asked)?;
        match authorize(world, &self.principal, Permission::GenericRead, Target::Repo(found.2)) {
            Ok(()) => Ok(found),
            Err(refusal @ Refusal::TokenScope { .. }) => Err(Failure::refused(&refusal)),
            Err(_) => Err(Failure::no_repo(asked)),
        }
    }

    /// The same, whoever the caller is.
    fn named_repo<'w>(
        &self,
        world: &'w World,
        asked: &str,
    ) -> Result<(&'w Account, &'w Project, &'w Repo), Failure> {
        let account = self.account(world)?;
        let found = match self.project.as_deref() {
            Some(project) => world.repo(self.project(world, project)?.id, asked),
            None => Uuid::parse_str(asked).ok().and_then(|id| world.repos.get(&id)),
        };
        let absent = || Failure::no_repo(asked);
        let repo = found.filter(|repo| repo.account == account.id).ok_or_else(absent)?;
        let project = world.projects.get(&repo.project).ok_or_else(absent)?;
        Ok((account, project, repo))
    }

    /// A repository as it is shown.
    pub(super) fn repo_json(&self, account: &Account, project: &Project, repo: &Repo) -> Value {
        shape::repo(self.app, &self.base(account), &account.name, project, repo)
    }

    pub(super) fn whole_repo(
        &self,
        world: &World,
        account: &Account,
        project: &Project,
        repo: &Repo,
    ) -> Value {
        let mut value = self.repo_json(account, project, repo);
        if let Some(parent) = forks::parent(self, world, account, repo) {
            value["parentRepository"] = parent;
        }
        value["_links"] = shape::repo_links(&value, project.id);
        value
    }
}

fn list(call: &Call<'_>) -> Outcome {
    let world = call.app.state.world();
    let account = call.account(&world)?;
    let only = call.project.as_deref().map(|name| call.project(&world, name)).transpose()?;
    let wanted = call.query.get("filterContains").map(name::key).unwrap_or_default();
    let viewer = Viewer::new(&world, &call.principal);
    let mut seen: Vec<_> = world
        .projects_of(account.id)
        .filter(|project| only.is_none_or(|only| only.id == project.id))
        .flat_map(|project| world.repos_of(project.id).map(move |repo| (project, repo)))
        .filter(|(_, repo)| name::key(&repo.name).contains(&wanted) && viewer.lists(repo))
        .collect();
    seen.sort_by_cached_key(|(project, repo)| (name::key(&project.name), name::key(&repo.name)));
    let skip = call.query.amount(&["continuationToken", "$skip"])?.unwrap_or(0);
    let top = call.query.amount(&["$top"])?.unwrap_or(usize::MAX);
    let next = skip.saturating_add(top);
    let more = (next < seen.len() && top > 0).then_some(next);
    let with_links = call.query.flag("includeLinks");
    let values = seen.into_iter().skip(skip).take(top).map(|(project, repo)| {
        if with_links {
            call.whole_repo(&world, account, project, repo)
        } else {
            call.repo_json(account, project, repo)
        }
    });
    Ok(Reply::ok(shape::list(values)).continued(more))
}

fn show(call: &Call<'_>, id: &str) -> Outcome {
    let world = call.app.state.world();
    let (account, project, repo) = call.repo(&world, id)?;
    Ok(Reply::ok(call.whole_repo(&world, account, project, repo)))
}

/// What a client learns from a clone URL.
pub(super) fn info(call: &Call<'_>, world: &World, name: &str) -> Outcome {
    let (account, project, repo) = call.repo(world, name)?;
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
    let name = body["name"].as_str().ok_or_else(|| Failure::missing("name"))?;
    let project = call
        .project
        .as_deref()
        .or_else(|| body["project"]["id"].as_str())
        .or_else(|| body["project"]["name"].as_str())
        .ok_or_else(|| Failure::missing("project"))?;
    let mut change = call.app.state.change().await?;
    let account = call.account(&change.world)?.clone();
    let project = call.project(&change.world, project)?.clone();
    call.permit(&change.world, Permission::CreateRepository, Target::Project(&project))?;
    let project_id = project.id.to_string();
    let id = match forks::wanted(call, &change.world, &body, &project)? {
        None => {
            let input = RepoInput { name, public: false, import: None };
            change.create_repo(&account.name, &project_id, &input).await?
        }
        Some((parent, only)) => {
            change.create_fork(&account.name, &project_id, name, &parent, only.as_deref()).await?
        }
    };
    let repo = change.world.repos.get(&id).cloned().ok_or_else(|| Failure::no_repo(name))?;
    change.commit().await?;
    let world = call.app.state.world();
    Ok(Reply::json(StatusCode::CREATED, call.whole_repo(&world, &account, &project, &repo)))
}

/// Another name, another default branch, or both; or to disable it or enable it, which goes with nothing else. Clients
/// send the whole repository back: what is as it was is passed over.
async fn update(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::REPOSITORY).await?;
    let mut change = call.app.state.change().await?;
    let (account, project, repo) = {
        let (account, project, repo) = call.named_repo(&change.world, id)?;
        if !can_list(&change.world, &call.principal, repo) {
            // The same refusal as everywhere else.
            call.repo(&change.world, id)?;
        }
        (account.clone(), project.clone(), repo.clone())
    };
    call.permit(&change.world, Permission::RenameRepository, Target::Repo(&repo))?;
    let current = call.repo_json(&account, &project, &repo);
    let branch = body["defaultBranch"].as_str().filter(|branch| !branch.is_empty());
    let branch = branch.filter(|branch| current["defaultBranch"] != *branch);
    let new = body["name"].as_str().filter(|new| *new != repo.name);
    let disables = body["isDisabled"].as_bool().filter(|disables| *disables != repo.is_disabled);
    if (disables.is_some() || repo.is_disabled) && (branch.is_some() || new.is_some()) {
        let message = "The repository change is not supported.";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "InvalidOperationException", message));
    }
    if let Some(branch) = branch {
        set_default_branch(call.app, &repo, branch)?;
    }
    if let Some(new) = new {
        change.rename_repo(repo.id, new).await?;
    }
    if let Some(disables) = disables {
        change.disable_repo(repo.id, disables).await?;
    }
    let repo = change.world.repos.get(&repo.id).cloned().ok_or_else(|| Failure::no_repo(id))?;
    change.commit().await?;
    Ok(Reply::ok(call.whole_repo(&call.app.state.world(), &account, &project, &repo)))
}

/// Makes another branch the one that `HEAD` names.
pub(in crate::http) fn set_default_branch(app: &App, repo: &Repo, branch: &str) -> Result<(), Failure> {
    let full = if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") };
    let absent = || {
        let message = format!(
            "TF401175:The version descriptor <Branch: {} > could not be resolved to a version in the repository {}",
            shown(full.strip_prefix("refs/heads/").unwrap_or(&full)),
            repo.name
        );
        Failure::not_found("GitUnresolvableToCommitException", message)
    };
    let repository = app.state.open_repo(repo).map_err(|e| Failure::internal(&e))?;
    let repository = repository.to_gix();
    let target = FullName::try_from(full.as_str()).map_err(|_| absent())?;
    let is_branch = full.starts_with("refs/heads/");
    if !is_branch || repository.try_find_reference(target.as_ref())?.is_none() {
        return Err(absent());
    }
    let head = FullName::try_from("HEAD").map_err(|error| Failure::internal(&error))?;
    let edit = RefEdit {
        change: RefChange::Update {
            log: LogChange::default(),
            expected: PreviousValue::Any,
            new: RefTarget::Symbolic(target),
        },
        name: head,
        deref: false,
    };
    let mut refs = repository.refs.clone();
    refs.write_reflog = gix::refs::store::WriteReflog::Disable;
    let patience = gix::lock::acquire::Fail::AfterDurationWithBackoff(std::time::Duration::from_secs(1));
    refs.transaction().prepare([edit], patience, patience)?.commit(None)?;
    Ok(())
}

async fn delete(call: &Call<'_>, id: &str) -> Outcome {
    let mut change = call.app.state.change().await?;
    let repo = call.repo(&change.world, id)?.2.clone();
    call.permit(&change.world, Permission::DeleteRepository, Target::Repo(&repo))?;
    let user = call.principal.user.unwrap_or_default();
    change.bin_repo(repo.id, user, call.app.clock.now()).await?;
    change.commit().await?;
    Ok(Reply::nothing())
}

/// What lies in the project's bin, if the caller may see the project.
fn bin(call: &Call<'_>) -> Outcome {
    let world = call.app.state.world();
    let account = call.account(&world)?;
    let base = call.base(account);
    let only = call.project.as_deref().map(|name| call.project(&world, name)).transpose()?;
    let shown: Vec<Value> = world
        .deleted_repos
        .values()
        .filter(|deleted| deleted.repo.account == account.id)
        .filter(|deleted| only.is_none_or(|project| project.id == deleted.repo.project))
        .filter(|deleted| {
            authorize(&world, &call.principal, Permission::GenericRead, Target::Repo(&deleted.repo)).is_ok()
        })
        .filter_map(|deleted| {
            let project = world.projects.get(&deleted.repo.project)?;
            Some(json!({
                "id": deleted.repo.id.to_string(),
                "name": deleted.repo.name,
                "project": shape::project(&base, project),
                "deletedBy": shape::identity(&world, &base, deleted.by),
                "createdDate": project.created,
                "deletedDate": deleted.deleted,
            }))
        })
        .collect();
    Ok(Reply::ok(shape::list(shown.into_iter())))
}

/// What lies in the bin under that id, if the caller may read it.
fn binned(call: &Call<'_>, world: &World, id: &str) -> Result<DeletedRepo, Failure> {
    let account = call.account(world)?;
    let only = call.project.as_deref().map(|name| call.project(world, name)).transpose()?;
    let deleted = Uuid::parse_str(id).ok().and_then(|id| world.deleted_repos.get(&id));
    deleted
        .filter(|deleted| deleted.repo.account == account.id)
        .filter(|deleted| only.is_none_or(|project| project.id == deleted.repo.project))
        .filter(|deleted| {
            authorize(world, &call.principal, Permission::GenericRead, Target::Repo(&deleted.repo)).is_ok()
        })
        .cloned()
        .ok_or_else(|| Failure::no_repo(id))
}

async fn restore(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    let body = read(call.app, body, &models::BINNED_REPOSITORY).await?;
    if body["deleted"].as_bool() != Some(false) {
        return Err(Failure::bad("To bring a repository back, say {\"deleted\": false}."));
    }
    let mut change = call.app.state.change().await?;
    let repo = binned(call, &change.world, id)?.repo;
    call.permit(&change.world, Permission::DeleteRepository, Target::Repo(&repo))?;
    change.restore_repo(repo.id).await?;
    let account = call.account(&change.world)?.clone();
    let missing = || RegistryError::not_found("project", id);
    let project = change.world.projects.get(&repo.project).cloned().ok_or_else(missing)?;
    change.commit().await?;
    Ok(Reply::ok(call.whole_repo(&call.app.state.world(), &account, &project, &repo)))
}

async fn purge(call: &Call<'_>, id: &str) -> Outcome {
    let mut change = call.app.state.change().await?;
    let repo = binned(call, &change.world, id)?.repo;
    call.permit(&change.world, Permission::DeleteRepository, Target::Repo(&repo))?;
    change.purge_repo(repo.id).await?;
    change.commit().await?;
    Ok(Reply::nothing())
}
