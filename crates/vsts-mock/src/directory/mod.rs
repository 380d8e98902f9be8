//! Everything the server knows about who and what, in memory: users, credentials, accounts, projects, repositories,
//! groups, access control entries.
//!
//! A [`Directory`] is a plain value. The running server holds one behind an `Arc` and replaces it as a whole after each
//! change, so that every request decides on one consistent picture without asking the database. Its maps share what a
//! change leaves as it was, so that a copy costs the same whatever is in them. It consists of [`Record`]s, which are put
//! and removed one by one.

mod entries;
pub(crate) mod experimentation;
mod group;
mod handle;
pub(crate) mod name;
mod names;
pub(crate) mod permission;
pub(crate) mod policy_kind;
pub(crate) mod pull_request;
mod record;
mod ref_favorite;
pub(crate) mod subject;
mod subscription;
pub(crate) mod token;
pub(crate) mod work_item;

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
pub(crate) use pull_request::{
    Attachment, Comment, GitStatus, Iteration, PolicyConfiguration, PullRequest, PullRequests, Thread,
};
pub(crate) use record::{AccessEntry, CutOff, Membership, Record, RefLock, Seeded};
pub(crate) use ref_favorite::RefFavorite;
pub(crate) use subscription::Subscription;
pub(crate) use work_item::{Note, Revision, WorkItem, WorkItems};

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
    /// True if it came from signing in, and goes when the user signs out.
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
    /// Returns whether it may be signed with at this time.
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
    /// Bytes that the objects of Git LFS may have in it; as many as there is room for without it.
    pub(crate) lfs_quota: Option<i64>,
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

impl Project {
    /// The full path of an area or an iteration, of which work items have the part below the project.
    pub(crate) fn path_of(&self, below: &str) -> String {
        if below.is_empty() { self.name.clone() } else { format!("{}\\{below}", self.name) }
    }
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
    /// The time of its deletion if it is in its project's recycle bin.
    pub(crate) deleted: Option<Timestamp>,
    /// The user who deleted it.
    pub(crate) deleted_by: Option<Uuid>,
    pub(crate) handle: Handle,
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
    /// The repositories in the recycle bins: no part of anything, until they are restored.
    pub(crate) deleted_repos: OrdMap<Uuid, Repo>,
    pub(crate) groups: OrdMap<Uuid, Group>,
    /// (member, group)
    pub(crate) memberships: OrdSet<(Uuid, Uuid)>,
    pub(crate) experimentation: Experimentation,
    pub(crate) pulls: PullRequests,
    pub(crate) work: WorkItems,
    /// The subscriptions of service hooks.
    pub(crate) subscriptions: OrdMap<Uuid, Subscription>,
    /// The branches that users have marked, by account and id.
    pub(crate) ref_favorites: OrdMap<(Uuid, i64), RefFavorite>,
    /// The owners of locks, by repository and ref.
    pub(crate) ref_locks: OrdMap<(Uuid, String), Uuid>,
    /// The marks of what the seed has given once; they derive from its text.
    pub(crate) seeded: OrdSet<Uuid>,
    acl: HashMap<Uuid, Entries>,
    /// The number of entries that a user or a group has in an account.
    entry_counts: HashMap<(Uuid, Uuid), usize>,
    /// The tokens at which nothing is inherited, by account.
    cut_off: HashMap<Uuid, OrdSet<String>>,
    group_index: HashMap<(Uuid, Option<Uuid>, GroupKind), Uuid>,
    token_by_hash: HashMap<String, Uuid>,
    key_by_blob: HashMap<String, Uuid>,
    names: Names,
    account_projects: OrdSet<(Uuid, Uuid)>,
    /// (project, repository)
    project_repos: OrdSet<(Uuid, Uuid)>,
    /// (account or project, group)
    scope_groups: OrdSet<(Uuid, Uuid)>,
    group_members: OrdSet<(Uuid, Uuid)>,
}

/// The pairs that begin with an id.
fn pairs_of(first: Uuid) -> RangeInclusive<(Uuid, Uuid)> {
    (first, Uuid::nil())..=(first, Uuid::max())
}

impl Directory {
    /// The members of a group, without those that are implied.
    pub(crate) fn joined(&self, group: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.group_members.range(pairs_of(group)).map(|(_, member)| *member)
    }

    /// The groups that a user or a group is put into.
    pub(crate) fn joins(&self, member: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.memberships.range(pairs_of(member)).map(|(_, group)| *group)
    }

    /// The owner of the lock on a ref, if it is locked.
    pub(crate) fn lock_of(&self, repo: Uuid, name: &str) -> Option<Uuid> {
        self.ref_locks.get(&(repo, name.to_owned())).copied()
    }

    /// The locks on refs of a repository.
    pub(crate) fn locks_of(&self, repo: Uuid) -> Vec<(Uuid, String)> {
        let locks = self.ref_locks.range((repo, String::new())..).take_while(|((of, _), _)| *of == repo);
        locks.map(|(lock, _)| lock.clone()).collect()
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(&self.names.get(name::USERS, name)?)
    }

    /// The user of that name or e-mail address, either of which signs in.
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

    /// Refuses a name that looks like that of something else in the same scope (an account for a project, a project for a
    /// repository, [`name::USERS`]) in letters of another script. `own` is the name that it replaces.
    pub(crate) fn check_alike(
        &self,
        what: &'static str,
        scope: Uuid,
        name: &str,
        own: Option<&str>,
    ) -> Result<(), NameError> {
        match self.names.lookalike(scope, name, own) {
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
            .or((identity == subject::SERVICE).then_some(subject::SERVICE_NAME))
    }
}
