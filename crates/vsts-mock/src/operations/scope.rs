//! The names that lead to a repository, looked up for one principal: what the principal may not know of is not there.

use uuid::Uuid;

use super::refused::Refused;
use crate::access::{Permission, Principal, Refusal, Target, authorize, can_see};
use crate::world::{Account, Project, Repo, World};

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
    pub(crate) fn account<'w>(&self, world: &'w World) -> Result<&'w Account, Refused> {
        let found = world.account(self.account);
        let seen = found.filter(|account| can_see(world, self.principal, Target::Account(account)));
        seen.ok_or_else(|| Refused::NoAccount { user: self.principal.name.clone() })
    }

    /// The project of that name or id.
    pub(crate) fn named_project<'w>(&self, world: &'w World, name: &str) -> Result<&'w Project, Refused> {
        let found = world.project(self.account(world)?.id, name);
        let seen = found.filter(|project| can_see(world, self.principal, Target::Project(project)));
        seen.ok_or_else(|| Refused::NoProject { name: name.to_owned() })
    }

    /// The project that the request names; `None` if it names none.
    pub(crate) fn project<'w>(&self, world: &'w World) -> Result<Option<&'w Project>, Refused> {
        self.project.map(|name| self.named_project(world, name)).transpose()
    }

    /// The repository of that name or id, if the principal may read it.
    pub(crate) fn repo<'w>(&self, world: &'w World, asked: &str) -> Result<Located<'w>, Refused> {
        let found = self.repo_to_all(world, asked)?;
        match authorize(world, self.principal, Permission::GenericRead, Target::Repo(found.2)) {
            Ok(()) => Ok(found),
            Err(refusal @ Refusal::TokenScope { .. }) => Err(refusal.into()),
            Err(_) => Err(Refused::no_repository(asked)),
        }
    }

    /// The repository of that name or id, whoever may read it.
    pub(super) fn repo_to_all<'w>(&self, world: &'w World, asked: &str) -> Result<Located<'w>, Refused> {
        let account = self.account(world)?;
        let found = match self.project(world)? {
            Some(project) => world.repo(project.id, asked),
            None => Uuid::parse_str(asked).ok().and_then(|id| world.repos.get(&id)),
        };
        let absent = || Refused::no_repository(asked);
        let repo = found.filter(|repo| repo.account == account.id).ok_or_else(absent)?;
        let project = world.projects.get(&repo.project).ok_or_else(absent)?;
        Ok((account, project, repo))
    }

    pub(crate) fn authorize(
        &self,
        world: &World,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<(), Refused> {
        Ok(authorize(world, self.principal, permission, target)?)
    }

    /// Returns whether the principal may read a repository.
    pub(crate) fn may_read(&self, world: &World, repo: &Repo) -> bool {
        authorize(world, self.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
    }
}
