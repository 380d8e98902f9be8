//! Seeds composed in code, piece by piece, instead of being read from text.

use std::path::PathBuf;

use jiff::Timestamp;

use super::seed::{
    SeedAccount, SeedEntry, SeedKey, SeedProject, SeedRepo, SeedToken, SeedUser, SeedWorkItem, SeedWorkspace,
};

/// Gives a piece of a seed its constructor by name, if it has one, and methods that set a field or add to a list.
macro_rules! builder {
    (
        $seed:ident $(, new $about:literal)? {
            $($(#[$doc:meta])+ $method:ident: $action:ident $field:ident of $type:ty;)+
        }
    ) => {
        impl $seed {
            $(
                #[doc = $about]
                pub fn new(name: impl Into<String>) -> Self {
                    Self { name: name.into(), ..Self::default() }
                }
            )?
            $(
                $(#[$doc])+
                #[must_use]
                pub fn $method(mut self, value: impl Into<$type>) -> Self {
                    builder!($action, self.$field, value.into());
                    self
                }
            )+
        }
    };
    (set, $field:expr, $value:expr) => { $field = $value };
    (give, $field:expr, $value:expr) => { $field = Some($value) };
    (add, $field:expr, $value:expr) => { $field.push($value) };
}

builder!(SeedUser, new "A user without any way to sign in yet." {
    /// The e-mail address, which signs in as well.
    email: give email of String;
    /// The password for web sign-in and Basic.
    password: give password of String;
    /// Adds a personal access token.
    token: add tokens of SeedToken;
    /// Adds an SSH public key.
    ssh_key: add ssh_keys of SeedKey;
});

builder!(SeedToken, new "A token for everything, whose value is generated." {
    /// Its value.
    value: give value of String;
    /// Adds a scope; with one or more of them it is good for those alone.
    scope: add scopes of String;
    /// The time at which it stops working.
    expires: give expires of Timestamp;
});

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

builder!(SeedAccount, new "An account without projects." {
    /// Its owner, who administers all of it.
    owner: give owner of String;
    /// Adds a member of Project Collection Administrators.
    administrator: add administrators of String;
    /// Adds a project.
    project: add projects of SeedProject;
    /// Adds an entry for all its repositories.
    entry: add acl of SeedEntry;
});

builder!(SeedProject, new "A project with its default repository, which has the same name." {
    /// The text that describes it.
    description: set description of String;
    /// Adds a member of Readers.
    reader: add readers of String;
    /// Adds a member of Contributors.
    contributor: add contributors of String;
    /// Adds a member of Project Administrators.
    administrator: add administrators of String;
    /// Adds a repository beside the default one, or says more about that one.
    repo: add repos of SeedRepo;
    /// Adds an entry for all its repositories.
    entry: add acl of SeedEntry;
    /// Adds a work item.
    work_item: add work_items of SeedWorkItem;
});

impl SeedWorkItem {
    /// A work item of a type, with a title.
    pub fn new(kind: impl Into<String>, title: impl Into<String>) -> Self {
        Self { kind: kind.into(), title: title.into(), ..Self::default() }
    }
}

builder!(SeedWorkItem {
    /// Its state.
    state: give state of String;
    /// The user who made it.
    created_by: give created_by of String;
    /// The user who works on it.
    assigned_to: give assigned_to of String;
    /// Adds a tag.
    tag: add tags of String;
    /// Adds a comment.
    comment: add comments of String;
});

builder!(SeedRepo, new "An empty repository." {
    /// The bare repository's folder, or the bundle, that it begins with.
    import: give import of PathBuf;
    /// Adds an entry for it or one of its branches.
    entry: add acl of SeedEntry;
});

impl SeedRepo {
    /// Lets everybody read it without signing in.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
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
}

builder!(SeedEntry {
    /// On that branch alone; only for a repository.
    on_branch: give branch of String;
});

impl SeedWorkspace {
    /// A workspace of an Experimentation account, which is made with it if it is not there.
    pub fn new(account: impl Into<String>, workspace: impl Into<String>) -> Self {
        Self { account: account.into(), workspace: workspace.into(), ..Self::default() }
    }
}

builder!(SeedWorkspace {
    /// Adds an owner.
    owner: add owners of String;
    /// Adds a contributor.
    contributor: add contributors of String;
});
