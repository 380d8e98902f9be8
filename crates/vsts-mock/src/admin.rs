//! A running server in the hands of the program that started it: everything that the admin API can do, as calls.
//!
//! What is made is described by the same types as a seed's pieces. Each call is one change: it happens as a whole, or
//! not at all.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::app::App;
use crate::config::{
    GeneratedTokens, Origin, Seed, SeedAccount, SeedEntry, SeedKey, SeedProject, SeedRepo, SeedToken,
    SeedUser, SeedWorkspace, apply, apply_entry, apply_project, apply_user, line_of,
};
use crate::journal::JournalEntry;
use crate::registry::{KeyInput, Place, RegistryError, RepoInput, TokenInput, WorkspaceInput};
use crate::state::Change;
use crate::world::{GroupKind, Repo, User, World};

/// A running server, as [`MockServer::admin`](crate::MockServer::admin) gives it.
///
/// Accounts, projects and repositories are named by paths: `acme`, `acme/iris`, `acme/iris/extra`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use vsts_mock::{MockServer, SeedAccount, SeedEntry, SeedProject, SeedRepo, SeedToken, SeedUser};
///
/// let mut server = MockServer::builder().user(SeedUser::new("alice")).start().await?;
/// let admin = server.admin();
/// admin.add_account(&SeedAccount::new("acme").owner("alice")).await?;
/// admin.add_project("acme", &SeedProject::new("iris").contributor("alice")).await?;
/// admin.add_repo("acme/iris", &SeedRepo::new("extra")).await?;
/// admin.set_acl("acme/iris/extra", &SeedEntry::user("alice").deny(["ForcePush"])).await?;
/// let token = admin.add_token("alice", &SeedToken::new("ci").scope("vso.code_write")).await?;
/// assert_eq!(token.len(), 52);
/// assert_eq!(admin.tokens("alice")?[0].scopes, ["vso.code_write"]);
/// admin.remove_token("alice", "ci").await?;
/// assert!(admin.journal().is_empty(), "nobody has asked for anything yet");
/// server.reset().await?;
/// assert!(server.admin().repos("acme/iris").is_err(), "it was not in the seed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Admin<'s> {
    app: &'s App,
}

/// A token, without its value, which nobody knows any more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it stops working, if ever.
    pub expires: Option<Timestamp>,
    /// When it was used last, since the server has started.
    pub last_used: Option<Timestamp>,
}

/// A registered SSH public key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `ssh-ed25519` and so on.
    pub algorithm: String,
    /// `SHA256:…`, as ssh-keygen prints it.
    pub fingerprint: String,
    /// When it stops working, if ever.
    pub expires: Option<Timestamp>,
    /// When it signed last, since the server has started.
    pub last_used: Option<Timestamp>,
}

type Result<T> = std::result::Result<T, RegistryError>;

impl<'s> Admin<'s> {
    pub(crate) fn of(app: &'s App) -> Self {
        Self { app }
    }

    async fn change(&self) -> Result<Change<'s>> {
        Ok(self.app.state.change().await?)
    }

    /// Makes everything that a seed has and the server lacks; gives the tokens that were generated, by user and name.
    pub async fn apply(&self, seed: &Seed) -> Result<GeneratedTokens> {
        let mut change = self.change().await?;
        let generated = apply(&mut change, seed, Origin::Hand, self.app.clock.now()).await?;
        change.commit().await?;
        Ok(generated)
    }

    /// The users' names.
    pub fn users(&self) -> Vec<String> {
        sorted(self.app.state.world().users.values().map(|user| &user.name))
    }

    /// Makes a user with their tokens and keys; gives the tokens that were generated, by name.
    pub async fn add_user(&self, user: &SeedUser) -> Result<Vec<(String, String)>> {
        let mut change = self.change().await?;
        if change.world.user(&user.name).is_some() {
            return Err(RegistryError::exists("user", &user.name));
        }
        let (base, mut generated) = (PathBuf::new(), GeneratedTokens::new());
        apply_user(&mut change, &base, user, Origin::Hand, self.app.clock.now(), &mut generated).await?;
        change.commit().await?;
        Ok(generated.into_values().flatten().collect())
    }

    /// Removes a user and all that is theirs.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        let mut change = self.change().await?;
        change.delete_user(name).await?;
        Ok(change.commit().await?)
    }

    /// A user's tokens.
    pub fn tokens(&self, user: &str) -> Result<Vec<TokenInfo>> {
        let world = self.app.state.world();
        let user = find_user(&world, user)?.id;
        let mine = world.tokens.values().filter(|token| token.user == user);
        Ok(mine
            .map(|token| TokenInfo {
                id: token.id.to_string(),
                name: token.name.clone(),
                scopes: token.scopes.clone(),
                expires: token.expires,
                last_used: self.app.uses.last(token.id),
            })
            .collect())
    }

    /// Makes a token; gives its value.
    pub async fn add_token(&self, user: &str, token: &SeedToken) -> Result<String> {
        let mut change = self.change().await?;
        let input = TokenInput {
            name: &token.name,
            value: token.value.as_deref(),
            scopes: &token.scopes,
            expires: token.expires,
            ..TokenInput::named()
        };
        let (_, value) = change.create_token(user, &input, self.app.clock.now()).await?;
        change.commit().await?;
        Ok(value.reveal().to_owned())
    }

    /// Revokes a token, by its name or id.
    pub async fn remove_token(&self, user: &str, token: &str) -> Result<()> {
        let mut change = self.change().await?;
        change.delete_token(user, token).await?;
        Ok(change.commit().await?)
    }

    /// A user's SSH public keys.
    pub fn keys(&self, user: &str) -> Result<Vec<KeyInfo>> {
        let world = self.app.state.world();
        let user = find_user(&world, user)?.id;
        let mine = world.keys.values().filter(|key| key.user == user);
        Ok(mine
            .map(|key| KeyInfo {
                id: key.id.to_string(),
                name: key.name.clone(),
                algorithm: key.algorithm.clone(),
                fingerprint: key.fingerprint.clone(),
                expires: key.expires,
                last_used: self.app.uses.last(key.id),
            })
            .collect())
    }

    /// Registers an SSH public key; gives its fingerprint.
    pub async fn add_key(&self, user: &str, key: &SeedKey) -> Result<String> {
        let line = line_of(key, &PathBuf::new())?;
        let mut change = self.change().await?;
        let input = KeyInput { name: &key.name, key: &line, expires: None, has_own_name: true };
        let id = change.create_key(user, &input, self.app.clock.now()).await?;
        let fingerprint = change.world.keys.get(&id).map(|key| key.fingerprint.clone());
        change.commit().await?;
        Ok(fingerprint.unwrap_or_default())
    }

    /// Takes a key out of the registry, by its name or id.
    pub async fn remove_key(&self, user: &str, key: &str) -> Result<()> {
        let mut change = self.change().await?;
        change.delete_key(user, key).await?;
        Ok(change.commit().await?)
    }

    /// The accounts' names.
    pub fn accounts(&self) -> Vec<String> {
        sorted(self.app.state.world().accounts.values().map(|account| &account.name))
    }

    /// Makes an account with its projects and repositories.
    pub async fn add_account(&self, account: &SeedAccount) -> Result<()> {
        let seed = Seed { accounts: vec![account.clone()], ..Seed::default() };
        let mut change = self.change().await?;
        if change.world.account(&account.name).is_some() {
            return Err(RegistryError::exists("account", &account.name));
        }
        apply(&mut change, &seed, Origin::Hand, self.app.clock.now()).await?;
        Ok(change.commit().await?)
    }

    /// Removes an account with everything in it.
    pub async fn remove_account(&self, account: &str) -> Result<()> {
        let mut change = self.change().await?;
        change.delete_account(account).await?;
        Ok(change.commit().await?)
    }

    /// The names of an account's projects.
    pub fn projects(&self, account: &str) -> Result<Vec<String>> {
        let world = self.app.state.world();
        let found = world.account(account).ok_or_else(|| RegistryError::not_found("account", account))?;
        Ok(sorted(world.projects_of(found.id).map(|project| &project.name)))
    }

    /// Makes a project of an account, with its repositories.
    pub async fn add_project(&self, account: &str, project: &SeedProject) -> Result<()> {
        let mut change = self.change().await?;
        let there = change.world.account(account).map(|account| account.id);
        if there.is_some_and(|account| change.world.project(account, &project.name).is_some()) {
            return Err(RegistryError::exists("project", &project.name));
        }
        if there.is_none() {
            return Err(RegistryError::not_found("account", account));
        }
        apply_project(&mut change, &PathBuf::new(), account, project, self.app.clock.now()).await?;
        Ok(change.commit().await?)
    }

    /// Removes a project, `acme/iris`, with its repositories.
    pub async fn remove_project(&self, project: &str) -> Result<()> {
        let place = at(project)?;
        let mut change = self.change().await?;
        change.delete_project(place.account, needed("project", place.project)?).await?;
        Ok(change.commit().await?)
    }

    /// Puts a user into a group of an account or a project: `Readers`, `Contributors`, `Project Administrators`, and for
    /// an account `Project Collection Administrators`.
    pub async fn add_member(&self, place: &str, group: &str, user: &str) -> Result<()> {
        let (place, kind) = (at(place)?, kind_of(group)?);
        let mut change = self.change().await?;
        change.add_member(place.account, place.project, kind, user).await?;
        Ok(change.commit().await?)
    }

    /// Takes a user out of a group.
    pub async fn remove_member(&self, place: &str, group: &str, user: &str) -> Result<()> {
        let (place, kind) = (at(place)?, kind_of(group)?);
        let mut change = self.change().await?;
        change.remove_member(place.account, place.project, kind, user).await?;
        Ok(change.commit().await?)
    }

    /// The names of the repositories of a project, `acme/iris`.
    pub fn repos(&self, project: &str) -> Result<Vec<String>> {
        let (world, place) = (self.app.state.world(), at(project)?);
        let name = needed("project", place.project)?;
        let account = world.account(place.account);
        let found = account.and_then(|account| world.project(account.id, name));
        let found = found.ok_or_else(|| RegistryError::not_found("project", project))?;
        Ok(sorted(world.repos_of(found.id).map(|repo| &repo.name)))
    }

    /// Makes a repository in a project, `acme/iris`.
    pub async fn add_repo(&self, project: &str, repo: &SeedRepo) -> Result<()> {
        let place = at(project)?;
        let name = needed("project", place.project)?;
        let mut change = self.change().await?;
        let input = RepoInput { name: &repo.name, public: repo.public, import: repo.import.clone() };
        change.create_repo(place.account, name, &input).await?;
        for entry in &repo.acl {
            apply_entry(&mut change, Place { repo: Some(&repo.name), ..place }, entry).await?;
        }
        Ok(change.commit().await?)
    }

    /// Removes a repository, `acme/iris/extra`.
    pub async fn remove_repo(&self, repo: &str) -> Result<()> {
        let place = at(repo)?;
        let (project, name) = (needed("project", place.project)?, needed("repository", place.repo)?);
        let mut change = self.change().await?;
        change.delete_repo(place.account, project, name).await?;
        Ok(change.commit().await?)
    }

    /// The folder of a repository, `acme/iris/extra`: a bare one, which stock git reads.
    pub fn repo_path(&self, repo: &str) -> Result<PathBuf> {
        let (world, place) = (self.app.state.world(), at(repo)?);
        let found = find_repo(&world, place).ok_or_else(|| RegistryError::not_found("repository", repo))?;
        Ok(self.app.state.repo_path(found.id))
    }

    /// Sets an access control entry of an account, a project or a repository; one that says nothing is taken away.
    pub async fn set_acl(&self, place: &str, entry: &SeedEntry) -> Result<()> {
        let mut change = self.change().await?;
        apply_entry(&mut change, at(place)?, entry).await?;
        Ok(change.commit().await?)
    }

    /// Makes a workspace of the Experimentation service, or adds members to it.
    pub async fn add_workspace(&self, workspace: &SeedWorkspace) -> Result<()> {
        let mut change = self.change().await?;
        let input = WorkspaceInput {
            account: &workspace.account,
            name: &workspace.workspace,
            owners: &workspace.owners,
            contributors: &workspace.contributors,
        };
        change.create_workspace(&input, self.app.clock.now()).await?;
        Ok(change.commit().await?)
    }

    /// Removes a workspace that has no projects.
    pub async fn remove_workspace(&self, account: &str, workspace: &str) -> Result<()> {
        let mut change = self.change().await?;
        let found = change.world.experimentation.at(&[account, workspace]).map(|found| found.id);
        change
            .delete_resource(found.ok_or_else(|| RegistryError::not_found("workspace", workspace))?)
            .await?;
        Ok(change.commit().await?)
    }

    /// What was asked of the server, oldest first.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.journal_after(0)
    }

    /// What was asked after the entry of that number.
    pub fn journal_after(&self, seq: u64) -> Vec<JournalEntry> {
        self.app.journal.after(seq)
    }

    /// Forgets what was asked.
    pub fn clear_journal(&self) {
        self.app.journal.clear();
    }
}

impl fmt::Debug for Admin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admin")
    }
}

fn at(path: &str) -> Result<Place<'_>> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let account = parts.next().ok_or_else(|| RegistryError::value("place", "names no account"))?;
    let place = Place { account, project: parts.next(), repo: parts.next(), branch: None };
    match parts.next() {
        None => Ok(place),
        Some(_) => Err(RegistryError::value("place", format!("{path:?} is no ACCOUNT/PROJECT/REPO"))),
    }
}

fn needed<'a>(what: &str, name: Option<&'a str>) -> Result<&'a str> {
    name.ok_or_else(|| RegistryError::value("place", format!("names no {what}")))
}

fn kind_of(group: &str) -> Result<GroupKind> {
    GroupKind::from_name(group).ok_or_else(|| RegistryError::not_found("group", group))
}

fn find_user<'w>(world: &'w World, name: &str) -> Result<&'w User> {
    world.user(name).ok_or_else(|| RegistryError::not_found("user", name))
}

fn find_repo<'w>(world: &'w World, place: Place<'_>) -> Option<&'w Repo> {
    let account = world.account(place.account)?;
    let project = world.project(account.id, place.project?)?;
    world.repo(project.id, place.repo?)
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_unstable();
    names
}
