//! Changes of projects and repositories that are there: other names, and the recycle bin.

use jiff::Timestamp;
use uuid::Uuid;

use super::RegistryError;
use super::users::in_milliseconds;
use crate::access::token;
use crate::directory::{Group, GroupKind, Project, RefFavorite, RefLock, Repo, name};
use crate::state::Change;

/// The changes of a project; a field that is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ProjectInput<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) process: Option<&'a str>,
}

impl Change<'_> {
    /// Changes a project. Its repositories keep their names.
    pub(crate) fn update_project(
        &mut self,
        id: Uuid,
        input: &ProjectInput<'_>,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("project", &id.to_string());
        let mut project: Project = self.directory.projects.get(&id).cloned().ok_or_else(missing)?;
        if let Some(new) = input.name {
            name::check_project(new)?;
            if self.directory.project(project.account, new).is_some_and(|other| other.id != id) {
                return Err(RegistryError::exists("project", new));
            }
            self.directory.check_alike("project", project.account, new, Some(&project.name))?;
            self.rename_team(&project, new);
            new.clone_into(&mut project.name);
        }
        if let Some(description) = input.description {
            description.clone_into(&mut project.description);
        }
        if let Some(process) = input.process {
            process.clone_into(&mut project.process);
        }
        project.revision += 1;
        project.updated = in_milliseconds(now);
        self.put(project);
        Ok(())
    }

    /// A project's team is named for it.
    fn rename_team(&mut self, project: &Project, new: &str) {
        let team = self.directory.group(project.account, Some(project.id), GroupKind::Team).cloned();
        if let Some(team) = team {
            self.put(Group { name: format!("{new} Team"), ..team });
        }
    }

    /// Gives a repository another name.
    pub(crate) fn rename_repo(&mut self, id: Uuid, new: &str) -> Result<(), RegistryError> {
        let mut repo = self.repo_by_id(id)?;
        name::check_repo(new)?;
        if self.directory.repo(repo.project, new).is_some_and(|other| other.id != id) {
            return Err(RegistryError::exists("repository", new));
        }
        self.directory.check_alike("repository", repo.project, new, Some(&repo.name))?;
        new.clone_into(&mut repo.name);
        self.put(repo);
        Ok(())
    }

    /// Disables a repository, or enables it again.
    pub(crate) fn disable_repo(&mut self, id: Uuid, is_disabled: bool) -> Result<(), RegistryError> {
        let repo = self.repo_by_id(id)?;
        self.put(Repo { is_disabled, ..repo });
        Ok(())
    }

    /// Puts a repository into its project's recycle bin: nobody can use it there, and its name is free. Its entries and
    /// locks stay, for when it comes back.
    pub(crate) fn bin_repo(&mut self, id: Uuid, by: Uuid, now: Timestamp) -> Result<(), RegistryError> {
        let repo = self.repo_by_id(id)?;
        self.put(Repo { deleted: Some(in_milliseconds(now)), deleted_by: Some(by), ..repo });
        Ok(())
    }

    /// Takes a repository out of the recycle bin again.
    pub(crate) fn restore_repo(&mut self, id: Uuid) -> Result<(), RegistryError> {
        let repo = self.deleted_repo(id)?;
        if self.directory.repo(repo.project, &repo.name).is_some() {
            return Err(RegistryError::exists("repository", &repo.name));
        }
        self.directory.check_alike("repository", repo.project, &repo.name, None)?;
        self.put(Repo { deleted: None, deleted_by: None, ..repo });
        Ok(())
    }

    /// Removes a repository in the recycle bin for good.
    pub(crate) fn purge_repo(&mut self, id: Uuid) -> Result<(), RegistryError> {
        let repo = self.deleted_repo(id)?;
        self.remove_repo(&repo);
        Ok(())
    }

    /// Removes a repository, in the recycle bin or not, with its entries, locks and folder.
    pub(super) fn remove_repo(&mut self, repo: &Repo) {
        self.remove_list(repo.account, &token::repository(repo.project, repo.id), true);
        self.remove_all::<RefLock>(self.directory.locks_of(repo.id));
        self.remove_all::<RefFavorite>(self.directory.favorites_with(repo.id));
        self.remove_pull_requests(repo);
        self.remove::<Repo>(&repo.id);
        self.discard_repo(repo.id);
    }

    /// Locks a ref for a user, or unlocks it.
    pub(crate) fn lock_ref(&mut self, repo: Uuid, name: &str, by: Option<Uuid>) {
        let name = name.to_owned();
        match by {
            Some(user) => self.put(RefLock { repo, name, user }),
            None => _ = self.remove::<RefLock>(&(repo, name)),
        }
    }

    fn repo_by_id(&self, id: Uuid) -> Result<Repo, RegistryError> {
        let repo = self.directory.repos.get(&id).cloned();
        repo.ok_or_else(|| RegistryError::not_found("repository", &id.to_string()))
    }

    fn deleted_repo(&self, id: Uuid) -> Result<Repo, RegistryError> {
        let repo = self.directory.deleted_repos.get(&id).cloned();
        repo.ok_or_else(|| RegistryError::not_found("deleted repository", &id.to_string()))
    }
}
