//! Changes of projects and repositories that are there: other names, and the recycle bin.

use jiff::Timestamp;
use uuid::Uuid;

use super::users::in_milliseconds;
use super::{RegistryError, run};
use crate::access::token;
use crate::directory::{DeletedRepo, GroupKind, Project, Repo, name};
use crate::state::Change;

/// What becomes of a project; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ProjectInput<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) process: Option<&'a str>,
}

impl Change<'_> {
    /// Changes a project. Its repositories keep their names.
    pub(crate) async fn update_project(
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
            self.rename_team(&project, new).await?;
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
        run!(
            self,
            "UPDATE projects SET name = $1, name_key = $2, description = $3, process = $4, revision = $5, \
             updated_ms = $6 WHERE id = $7",
            project.name.clone(),
            name::key(&project.name),
            project.description.clone(),
            project.process.clone(),
            project.revision,
            project.updated.as_millisecond(),
            id.to_string(),
        );
        self.directory.rename_project(project);
        Ok(())
    }

    /// A project's team is named for it.
    async fn rename_team(&mut self, project: &Project, new: &str) -> Result<(), RegistryError> {
        let team = self.directory.group(project.account, Some(project.id), GroupKind::Team).cloned();
        let Some(mut team) = team else { return Ok(()) };
        team.name = format!("{new} Team");
        run!(
            self,
            "UPDATE member_groups SET name = $1 WHERE id = $2",
            team.name.clone(),
            team.id.to_string()
        );
        self.directory.insert_group(team);
        Ok(())
    }

    /// Gives a repository another name.
    pub(crate) async fn rename_repo(&mut self, id: Uuid, new: &str) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("repository", &id.to_string());
        let mut repo: Repo = self.directory.repos.get(&id).cloned().ok_or_else(missing)?;
        name::check_repo(new)?;
        if self.directory.repo(repo.project, new).is_some_and(|other| other.id != id) {
            return Err(RegistryError::exists("repository", new));
        }
        self.directory.check_alike("repository", repo.project, new, Some(&repo.name))?;
        new.clone_into(&mut repo.name);
        run!(
            self,
            "UPDATE repos SET name = $1, name_key = $2 WHERE id = $3",
            new.to_owned(),
            name::key(new),
            id.to_string()
        );
        self.directory.rename_repo(repo);
        Ok(())
    }

    /// Disables a repository, or enables it again.
    pub(crate) async fn disable_repo(&mut self, id: Uuid, is_disabled: bool) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("repository", &id.to_string());
        let mut repo: Repo = self.directory.repos.get(&id).cloned().ok_or_else(missing)?;
        run!(self, "UPDATE repos SET is_disabled = $1 WHERE id = $2", i64::from(is_disabled), id.to_string());
        repo.is_disabled = is_disabled;
        self.directory.insert_repo(repo);
        Ok(())
    }

    /// Puts a repository into its project's recycle bin: nobody can use it there, and its name is free.
    pub(crate) async fn bin_repo(&mut self, id: Uuid, by: Uuid, now: Timestamp) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("repository", &id.to_string());
        let repo: Repo = self.directory.repos.get(&id).cloned().ok_or_else(missing)?;
        let deleted = in_milliseconds(now);
        // No name has a colon, so that none is taken by what lies in the bin.
        run!(
            self,
            "UPDATE repos SET name_key = $1, deleted_ms = $2, deleted_by = $3 WHERE id = $4",
            format!(":{id}"),
            deleted.as_millisecond(),
            by.to_string(),
            id.to_string(),
        );
        self.directory.bin_repo(DeletedRepo { repo, by, deleted });
        Ok(())
    }

    /// Takes a repository out of the recycle bin again.
    pub(crate) async fn restore_repo(&mut self, id: Uuid) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("deleted repository", &id.to_string());
        let binned = self.directory.deleted_repos.get(&id).ok_or_else(missing)?;
        let repo = binned.repo.clone();
        if self.directory.repo(repo.project, &repo.name).is_some() {
            return Err(RegistryError::exists("repository", &repo.name));
        }
        self.directory.check_alike("repository", repo.project, &repo.name, None)?;
        run!(
            self,
            "UPDATE repos SET name_key = $1, deleted_ms = NULL, deleted_by = NULL WHERE id = $2",
            name::key(&repo.name),
            id.to_string()
        );
        self.directory.deleted_repos.remove(&id);
        self.directory.insert_repo(repo);
        Ok(())
    }

    /// Removes a repository in the recycle bin for good.
    pub(crate) async fn purge_repo(&mut self, id: Uuid) -> Result<(), RegistryError> {
        let missing = || RegistryError::not_found("deleted repository", &id.to_string());
        let repo = self.directory.deleted_repos.get(&id).ok_or_else(missing)?.repo.clone();
        self.remove_list(repo.account, &token::repository(repo.project, id), true).await?;
        run!(self, "DELETE FROM repos WHERE id = $1", id.to_string());
        self.directory.remove_deleted_repo(id);
        self.discard_repo(id);
        Ok(())
    }

    /// Locks a ref for a user, or lets it go.
    pub(crate) async fn lock_ref(
        &mut self,
        repo: Uuid,
        name: &str,
        by: Option<Uuid>,
    ) -> Result<(), RegistryError> {
        run!(
            self,
            "DELETE FROM ref_locks WHERE repo_id = $1 AND name = $2",
            repo.to_string(),
            name.to_owned()
        );
        self.directory.ref_locks.remove(&(repo, name.to_owned()));
        if let Some(by) = by {
            run!(
                self,
                "INSERT INTO ref_locks (repo_id, name, user_id) VALUES ($1, $2, $3)",
                repo.to_string(),
                name.to_owned(),
                by.to_string()
            );
            self.directory.ref_locks.insert((repo, name.to_owned()), by);
        }
        Ok(())
    }

    /// The folders of what lies in a recycle bin go with what is removed around it.
    pub(super) fn discard_deleted(&mut self, is_in: impl Fn(&Repo) -> bool) {
        let all: Vec<Uuid> = self
            .directory
            .deleted_repos
            .values()
            .filter(|deleted| is_in(&deleted.repo))
            .map(|deleted| deleted.repo.id)
            .collect();
        for id in all {
            self.discard_repo(id);
        }
    }
}
