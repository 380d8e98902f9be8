//! Accounts, projects, repositories, access to them, and workspaces, as calls.

use std::path::{Path, PathBuf};

use super::{Admin, Result, sorted};
use crate::config::{
    Origin, Seed, SeedAccount, SeedEntry, SeedProject, SeedRepo, SeedWorkspace, apply, apply_entry,
    apply_project,
};
use crate::operations::administration;
use crate::registry::{ListPath, RegistryError, RepoInput};

impl Admin<'_> {
    /// The accounts' names.
    pub fn accounts(&self) -> Vec<String> {
        sorted(self.app.state.directory().accounts.values().map(|account| &account.name))
    }

    /// Makes an account with its projects and repositories.
    pub async fn add_account(&self, account: &SeedAccount) -> Result<()> {
        let seed = Seed { accounts: vec![account.clone()], ..Seed::default() };
        let mut change = self.change().await;
        if change.directory.account(&account.name).is_some() {
            return Err(RegistryError::exists("account", &account.name));
        }
        apply(&mut change, &seed, Origin::Hand, self.app.clock.now()).await?;
        Ok(change.commit().await?)
    }

    /// Removes an account with everything in it.
    pub async fn remove_account(&self, account: &str) -> Result<()> {
        administration::change(self.app, |change| change.delete_account(account)).await
    }

    /// The names of an account's projects.
    pub fn projects(&self, account: &str) -> Result<Vec<String>> {
        let directory = self.app.state.directory();
        let found = directory.find_account(account)?;
        Ok(sorted(directory.projects_of(found.id).map(|project| &project.name)))
    }

    /// Makes a project of an account, with its repositories.
    pub async fn add_project(&self, account: &str, project: &SeedProject) -> Result<()> {
        let mut change = self.change().await;
        let there = change.directory.find_account(account)?.id;
        if change.directory.project(there, &project.name).is_some() {
            return Err(RegistryError::exists("project", &project.name));
        }
        apply_project(&mut change, Path::new(""), account, project, self.app.clock.now()).await?;
        Ok(change.commit().await?)
    }

    /// Removes a project, `acme/iris`, with its repositories.
    pub async fn remove_project(&self, project: &str) -> Result<()> {
        let place = at(project)?;
        let name = needed("project", place.project)?;
        administration::change(self.app, |change| change.delete_project(place.account, name)).await
    }

    /// Puts a user into a group of an account or a project: `Readers`, `Contributors`, `Project Administrators`, and for
    /// an account `Project Collection Administrators`.
    pub async fn add_member(&self, place: &str, group: &str, user: &str) -> Result<()> {
        administration::set_member(self.app, at(place)?, group, user, true).await
    }

    /// Takes a user out of a group.
    pub async fn remove_member(&self, place: &str, group: &str, user: &str) -> Result<()> {
        administration::set_member(self.app, at(place)?, group, user, false).await
    }

    /// The names of the repositories of a project, `acme/iris`.
    pub fn repos(&self, project: &str) -> Result<Vec<String>> {
        let (directory, place) = (self.app.state.directory(), at(project)?);
        let name = needed("project", place.project)?;
        let found = directory.find_project(place.account, name);
        let found = found.map_err(|_| RegistryError::not_found("project", project))?;
        Ok(sorted(directory.repos_of(found.id).map(|repo| &repo.name)))
    }

    /// Makes a repository in a project, `acme/iris`.
    pub async fn add_repo(&self, project: &str, repo: &SeedRepo) -> Result<()> {
        let place = at(project)?;
        let name = needed("project", place.project)?;
        let mut change = self.change().await;
        let input = RepoInput { name: &repo.name, public: repo.public, import: repo.import.clone() };
        change.create_repo(place.account, name, &input).await?;
        for entry in &repo.acl {
            apply_entry(&mut change, ListPath { repo: Some(&repo.name), ..place }, entry)?;
        }
        Ok(change.commit().await?)
    }

    /// Removes a repository, `acme/iris/extra`.
    pub async fn remove_repo(&self, repo: &str) -> Result<()> {
        let place = at(repo)?;
        let (project, name) = (needed("project", place.project)?, needed("repository", place.repo)?);
        administration::change(self.app, |change| change.delete_repo(place.account, project, name)).await
    }

    /// The folder of a repository, `acme/iris/extra`: a bare one, which stock git reads.
    pub fn repo_path(&self, repo: &str) -> Result<PathBuf> {
        let (directory, place) = (self.app.state.directory(), at(repo)?);
        let names = place.project.zip(place.repo);
        let found = names.and_then(|(project, name)| directory.find_repo(place.account, project, name).ok());
        let found = found.ok_or_else(|| RegistryError::not_found("repository", repo))?;
        Ok(self.app.state.repo_path(found.id))
    }

    /// Sets an access control entry of an account, a project or a repository; one that says nothing is taken away.
    pub async fn set_acl(&self, place: &str, entry: &SeedEntry) -> Result<()> {
        let place = at(place)?;
        administration::change(self.app, |change| apply_entry(change, place, entry)).await
    }

    /// Makes a workspace of the Experimentation service, or adds members to it.
    pub async fn add_workspace(&self, workspace: &SeedWorkspace) -> Result<()> {
        let now = self.app.clock.now();
        administration::change(self.app, |change| change.create_workspace(&workspace.input(), now)).await?;
        Ok(())
    }

    /// Removes a workspace that has no projects.
    pub async fn remove_workspace(&self, account: &str, workspace: &str) -> Result<()> {
        administration::delete_workspace(self.app, account, workspace).await
    }
}

fn at(path: &str) -> Result<ListPath<'_>> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let account = parts.next().ok_or_else(|| RegistryError::value("place", "names no account"))?;
    let place = ListPath { account, project: parts.next(), repo: parts.next(), branch: None };
    match parts.next() {
        None => Ok(place),
        Some(_) => Err(RegistryError::value("place", format!("{path:?} is no ACCOUNT/PROJECT/REPO"))),
    }
}

fn needed<'a>(what: &str, name: Option<&'a str>) -> Result<&'a str> {
    name.ok_or_else(|| RegistryError::value("place", format!("names no {what}")))
}
