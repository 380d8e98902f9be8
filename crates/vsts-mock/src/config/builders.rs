//! Seeds composed in code, piece by piece, instead of being read from text.

use std::path::PathBuf;

use jiff::Timestamp;

use super::seed::{
    SeedAccount, SeedEntry, SeedKey, SeedProject, SeedRepo, SeedToken, SeedUser, SeedWorkspace,
};

impl SeedUser {
    /// A user without any way to sign in yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The e-mail address, which signs in as well.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// The password for web sign-in and Basic.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds a personal access token.
    #[must_use]
    pub fn token(mut self, token: SeedToken) -> Self {
        self.tokens.push(token);
        self
    }

    /// Adds an SSH public key.
    #[must_use]
    pub fn ssh_key(mut self, key: SeedKey) -> Self {
        self.ssh_keys.push(key);
        self
    }
}

impl SeedToken {
    /// A token for everything, whose value is generated.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Its value.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds a scope; with one or more of them it is good for those alone.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// When it stops working.
    #[must_use]
    pub fn expires(mut self, time: Timestamp) -> Self {
        self.expires = Some(time);
        self
    }
}

impl SeedKey {
    /// A key by its line, as in a `.pub` file.
    pub fn line(name: impl Into<String>, line: impl Into<String>) -> Self {
        Self { name: name.into(), key: Some(line.into()), file: None }
    }

    /// A key in a `.pub` file.
    pub fn file(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), key: None, file: Some(path.into()) }
    }
}

impl SeedAccount {
    /// An account without projects.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Who owns it, and so administers all of it.
    #[must_use]
    pub fn owner(mut self, user: impl Into<String>) -> Self {
        self.owner = Some(user.into());
        self
    }

    /// Adds a member of Project Collection Administrators.
    #[must_use]
    pub fn administrator(mut self, user: impl Into<String>) -> Self {
        self.administrators.push(user.into());
        self
    }

    /// Adds a project.
    #[must_use]
    pub fn project(mut self, project: SeedProject) -> Self {
        self.projects.push(project);
        self
    }

    /// Adds an entry for all its repositories.
    #[must_use]
    pub fn entry(mut self, entry: SeedEntry) -> Self {
        self.acl.push(entry);
        self
    }
}

impl SeedProject {
    /// A project with its default repository, which has the same name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What it is for.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a member of Readers.
    #[must_use]
    pub fn reader(mut self, user: impl Into<String>) -> Self {
        self.readers.push(user.into());
        self
    }

    /// Adds a member of Contributors.
    #[must_use]
    pub fn contributor(mut self, user: impl Into<String>) -> Self {
        self.contributors.push(user.into());
        self
    }

    /// Adds a member of Project Administrators.
    #[must_use]
    pub fn administrator(mut self, user: impl Into<String>) -> Self {
        self.administrators.push(user.into());
        self
    }

    /// Adds a repository beside the default one, or says more about that one.
    #[must_use]
    pub fn repo(mut self, repo: SeedRepo) -> Self {
        self.repos.push(repo);
        self
    }

    /// Adds an entry for all its repositories.
    #[must_use]
    pub fn entry(mut self, entry: SeedEntry) -> Self {
        self.acl.push(entry);
        self
    }
}

impl SeedRepo {
    /// An empty repository.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The bare repository's folder, or the bundle, that it begins with.
    #[must_use]
    pub fn import(mut self, path: impl Into<PathBuf>) -> Self {
        self.import = Some(path.into());
        self
    }

    /// Lets everybody read it without signing in.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Adds an entry for it or one of its branches.
    #[must_use]
    pub fn entry(mut self, entry: SeedEntry) -> Self {
        self.acl.push(entry);
        self
    }
}

impl SeedEntry {
    /// An entry for a user, which says nothing yet.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
    }

    /// An entry for a group, such as `Contributors`, which says nothing yet.
    pub fn group(name: impl Into<String>) -> Self {
        Self { group: Some(name.into()), ..Self::default() }
    }

    /// Gives these permissions, by name.
    #[must_use]
    pub fn allow<T: Into<String>>(mut self, permissions: impl IntoIterator<Item = T>) -> Self {
        self.allow.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Refuses these permissions, by name.
    #[must_use]
    pub fn deny<T: Into<String>>(mut self, permissions: impl IntoIterator<Item = T>) -> Self {
        self.deny.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// On that branch alone; only for a repository.
    #[must_use]
    pub fn on_branch(mut self, name: impl Into<String>) -> Self {
        self.branch = Some(name.into());
        self
    }
}

impl SeedWorkspace {
    /// A workspace of an Experimentation account, which is made with it if it is not there.
    pub fn new(account: impl Into<String>, workspace: impl Into<String>) -> Self {
        Self { account: account.into(), workspace: workspace.into(), ..Self::default() }
    }

    /// Adds an owner.
    #[must_use]
    pub fn owner(mut self, user: impl Into<String>) -> Self {
        self.owners.push(user.into());
        self
    }

    /// Adds a contributor.
    #[must_use]
    pub fn contributor(mut self, user: impl Into<String>) -> Self {
        self.contributors.push(user.into());
        self
    }
}
