//! Everything the server knows about who and what, in memory: users, credentials, accounts, projects, repositories,
//! groups, access control entries.
//!
//! A [`Directory`] is a plain value. The running server holds one behind an `Arc` and replaces it as a whole after each
//! change, so that every request decides on one consistent picture without asking the database. Its maps share what a
//! change leaves as it was, so that a copy costs the same whatever is in them. Every mutation here has its statement in
//! [`crate::registry`]; nothing else writes.

mod entries;
pub(crate) mod experimentation;
mod group;
mod handle;
pub(crate) mod name;
mod names;
pub(crate) mod permission;
pub(crate) mod subject;
pub(crate) mod token;

use std::ops::RangeInclusive;

use imbl::{HashMap, OrdMap, OrdSet};
use jiff::Timestamp;
use uuid::Uuid;

use entries::Entries;
pub(crate) use entries::Entry;
pub(crate) use experimentation::{Assignment, Experimentation, Level, Resource, Role};
pub(crate) use group::{Group, GroupKind};
pub(crate) use handle::{Handle, OpenRepositories};
use name::NameError;
use names::Names;

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    pub(crate) password_hash: Option<String>,
}

/// A personal access token; its value is known by its hash alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) scopes: Vec<String>,
    /// The accounts that it is good for; all if there are none.
    pub(crate) accounts: Vec<Uuid>,
    /// Whether it came from signing in, and goes when the user signs out.
    pub(crate) is_session: bool,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

/// A registered SSH public key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SshKey {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) name: String,
    pub(crate) algorithm: String,
    /// The key's wire form in base64: what identifies its owner.
    pub(crate) blob: String,
    pub(crate) fingerprint: String,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

impl SshKey {
    /// Whether it may be signed with at this time.
    pub(crate) fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// The highest level: `acme` in `acme.visualstudio.com`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) owner: Option<Uuid>,
}

/// A project of an account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The process that its work follows, by its short name.
    pub(crate) process: String,
    /// Counts its changes.
    pub(crate) revision: i64,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// A Git repository of a project; its folder is named for its id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Repo {
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    pub(crate) project: Uuid,
    pub(crate) name: String,
    pub(crate) public: bool,
    /// The repository that it was forked from, which may be gone.
    pub(crate) parent: Option<Uuid>,
    /// True if it is listed and nothing else.
    pub(crate) is_disabled: bool,
    pub(crate) handle: Handle,
}

/// A repository in its project's recycle bin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeletedRepo {
    pub(crate) repo: Repo,
    /// Who deleted it.
    pub(crate) by: Uuid,
    pub(crate) deleted: Timestamp,
}

/// The whole picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directory {
    pub(crate) users: OrdMap<Uuid, User>,
    pub(crate) tokens: OrdMap<Uuid, Token>,
    pub(crate) keys: OrdMap<Uuid, SshKey>,
    pub(crate) accounts: OrdMap<Uuid, Account>,
    pub(crate) projects: OrdMap<Uuid, Project>,
    pub(crate) repos: OrdMap<Uuid, Repo>,
    /// What lies in the recycle bins: no part of anything, until it is restored.
    pub(crate) deleted_repos: OrdMap<Uuid, DeletedRepo>,
    pub(crate) groups: OrdMap<Uuid, Group>,
    /// (member, group)
    pub(crate) memberships: OrdSet<(Uuid, Uuid)>,
    pub(crate) experimentation: Experimentation,
    /// Who has locked a ref of a repository.
    pub(crate) ref_locks: OrdMap<(Uuid, String), Uuid>,
    /// What tokens and keys the seed has given once, by marks that derive from what it says of them.
    pub(crate) seeded: OrdSet<Uuid>,
    acl: HashMap<Uuid, Entries>,
    /// How many entries a user or a group has in an account.
    entry_counts: HashMap<(Uuid, Uuid), usize>,
    /// The tokens at which nothing is inherited, by account.
    cut_off: HashMap<Uuid, OrdSet<String>>,
    group_index: HashMap<(Uuid, Option<Uuid>, GroupKind), Uuid>,
    token_by_hash: HashMap<String, Uuid>,
    key_by_blob: HashMap<String, Uuid>,
    names: Names,
    /// (account, project)
    account_projects: OrdSet<(Uuid, Uuid)>,
    /// (project, repository)
    project_repos: OrdSet<(Uuid, Uuid)>,
    /// (account or project, group)
    place_groups: OrdSet<(Uuid, Uuid)>,
    /// (group, member)
    group_members: OrdSet<(Uuid, Uuid)>,
}

/// The pairs that begin with an id.
fn pairs_of(first: Uuid) -> RangeInclusive<(Uuid, Uuid)> {
    (first, Uuid::nil())..=(first, Uuid::max())
}

/// Removes the entries for which `keep` is false.
fn retain<K: Ord + Clone, V: Clone>(map: &mut OrdMap<K, V>, keep: impl Fn(&K, &V) -> bool) {
    let gone: Vec<K> =
        map.iter().filter(|(key, value)| !keep(key, value)).map(|(key, _)| key.clone()).collect();
    for key in gone {
        map.remove(&key);
    }
}

impl Directory {
    pub(crate) fn insert_user(&mut self, user: User) {
        self.names.insert(name::USERS, &user.name, user.id);
        self.users.insert(user.id, user);
    }

    pub(crate) fn insert_token(&mut self, token: Token) {
        self.token_by_hash.insert(token.hash.clone(), token.id);
        self.tokens.insert(token.id, token);
    }

    pub(crate) fn insert_key(&mut self, key: SshKey) {
        self.key_by_blob.insert(key.blob.clone(), key.id);
        self.keys.insert(key.id, key);
    }

    pub(crate) fn insert_account(&mut self, account: Account) {
        self.names.insert(name::ACCOUNTS, &account.name, account.id);
        self.accounts.insert(account.id, account);
    }

    pub(crate) fn insert_project(&mut self, project: Project) {
        self.names.insert(project.account, &project.name, project.id);
        self.account_projects.insert((project.account, project.id));
        self.projects.insert(project.id, project);
    }

    pub(crate) fn insert_repo(&mut self, repo: Repo) {
        self.names.insert(repo.project, &repo.name, repo.id);
        self.project_repos.insert((repo.project, repo.id));
        self.repos.insert(repo.id, repo);
    }

    /// Replaces a project by itself with another name.
    pub(crate) fn rename_project(&mut self, project: Project) {
        if let Some(old) = self.projects.get(&project.id) {
            self.names.remove(old.account, &old.name);
        }
        self.insert_project(project);
    }

    /// Replaces a repository by itself with another name.
    pub(crate) fn rename_repo(&mut self, repo: Repo) {
        if let Some(old) = self.repos.get(&repo.id) {
            self.names.remove(old.project, &old.name);
        }
        self.insert_repo(repo);
    }

    /// Puts a repository aside. Its access control entries stay, for when it comes back.
    pub(crate) fn bin_repo(&mut self, deleted: DeletedRepo) {
        self.repos.remove(&deleted.repo.id);
        self.project_repos.remove(&(deleted.repo.project, deleted.repo.id));
        self.names.remove(deleted.repo.project, &deleted.repo.name);
        self.deleted_repos.insert(deleted.repo.id, deleted);
    }

    /// Removes a repository that was put aside.
    pub(crate) fn remove_deleted_repo(&mut self, id: Uuid) {
        self.deleted_repos.remove(&id);
        self.remove_locks(id);
    }

    fn remove_locks(&mut self, repo: Uuid) {
        let locks = self.ref_locks.range((repo, String::new())..).take_while(|((of, _), _)| *of == repo);
        let locks: Vec<_> = locks.map(|(lock, _)| lock.clone()).collect();
        for lock in locks {
            self.ref_locks.remove(&lock);
        }
    }

    /// Puts a user or a group into a group; false if it was in it.
    pub(crate) fn join(&mut self, member: Uuid, group: Uuid) -> bool {
        self.group_members.insert((group, member));
        self.memberships.insert((member, group)).is_none()
    }

    /// Takes a user or a group out of a group; false if it was not in it.
    pub(crate) fn leave(&mut self, member: Uuid, group: Uuid) -> bool {
        self.group_members.remove(&(group, member));
        self.memberships.remove(&(member, group)).is_some()
    }

    /// Who is put into a group, without those whose being in it follows.
    pub(crate) fn joined(&self, group: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.group_members.range(pairs_of(group)).map(|(_, member)| *member)
    }

    /// The groups that a user or a group is put into.
    fn joins(&self, member: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.memberships.range(pairs_of(member)).map(|(_, group)| *group)
    }

    /// Who has locked a ref, if anybody has.
    pub(crate) fn lock_of(&self, repo: Uuid, name: &str) -> Option<Uuid> {
        self.ref_locks.get(&(repo, name.to_owned())).copied()
    }

    pub(crate) fn remove_token(&mut self, id: Uuid) {
        if let Some(token) = self.tokens.remove(&id) {
            self.token_by_hash.remove(&token.hash);
        }
    }

    pub(crate) fn remove_key(&mut self, id: Uuid) {
        if let Some(key) = self.keys.remove(&id) {
            self.key_by_blob.remove(&key.blob);
        }
    }

    /// Removes the user with all that is theirs, and every mention of them.
    pub(crate) fn remove_user(&mut self, id: Uuid) {
        if let Some(user) = self.users.remove(&id) {
            self.names.remove(name::USERS, &user.name);
        }
        let tokens: Vec<Uuid> =
            self.tokens.values().filter(|token| token.user == id).map(|token| token.id).collect();
        for token in tokens {
            self.remove_token(token);
        }
        let keys: Vec<Uuid> = self.keys.values().filter(|key| key.user == id).map(|key| key.id).collect();
        for key in keys {
            self.remove_key(key);
        }
        let groups: Vec<Uuid> = self.joins(id).collect();
        for group in groups {
            self.leave(id, group);
        }
        let owned: Vec<Account> =
            self.accounts.values().filter(|account| account.owner == Some(id)).cloned().collect();
        for account in owned {
            self.accounts.insert(account.id, Account { owner: None, ..account });
        }
        retain(&mut self.ref_locks, |_, user| *user != id);
        self.experimentation.remove_user(id);
        self.forget_entries_of(&[id]);
    }

    pub(crate) fn remove_account(&mut self, id: Uuid) {
        let projects: Vec<_> = self.projects_of(id).map(|project| project.id).collect();
        for project in projects {
            self.remove_project(project);
        }
        if let Some(account) = self.accounts.remove(&id) {
            self.names.remove(name::ACCOUNTS, &account.name);
        }
        let groups: Vec<Uuid> = self.groups_in(id, None).map(|group| group.id).collect();
        self.remove_groups(&groups);
        self.forget_lists_below(id, token::COLLECTION);
    }

    pub(crate) fn remove_project(&mut self, id: Uuid) {
        let repos: Vec<_> = self.repos_of(id).map(|repo| repo.id).collect();
        for repo in repos {
            self.remove_repo(repo);
        }
        let repos = &mut self.deleted_repos;
        let gone: Vec<Uuid> = repos
            .values()
            .filter(|deleted| deleted.repo.project == id)
            .map(|deleted| deleted.repo.id)
            .collect();
        for repo in gone {
            self.remove_deleted_repo(repo);
        }
        if let Some(project) = self.projects.remove(&id) {
            self.names.remove(project.account, &project.name);
            self.account_projects.remove(&(project.account, id));
            let groups: Vec<Uuid> = self.groups_in(project.account, Some(id)).map(|group| group.id).collect();
            self.remove_groups(&groups);
            self.forget_lists_below(project.account, &token::project(id));
        }
    }

    pub(crate) fn remove_repo(&mut self, id: Uuid) {
        self.remove_locks(id);
        if let Some(repo) = self.repos.remove(&id) {
            self.names.remove(repo.project, &repo.name);
            self.project_repos.remove(&(repo.project, id));
            self.forget_lists_below(repo.account, &token::repository(repo.project, repo.id));
        }
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(&self.names.get(name::USERS, name)?)
    }

    /// The user of that name or e-mail address, as people type either when they sign in.
    pub(crate) fn user_by_login(&self, login: &str) -> Option<&User> {
        self.user(login).or_else(|| {
            self.users
                .values()
                .find(|user| user.email.as_deref().is_some_and(|mail| mail.eq_ignore_ascii_case(login)))
        })
    }

    pub(crate) fn token_by_hash(&self, hash: &str) -> Option<&Token> {
        self.tokens.get(self.token_by_hash.get(hash)?)
    }

    /// The key of that wire form in base64.
    pub(crate) fn key_by_blob(&self, blob: &str) -> Option<&SshKey> {
        self.keys.get(self.key_by_blob.get(blob)?)
    }

    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(&self.names.get(name::ACCOUNTS, name)?)
    }

    /// The project of that name, or of that id, in the account.
    pub(crate) fn project(&self, account: Uuid, name_or_id: &str) -> Option<&Project> {
        // An id is one, whatever somebody else's project is called.
        let of_account = |id: Uuid| self.projects.get(&id).filter(|project| project.account == account);
        let by_name = || self.names.get(account, name_or_id);
        Uuid::parse_str(name_or_id).ok().and_then(of_account).or_else(|| of_account(by_name()?))
    }

    /// The repository of that name, or of that id, in the project.
    pub(crate) fn repo(&self, project: Uuid, name_or_id: &str) -> Option<&Repo> {
        let of_project = |id: Uuid| self.repos.get(&id).filter(|repo| repo.project == project);
        let by_name = || self.names.get(project, name_or_id);
        Uuid::parse_str(name_or_id).ok().and_then(of_project).or_else(|| of_project(by_name()?))
    }

    pub(crate) fn projects_of(&self, account: Uuid) -> impl Iterator<Item = &Project> {
        self.account_projects.range(pairs_of(account)).filter_map(|(_, project)| self.projects.get(project))
    }

    pub(crate) fn repos_of(&self, project: Uuid) -> impl Iterator<Item = &Repo> {
        self.project_repos.range(pairs_of(project)).filter_map(|(_, repo)| self.repos.get(repo))
    }

    /// Refuses a name that looks like that of something else in the same place (an account for a project, a project for a
    /// repository, [`name::USERS`]) in letters of another script. `own` is the name that it replaces.
    pub(crate) fn check_alike(
        &self,
        what: &'static str,
        place: Uuid,
        name: &str,
        own: Option<&str>,
    ) -> Result<(), NameError> {
        match self.names.lookalike(place, name, own) {
            None => Ok(()),
            Some(other) => Err(NameError::alike(what, name, other)),
        }
    }

    /// The name to show for a user or a group.
    pub(crate) fn identity_name(&self, identity: Uuid) -> Option<&str> {
        self.users
            .get(&identity)
            .map(|user| user.name.as_str())
            .or_else(|| self.groups.get(&identity).map(|group| group.name.as_str()))
    }
}
