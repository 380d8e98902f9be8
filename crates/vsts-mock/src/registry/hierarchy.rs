//! Accounts, projects and repositories.

use std::path::PathBuf;

use jiff::Timestamp;
use uuid::Uuid;

use super::users::in_milliseconds;
use super::{RegistryError, import};
use crate::access::token;
use crate::directory::{Account, GroupKind, Handle, Membership, Project, Repo, name};
use crate::state::Change;

/// The process of a project that asks for none.
pub(crate) const DEFAULT_PROCESS: &str = "agile";

/// A repository to make.
#[derive(Debug)]
pub(crate) struct RepoInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) public: bool,
    /// A bare repository's folder, or a bundle, whose content it begins with.
    pub(crate) import: Option<PathBuf>,
}

impl Change<'_> {
    /// Makes an account; its owner becomes a collection administrator.
    pub(crate) fn create_account(
        &mut self,
        account_name: &str,
        owner: Option<&str>,
    ) -> Result<Uuid, RegistryError> {
        name::check_account(account_name)?;
        if self.directory.account(account_name).is_some() {
            return Err(RegistryError::exists("account", account_name));
        }
        let owner = owner.map(|owner| self.directory.find_user(owner)).transpose()?.map(|owner| owner.id);
        let account = Account {
            id: self.fresh_id(&["account", account_name]),
            name: account_name.to_owned(),
            owner,
            lfs_quota: None,
        };
        let id = account.id;
        self.put(account);
        self.create_groups(id, None);
        let administrators = self.directory.group(id, None, GroupKind::CollectionAdministrators);
        let administrators = administrators.map(|group| group.id);
        if let (Some(owner), Some(group)) = (owner, administrators) {
            self.put(Membership { member: owner, group });
        }
        Ok(id)
    }

    /// Sets how many bytes the objects of Git LFS may have in an account; no limit without a number.
    pub(crate) fn set_lfs_quota(
        &mut self,
        account_name: &str,
        bytes: Option<u64>,
    ) -> Result<(), RegistryError> {
        let account = self.directory.find_account(account_name)?.clone();
        let lfs_quota = bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        if account.lfs_quota != lfs_quota {
            self.put(Account { lfs_quota, ..account });
        }
        Ok(())
    }

    /// Removes an account with everything in it.
    pub(crate) fn delete_account(&mut self, account_name: &str) -> Result<(), RegistryError> {
        let account = self.directory.find_account(account_name)?.id;
        let projects: Vec<Project> = self.directory.projects_of(account).cloned().collect();
        for project in projects {
            self.remove_project(&project);
        }
        self.remove_groups_in(account, None);
        self.remove_list(account, token::COLLECTION, true);
        self.remove::<Account>(&account);
        Ok(())
    }

    /// Makes a project with its groups, and its repository of the same name.
    pub(crate) async fn create_project(
        &mut self,
        account_name: &str,
        project_name: &str,
        description: &str,
        now: Timestamp,
    ) -> Result<Uuid, RegistryError> {
        let account = self.directory.find_account(account_name)?.clone();
        name::check_project(project_name)?;
        if self.directory.project(account.id, project_name).is_some() {
            return Err(RegistryError::exists("project", project_name));
        }
        self.directory.check_alike("project", account.id, project_name, None)?;
        let project = Project {
            id: self.fresh_id(&["project", &account.name, project_name]),
            account: account.id,
            name: project_name.to_owned(),
            description: description.to_owned(),
            process: DEFAULT_PROCESS.to_owned(),
            revision: 1,
            created: in_milliseconds(now),
            updated: in_milliseconds(now),
        };
        let id = project.id;
        self.put(project);
        self.create_groups(account.id, Some(id));
        let default = RepoInput { name: project_name, public: false, import: None };
        self.create_repo(account_name, project_name, &default).await?;
        Ok(id)
    }

    /// Removes a project with its repositories.
    pub(crate) fn delete_project(
        &mut self,
        account_name: &str,
        project_name: &str,
    ) -> Result<(), RegistryError> {
        let project = self.directory.find_project(account_name, project_name)?.clone();
        self.remove_project(&project);
        Ok(())
    }

    fn remove_project(&mut self, project: &Project) {
        let deleted = self.directory.deleted_repos.values().filter(|repo| repo.project == project.id);
        let repos: Vec<Repo> = self.directory.repos_of(project.id).chain(deleted).cloned().collect();
        for repo in repos {
            self.remove_repo(&repo);
        }
        self.remove_policies(project);
        self.remove_work_items(project);
        self.remove_groups_in(project.account, Some(project.id));
        self.remove_list(project.account, &token::project(project.id), true);
        self.remove::<Project>(&project.id);
    }

    fn remove_groups_in(&mut self, account: Uuid, project: Option<Uuid>) {
        let groups: Vec<Uuid> = self.directory.groups_in(account, project).map(|group| group.id).collect();
        self.remove_groups(&groups);
    }

    /// Makes a repository: empty, or with what is imported.
    pub(crate) async fn create_repo(
        &mut self,
        account_name: &str,
        project_name: &str,
        input: &RepoInput<'_>,
    ) -> Result<Uuid, RegistryError> {
        let project = self.directory.find_project(account_name, project_name)?.clone();
        name::check_repo(input.name)?;
        if self.directory.repo(project.id, input.name).is_some() {
            return Err(RegistryError::exists("repository", input.name));
        }
        self.directory.check_alike("repository", project.id, input.name, None)?;
        let account_name = self.directory.find_account(account_name)?.name.clone();
        let repo = Repo {
            id: self.fresh_id(&["repo", &account_name, &project.name, input.name]),
            account: project.account,
            project: project.id,
            name: input.name.to_owned(),
            public: input.public,
            parent: None,
            is_disabled: false,
            deleted: None,
            deleted_by: None,
            handle: Handle::default(),
        };
        if input.import.is_some() || !self.keeps_pristine_repo(repo.id) {
            let path = self.new_repo_path(repo.id)?;
            let store = self.lfs_store();
            let contents =
                import::make(self.hold(), path, repo.name.clone(), input.import.clone(), store).await?;
            self.give_lfs_contents(repo.id, contents);
        }
        let id = repo.id;
        self.put(repo);
        Ok(id)
    }

    /// Replaces an empty repository by one with the imported content, its id and entries staying.
    pub(crate) async fn import_into(
        &mut self,
        repo: Uuid,
        repo_name: &str,
        from: PathBuf,
    ) -> Result<(), RegistryError> {
        let path = self.new_repo_path(repo)?;
        let contents =
            import::make(self.hold(), path, repo_name.to_owned(), Some(from), self.lfs_store()).await?;
        self.give_lfs_contents(repo, contents);
        Ok(())
    }

    /// Lets everybody read a repository.
    pub(crate) fn publish_repo(
        &mut self,
        account_name: &str,
        project_name: &str,
        repo_name: &str,
    ) -> Result<(), RegistryError> {
        let repo = self.directory.find_repo(account_name, project_name, repo_name)?.clone();
        self.put(Repo { public: true, ..repo });
        Ok(())
    }

    /// Removes a repository.
    pub(crate) fn delete_repo(
        &mut self,
        account_name: &str,
        project_name: &str,
        repo_name: &str,
    ) -> Result<(), RegistryError> {
        let repo = self.directory.find_repo(account_name, project_name, repo_name)?.clone();
        self.remove_repo(&repo);
        Ok(())
    }
}
