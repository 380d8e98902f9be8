//! Repositories: listed, created, forked, changed, put into the recycle bin and taken out of it.

use gix::refs::FullName;
use gix::refs::transaction::PreviousValue;
use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use crate::access::{Permission, Target, Viewer, can_list};
use crate::app::App;
use crate::default_branch;
use crate::directory::{Directory, Project, Repo, name};
use crate::registry::RepoInput;

/// A repository to create.
#[derive(Debug)]
pub(crate) struct NewRepository<'a> {
    /// The name or id of the project.
    pub(crate) project: &'a str,
    pub(crate) name: &'a str,
    pub(crate) fork_of: Option<ForkOf<'a>>,
}

/// The repository that a new one is forked from.
#[derive(Debug)]
pub(crate) struct ForkOf<'a> {
    /// Its project's name or id; without one, the new repository's own, or any if the repository is given by its id.
    pub(crate) project: Option<&'a str>,
    /// Its name or id.
    pub(crate) repo: &'a str,
    /// The only ref that is copied: a full name, or a branch's short name.
    pub(crate) only: Option<&'a str>,
}

/// Changes of a repository; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct RepositoryUpdate<'a> {
    pub(crate) name: Option<&'a str>,
    /// A full ref name, or a branch's short name.
    pub(crate) default_branch: Option<&'a str>,
    pub(crate) is_disabled: Option<bool>,
}

/// The repositories of the scope that the principal may list, by project and name; with `contains` those alone whose
/// names contain it.
pub(crate) fn list<'w>(
    directory: &'w Directory,
    scope: Scope<'_>,
    contains: Option<&str>,
) -> Result<Vec<(&'w Project, &'w Repo)>, Refused> {
    let (account, only) = (scope.account(directory)?, scope.project(directory)?);
    let wanted = contains.map(name::key).unwrap_or_default();
    let viewer = Viewer::new(directory, scope.principal);
    let mut seen: Vec<_> = directory
        .projects_of(account.id)
        .filter(|project| only.is_none_or(|only| only.id == project.id))
        .flat_map(|project| directory.repos_of(project.id).map(move |repo| (project, repo)))
        .filter(|(_, repo)| name::key(&repo.name).contains(&wanted) && viewer.lists(repo))
        .collect();
    seen.sort_by_cached_key(|(project, repo)| (name::key(&project.name), name::key(&repo.name)));
    Ok(seen)
}

/// The forks of a repository that the principal may read, by name.
pub(crate) fn forks<'w>(
    directory: &'w Directory,
    scope: Scope<'_>,
    asked: &str,
) -> Result<Vec<&'w Repo>, Refused> {
    let (_, _, parent) = scope.repo(directory, asked)?;
    let forks = directory.repos.values().filter(|repo| repo.parent == Some(parent.id));
    let mut seen: Vec<&Repo> = forks.filter(|repo| scope.may_read(directory, repo)).collect();
    seen.sort_by_key(|repo| name::key(&repo.name));
    Ok(seen)
}

/// Creates a repository, empty or as a fork.
pub(crate) async fn create(app: &App, scope: Scope<'_>, new: &NewRepository<'_>) -> Result<Repo, Refused> {
    let mut change = app.state.change().await;
    let account = scope.account(&change.directory)?.name.clone();
    let project = scope.named_project(&change.directory, new.project)?;
    scope.authorize(&change.directory, Permission::CreateRepository, Target::Project(project))?;
    let project_id = project.id.to_string();
    let id = match &new.fork_of {
        None => {
            let input = RepoInput { name: new.name, public: false, import: None };
            change.create_repo(&account, &project_id, &input).await?
        }
        Some(fork_of) => {
            let (parent, only) = fork_parent(app, &change.directory, scope, project, fork_of)?;
            change.create_fork(&account, &project_id, new.name, &parent, only.as_deref()).await?
        }
    };
    let repo = change.directory.repos.get(&id).cloned().ok_or_else(|| Refused::no_repository(new.name))?;
    change.commit().await?;
    Ok(repo)
}

/// The repository to fork, and the full name of the only ref to copy.
fn fork_parent(
    app: &App,
    directory: &Directory,
    scope: Scope<'_>,
    into: &Project,
    fork_of: &ForkOf<'_>,
) -> Result<(Repo, Option<String>), Refused> {
    let account = scope.account(directory)?;
    let found = match (Uuid::parse_str(fork_of.repo), fork_of.project) {
        (Ok(id), None) => directory.repos.get(&id).filter(|repo| repo.account == account.id),
        (_, Some(project)) => directory.repo(scope.named_project(directory, project)?.id, fork_of.repo),
        (Err(_), None) => directory.repo(into.id, fork_of.repo),
    };
    let found = found.filter(|repo| scope.may_read(directory, repo));
    let repo = found.ok_or_else(|| Refused::no_repository(fork_of.repo))?;
    let only = fork_of.only.map(full_branch_name);
    if let Some(only) = &only {
        let repository = app.state.open_repo(repo)?.to_gix();
        if repository.try_find_reference(only.as_str()).ok().flatten().is_none() {
            return Err(no_branch(repo, only));
        }
    }
    Ok((repo.clone(), only))
}

/// Changes a repository that the principal may list: to disable or enable it goes with nothing else, and nothing else can
/// be changed of a disabled one. Values that are as they were are passed over.
pub(crate) async fn update(
    app: &App,
    scope: Scope<'_>,
    asked: &str,
    update: &RepositoryUpdate<'_>,
) -> Result<Repo, Refused> {
    let mut change = app.state.change().await;
    let repo = scope.repo_to_all(&change.directory, asked)?.2.clone();
    if !can_list(&change.directory, scope.principal, &repo) {
        // The same refusal as everywhere else.
        scope.repo(&change.directory, asked)?;
    }
    scope.authorize(&change.directory, Permission::RenameRepository, Target::Repo(&repo))?;
    let branch = update.default_branch.filter(|branch| {
        repo.handle.default_branch(&app.state.repo_path(repo.id)).ok().flatten().as_deref() != Some(*branch)
    });
    let new = update.name.filter(|new| *new != repo.name);
    let disables = update.is_disabled.filter(|disables| *disables != repo.is_disabled);
    if (disables.is_some() || repo.is_disabled) && (branch.is_some() || new.is_some()) {
        return Err(Refused::Unsupported("The repository change is not supported."));
    }
    if let Some(branch) = branch {
        set_default_branch(app, &repo, branch)?;
    }
    if let Some(new) = new {
        change.rename_repo(repo.id, new)?;
    }
    if let Some(disables) = disables {
        change.disable_repo(repo.id, disables)?;
    }
    let repo = change.directory.repos.get(&repo.id).cloned().ok_or_else(|| Refused::no_repository(asked))?;
    change.commit().await?;
    Ok(repo)
}

/// Makes another branch the one that `HEAD` names.
fn set_default_branch(app: &App, repo: &Repo, branch: &str) -> Result<(), Refused> {
    let full = full_branch_name(branch);
    let repository = app.state.open_repo(repo)?.to_gix();
    let target = FullName::try_from(full.as_str()).map_err(|_| no_branch(repo, &full))?;
    let is_branch = full.starts_with("refs/heads/");
    if !is_branch || repository.try_find_reference(target.as_ref())?.is_none() {
        return Err(no_branch(repo, &full));
    }
    default_branch::set(&repository, target, PreviousValue::Any).map_err(Refused::Internal)
}

fn full_branch_name(branch: &str) -> String {
    if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") }
}

fn no_branch(repo: &Repo, full: &str) -> Refused {
    let branch = full.strip_prefix("refs/heads/").unwrap_or(full);
    Refused::NoBranch { branch: branch.to_owned(), repository: repo.name.clone() }
}

/// Puts a repository into its project's recycle bin.
pub(crate) async fn delete(app: &App, scope: Scope<'_>, asked: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let (_, _, repo) = scope.repo(&change.directory, asked)?;
    scope.authorize(&change.directory, Permission::DeleteRepository, Target::Repo(repo))?;
    let (id, user) = (repo.id, scope.principal.user.unwrap_or_default());
    change.bin_repo(id, user, app.clock.now())?;
    Ok(change.commit().await?)
}

/// The repositories in the recycle bins of the scope that the principal may read.
pub(crate) fn deleted<'w>(directory: &'w Directory, scope: Scope<'_>) -> Result<Vec<&'w Repo>, Refused> {
    let (account, only) = (scope.account(directory)?, scope.project(directory)?);
    let all = directory.deleted_repos.values();
    let here = all.filter(|repo| repo.account == account.id);
    let here = here.filter(|repo| only.is_none_or(|project| project.id == repo.project));
    Ok(here.filter(|repo| scope.may_read(directory, repo)).collect())
}

/// The repository of that id in a recycle bin, if the principal may delete it.
fn deleted_one(directory: &Directory, scope: Scope<'_>, id: &str) -> Result<Repo, Refused> {
    let wanted = Uuid::parse_str(id).ok();
    let found = deleted(directory, scope)?.into_iter().find(|repo| Some(repo.id) == wanted);
    let repo = found.ok_or_else(|| Refused::no_repository(id))?.clone();
    scope.authorize(directory, Permission::DeleteRepository, Target::Repo(&repo))?;
    Ok(repo)
}

/// Takes a repository out of the recycle bin.
pub(crate) async fn restore(app: &App, scope: Scope<'_>, id: &str) -> Result<Repo, Refused> {
    let mut change = app.state.change().await;
    let id = deleted_one(&change.directory, scope, id)?.id;
    change.restore_repo(id)?;
    let repo = change.directory.repos[&id].clone();
    change.commit().await?;
    Ok(repo)
}

/// Deletes a repository in the recycle bin for good.
pub(crate) async fn purge(app: &App, scope: Scope<'_>, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let repo = deleted_one(&change.directory, scope, id)?;
    change.purge_repo(repo.id)?;
    Ok(change.commit().await?)
}
