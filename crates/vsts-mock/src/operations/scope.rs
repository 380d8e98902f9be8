//! The names that lead to a repository, looked up for one principal: what the principal may not know of is not there.

use uuid::Uuid;

use super::refused::Refused;
use crate::access::{Permission, Principal, Refusal, Target, authorize, can_see};
use crate::directory::{Account, Directory, Project, Repo};

/// A principal, and the account and project that a request names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) account: &'a str,
    /// Its name or its id.
    pub(crate) project: Option<&'a str>,
}

/// A repository with the account and the project that it is in.
pub(crate) type Located<'w> = (&'w Account, &'w Project, &'w Repo);

impl Scope<'_> {
    pub(crate) fn account<'w>(&self, directory: &'w Directory) -> Result<&'w Account, Refused> {
        let found = directory.account(self.account);
        let seen = found.filter(|account| can_see(directory, self.principal, Target::Account(account)));
        seen.ok_or_else(|| Refused::NoAccount { user: self.principal.name.clone() })
    }

    /// The project of that name or id.
    pub(crate) fn named_project<'w>(
        &self,
        directory: &'w Directory,
        name: &str,
    ) -> Result<&'w Project, Refused> {
        let found = directory.project(self.account(directory)?.id, name);
        let seen = found.filter(|project| can_see(directory, self.principal, Target::Project(project)));
        seen.ok_or_else(|| Refused::NoProject { name: name.to_owned() })
    }

    /// The project that the request names; `None` if it names none.
    pub(crate) fn project<'w>(&self, directory: &'w Directory) -> Result<Option<&'w Project>, Refused> {
        self.project.map(|name| self.named_project(directory, name)).transpose()
    }

    /// The repository of that name or id, if the principal may read it.
    pub(crate) fn repo<'w>(&self, directory: &'w Directory, asked: &str) -> Result<Located<'w>, Refused> {
        let found = self.repo_to_all(directory, asked)?;
        match authorize(directory, self.principal, Permission::GenericRead, Target::Repo(found.2)) {
            Ok(()) => Ok(found),
            Err(refusal @ Refusal::TokenScope { .. }) => Err(refusal.into()),
            Err(_) => Err(Refused::no_repository(asked)),
        }
    }

    /// The repository of that name or id, whoever may read it.
    pub(super) fn repo_to_all<'w>(
        &self,
        directory: &'w Directory,
        asked: &str,
    ) -> Result<Located<'w>, Refused> {
        let account = self.account(directory)?;
        let found = match self.project(directory)? {
            Some(project) => directory.repo(project.id, asked),
            None => Uuid::parse_str(asked).ok().and_then(|id| directory.repos.get(&id)),
        };
        let absent = || Refused::no_repository(asked);
        let repo = found.filter(|repo| repo.account == account.id).ok_or_else(absent)?;
        let project = directory.projects.get(&repo.project).ok_or_else(absent)?;
        Ok((account, project, repo))
    }

    pub(crate) fn authorize(
        &self,
        directory: &Directory,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<(), Refused> {
        Ok(authorize(directory, self.principal, permission, target)?)
    }

    /// Returns whether the principal may read a repository.
    pub(crate) fn may_read(&self, directory: &Directory, repo: &Repo) -> bool {
        authorize(directory, self.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
    }
}
