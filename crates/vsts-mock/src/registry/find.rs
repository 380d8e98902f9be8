//! Lookups by name, which say what is missing.

use uuid::Uuid;

use super::acl::full_name;
use super::{ListPath, RegistryError};
use crate::access::token;
use crate::directory::{Account, Directory, Group, GroupKind, Project, Repo, Resource, User};

impl Directory {
    pub(crate) fn find_user(&self, name: &str) -> Result<&User, RegistryError> {
        self.user(name).ok_or_else(|| RegistryError::not_found("user", name))
    }

    pub(crate) fn find_account(&self, name: &str) -> Result<&Account, RegistryError> {
        self.account(name).ok_or_else(|| RegistryError::not_found("account", name))
    }

    pub(crate) fn find_project(&self, account: &str, name: &str) -> Result<&Project, RegistryError> {
        let account = self.find_account(account)?.id;
        self.project(account, name).ok_or_else(|| RegistryError::not_found("project", name))
    }

    pub(crate) fn find_repo(&self, account: &str, project: &str, name: &str) -> Result<&Repo, RegistryError> {
        let project = self.find_project(account, project)?.id;
        self.repo(project, name).ok_or_else(|| RegistryError::not_found("repository", name))
    }

    /// The group of a kind of which there is one in an account or a project.
    pub(super) fn find_group(
        &self,
        account: &str,
        project: Option<&str>,
        kind: GroupKind,
    ) -> Result<&Group, RegistryError> {
        let account_id = self.find_account(account)?.id;
        let project = project.map(|name| self.find_project(account, name)).transpose()?;
        let found = self.group(account_id, project.map(|project| project.id), kind);
        found.ok_or_else(|| RegistryError::not_found("group", kind.name()))
    }

    /// The workspace of the Experimentation service in an account of it.
    pub(crate) fn find_workspace(&self, account: &str, name: &str) -> Result<&Resource, RegistryError> {
        let found = self.experimentation.at(&[account, name]);
        found.ok_or_else(|| RegistryError::not_found("workspace", name))
    }

    /// The account and the security token of a list of entries.
    pub(crate) fn find_list(&self, path: ListPath<'_>) -> Result<(Uuid, String), RegistryError> {
        let account = self.find_account(path.account)?.id;
        let at = match (path.project, path.repo, path.branch) {
            (None, None, None) => token::COLLECTION.to_owned(),
            (Some(project), None, None) => token::project(self.find_project(path.account, project)?.id),
            (Some(project), Some(repo), branch) => {
                let repo = self.find_repo(path.account, project, repo)?;
                match branch {
                    None => token::repository(repo.project, repo.id),
                    Some(branch) => token::reference(repo.project, repo.id, &full_name(branch)?),
                }
            }
            _ => return Err(RegistryError::value("branch", "a branch needs its repository")),
        };
        Ok((account, at))
    }
}
