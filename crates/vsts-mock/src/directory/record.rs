//! The records of a directory: each is one row of the database, and comes and goes with its entries in the indexes.
//!
//! Loading the database and changing it both go through [`Directory::put`] and [`Directory::remove`].

use std::sync::Arc;

use uuid::Uuid;

use super::permission::Permissions;
use super::{
    Account, Assignment, Attachment, Comment, Directory, Entry, GitStatus, Group, GroupKind, Iteration, Note,
    PolicyConfiguration, Project, PullRequest, RefFavorite, Repo, Resource, Revision, SshKey, Subscription,
    Thread, Token, User, WorkItem, name,
};
use crate::directory::pull_request::PullStatus;

/// A value that is stored as one row.
pub(crate) trait Record: Sized {
    /// Identifies a record among those of its kind.
    type Key;

    fn key(&self) -> Self::Key;

    /// Adds the record to a directory that has none with its key.
    fn add(self, directory: &mut Directory);

    /// Takes the record of that key out.
    fn take(directory: &mut Directory, key: &Self::Key) -> Option<Self>;
}

/// A user or a group in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) member: Uuid,
    pub(crate) group: Uuid,
}

/// A user's lock on a ref.
#[derive(Clone, Debug)]
pub(crate) struct RefLock {
    pub(crate) repo: Uuid,
    pub(crate) name: String,
    pub(crate) user: Uuid,
}

/// The entry of a user or a group at a token. One that allows and denies nothing is not kept.
#[derive(Clone, Debug)]
pub(crate) struct AccessEntry {
    pub(crate) account: Uuid,
    pub(crate) token: String,
    pub(crate) identity: Uuid,
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
    pub(crate) automatic: bool,
}

impl AccessEntry {
    pub(crate) fn new(account: Uuid, token: &str, identity: Uuid, entry: Entry) -> Self {
        let Entry { allow, deny, automatic } = entry;
        Self { account, token: token.to_owned(), identity, allow, deny, automatic }
    }
}

/// A token at which nothing is inherited.
#[derive(Clone, Debug)]
pub(crate) struct CutOff {
    pub(crate) account: Uuid,
    pub(crate) token: String,
}

/// The mark of something that the seed has given once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeded {
    pub(crate) mark: Uuid,
}

impl Directory {
    /// Adds a record, or replaces the one of the same key.
    pub(crate) fn put<R: Record>(&mut self, record: R) {
        R::take(self, &record.key());
        record.add(self);
    }

    /// Removes the record of that key, and gives it. What refers to it stays.
    pub(crate) fn remove<R: Record>(&mut self, key: &R::Key) -> Option<R> {
        R::take(self, key)
    }
}

/// Implements [`Record`] for a kind that has an id and a map, with what happens to the indexes.
macro_rules! by_id {
    ($($kind:ident in $map:ident$(.$inner:ident)?, add: $add:expr, take: $take:expr;)+) => {$(
        impl Record for $kind {
            type Key = Uuid;

            fn key(&self) -> Uuid {
                self.id
            }

            fn add(self, directory: &mut Directory) {
                let add: fn(&mut Directory, &Self) = $add;
                add(directory, &self);
                directory.$map$(.$inner)?.insert(self.id, self);
            }

            fn take(directory: &mut Directory, id: &Uuid) -> Option<Self> {
                let record = directory.$map$(.$inner)?.remove(id)?;
                let take: fn(&mut Directory, &Self) = $take;
                take(directory, &record);
                Some(record)
            }
        }
    )+};
}

by_id! {
    Subscription in subscriptions, add: |_, _| (), take: |_, _| ();
    User in users,
        add: |directory, user| directory.names.insert(name::USERS, &user.name, user.id),
        take: |directory, user| directory.names.remove(name::USERS, &user.name);
    Token in tokens,
        add: |directory, token| _ = directory.token_by_hash.insert(token.hash.clone(), token.id),
        take: |directory, token| _ = directory.token_by_hash.remove(&token.hash);
    SshKey in keys,
        add: |directory, key| _ = directory.key_by_blob.insert(key.blob.clone(), key.id),
        take: |directory, key| _ = directory.key_by_blob.remove(&key.blob);
    Account in accounts,
        add: |directory, account| directory.names.insert(name::ACCOUNTS, &account.name, account.id),
        take: |directory, account| directory.names.remove(name::ACCOUNTS, &account.name);
    Project in projects,
        add: |directory, project| {
            directory.names.insert(project.account, &project.name, project.id);
            directory.account_projects.insert((project.account, project.id));
        },
        take: |directory, project| {
            directory.names.remove(project.account, &project.name);
            directory.account_projects.remove(&(project.account, project.id));
        };
    Group in groups,
        add: |directory, group| {
            if group.kind != GroupKind::Custom {
                directory.group_index.insert((group.account, group.project, group.kind), group.id);
            }
            directory.scope_groups.insert((group.project.unwrap_or(group.account), group.id));
        },
        take: |directory, group| {
            directory.scope_groups.remove(&(group.project.unwrap_or(group.account), group.id));
            let key = (group.account, group.project, group.kind);
            if directory.group_index.get(&key) == Some(&group.id) {
                directory.group_index.remove(&key);
            }
        };
    Resource in experimentation.resources, add: |_, _| {}, take: |_, _| {};
    Assignment in experimentation.assignments, add: |_, _| {}, take: |_, _| {};
}

/// A repository in the recycle bin is kept apart, and its name is free.
impl Record for Repo {
    type Key = Uuid;

    fn key(&self) -> Uuid {
        self.id
    }

    fn add(self, directory: &mut Directory) {
        if self.deleted.is_some() {
            directory.deleted_repos.insert(self.id, self);
            return;
        }
        directory.names.insert(self.project, &self.name, self.id);
        directory.project_repos.insert((self.project, self.id));
        directory.repos.insert(self.id, self);
    }

    fn take(directory: &mut Directory, id: &Uuid) -> Option<Self> {
        let Some(repo) = directory.repos.remove(id) else { return directory.deleted_repos.remove(id) };
        directory.names.remove(repo.project, &repo.name);
        directory.project_repos.remove(&(repo.project, repo.id));
        Some(repo)
    }
}

impl Record for RefLock {
    type Key = (Uuid, String);

    fn key(&self) -> (Uuid, String) {
        (self.repo, self.name.clone())
    }

    fn add(self, directory: &mut Directory) {
        directory.ref_locks.insert((self.repo, self.name), self.user);
    }

    fn take(directory: &mut Directory, key: &(Uuid, String)) -> Option<Self> {
        let user = directory.ref_locks.remove(key)?;
        Some(Self { repo: key.0, name: key.1.clone(), user })
    }
}

impl Record for Seeded {
    type Key = Uuid;

    fn key(&self) -> Uuid {
        self.mark
    }

    fn add(self, directory: &mut Directory) {
        directory.seeded.insert(self.mark);
    }

    fn take(directory: &mut Directory, mark: &Uuid) -> Option<Self> {
        directory.seeded.remove(mark).map(|mark| Self { mark })
    }
}

impl Record for Membership {
    type Key = (Uuid, Uuid);

    fn key(&self) -> (Uuid, Uuid) {
        (self.member, self.group)
    }

    fn add(self, directory: &mut Directory) {
        directory.group_members.insert((self.group, self.member));
        directory.memberships.insert((self.member, self.group));
    }

    fn take(directory: &mut Directory, key: &(Uuid, Uuid)) -> Option<Self> {
        let (member, group) = directory.memberships.remove(key)?;
        directory.group_members.remove(&(group, member));
        Some(Self { member, group })
    }
}

impl Record for AccessEntry {
    type Key = (Uuid, String, Uuid);

    fn key(&self) -> (Uuid, String, Uuid) {
        (self.account, self.token.clone(), self.identity)
    }

    fn add(self, directory: &mut Directory) {
        let entry = Entry { allow: self.allow, deny: self.deny, automatic: self.automatic };
        if entry.is_empty() {
            return;
        }
        *directory.entry_counts.entry((self.account, self.identity)).or_default() += 1;
        let lists = directory.acl.entry(self.account).or_default();
        lists.entry(self.token).or_default().insert(self.identity, entry);
    }

    fn take(directory: &mut Directory, key: &(Uuid, String, Uuid)) -> Option<Self> {
        let (account, token, identity) = key;
        // Looked up before anything is changed: what is changed is no longer shared with the published directory.
        let entry = *directory.entries_at(*account, token)?.get(identity)?;
        let lists = directory.acl.get_mut(account)?;
        let list = lists.get_mut(token)?;
        list.remove(identity);
        if list.is_empty() {
            lists.remove(token);
        }
        if lists.is_empty() {
            directory.acl.remove(account);
        }
        let count = directory.entry_counts.get_mut(&(*account, *identity))?;
        *count -= 1;
        if *count == 0 {
            directory.entry_counts.remove(&(*account, *identity));
        }
        Some(Self::new(*account, token, *identity, entry))
    }
}

impl Record for CutOff {
    type Key = (Uuid, String);

    fn key(&self) -> (Uuid, String) {
        (self.account, self.token.clone())
    }

    fn add(self, directory: &mut Directory) {
        directory.cut_off.entry(self.account).or_default().insert(self.token);
    }

    fn take(directory: &mut Directory, (account, token): &(Uuid, String)) -> Option<Self> {
        let tokens = directory.cut_off.get_mut(account)?;
        let token = tokens.remove(token)?;
        if tokens.is_empty() {
            directory.cut_off.remove(account);
        }
        Some(Self { account: *account, token })
    }
}

/// Implements [`Record`] for kinds of records that are in maps of a part of the directory, and in no index.
macro_rules! plain {
    ($part:ident: $($kind:ident in $map:ident by $key:ty, $of:expr;)+) => {$(
        impl Record for $kind {
            type Key = $key;

            fn key(&self) -> Self::Key {
                let of: fn(&Self) -> $key = $of;
                of(self)
            }

            fn add(self, directory: &mut Directory) {
                directory.$part.$map.insert(self.key(), Arc::new(self));
            }

            fn take(directory: &mut Directory, key: &Self::Key) -> Option<Self> {
                directory.$part.$map.remove(key).map(Arc::unwrap_or_clone)
            }
        }
    )+};
}

plain! {
    pulls:
    Iteration in iterations by (Uuid, i64, i64), |one| (one.account, one.pull_request, one.id);
    Thread in threads by (Uuid, i64, i64), |one| (one.account, one.pull_request, one.id);
    Comment in comments by (Uuid, i64, i64, i64), |one| (one.account, one.pull_request, one.thread, one.id);
    Attachment in attachments by (Uuid, i64, i64), |one| (one.account, one.pull_request, one.id);
    GitStatus in statuses by (Uuid, String, i64), |one| (one.repo, one.subject.clone(), one.id);
    PolicyConfiguration in policies by (Uuid, i64), |one| (one.account, one.id);
}

plain! {
    work:
    Revision in revisions by (Uuid, i64, i64), |one| (one.account, one.item, one.rev);
}

impl Record for WorkItem {
    type Key = (Uuid, i64);

    fn key(&self) -> (Uuid, i64) {
        (self.account, self.id)
    }

    fn add(self, directory: &mut Directory) {
        directory.work.of_projects.insert((self.project, self.id));
        directory.work.all.insert(self.key(), Arc::new(self));
    }

    fn take(directory: &mut Directory, key: &(Uuid, i64)) -> Option<Self> {
        let item = directory.work.all.remove(key)?;
        directory.work.of_projects.remove(&(item.project, item.id));
        Some(Arc::unwrap_or_clone(item))
    }
}

impl Record for RefFavorite {
    type Key = (Uuid, i64);

    fn key(&self) -> (Uuid, i64) {
        (self.account, self.id)
    }

    fn add(self, directory: &mut Directory) {
        directory.ref_favorites.insert(self.key(), self);
    }

    fn take(directory: &mut Directory, key: &(Uuid, i64)) -> Option<Self> {
        directory.ref_favorites.remove(key)
    }
}

impl Record for Note {
    type Key = (Uuid, i64, i64);

    fn key(&self) -> (Uuid, i64, i64) {
        (self.account, self.item, self.id)
    }

    fn add(self, directory: &mut Directory) {
        let last = directory.work.last_notes.entry(self.account).or_default();
        *last = (*last).max(self.id);
        directory.work.notes.insert(self.key(), Arc::new(self));
    }

    fn take(directory: &mut Directory, key: &(Uuid, i64, i64)) -> Option<Self> {
        directory.work.notes.remove(key).map(Arc::unwrap_or_clone)
    }
}

impl Record for PullRequest {
    type Key = (Uuid, i64);

    fn key(&self) -> (Uuid, i64) {
        (self.account, self.id)
    }

    fn add(self, directory: &mut Directory) {
        if self.status == PullStatus::Active {
            directory.pulls.active.insert((self.repo, self.id));
            if let Some(fork) = self.fork {
                directory.pulls.from_forks.insert((fork, self.id));
            }
        }
        directory.pulls.of_repos.insert((self.repo, self.id));
        directory.pulls.all.insert(self.key(), Arc::new(self));
    }

    fn take(directory: &mut Directory, key: &(Uuid, i64)) -> Option<Self> {
        let pull = directory.pulls.all.remove(key)?;
        directory.pulls.active.remove(&(pull.repo, pull.id));
        if let Some(fork) = pull.fork {
            directory.pulls.from_forks.remove(&(fork, pull.id));
        }
        directory.pulls.of_repos.remove(&(pull.repo, pull.id));
        Some(Arc::unwrap_or_clone(pull))
    }
}
