//! The Experimentation service's registry: accounts hold workspaces, workspaces hold projects, and each of the three has
//! members of its own.
//!
//! The three are one kind of value, a [`Resource`], since they are made, found, changed and removed alike. A project
//! names its Git repository by URL and knows nothing else of it: who may use one says nothing about the other.

use std::collections::BTreeMap;

use imbl::OrdMap;
use jiff::Timestamp;
use uuid::Uuid;

use super::name;

/// The kinds of resources, from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Account,
    Workspace,
    Project,
}

impl Level {
    pub(crate) const ALL: [Self; 3] = [Self::Account, Self::Workspace, Self::Project];

    /// As it is stored and as messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Workspace => "workspace",
            Self::Project => "project",
        }
    }

    /// As it stands in a resource's id.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Workspace => "workspaces",
            Self::Project => "projects",
        }
    }
}

/// An account, a workspace or a project.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) id: Uuid,
    /// The resource around it; nil for an account.
    pub(crate) parent: Uuid,
    pub(crate) level: Level,
    pub(crate) name: String,
    pub(crate) friendly_name: String,
    pub(crate) description: String,
    /// The resource group of the account that it is, or is in.
    pub(crate) group: String,
    pub(crate) location: String,
    /// Only a project has one.
    pub(crate) git_repo: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Timestamp,
}

/// A role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Read, write, and say who is a member.
    Owner,
    /// Read and write.
    Contributor,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::Owner, Self::Contributor];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Contributor => "Contributor",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// That a user has a role at a resource, and so at all below it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) id: Uuid,
    pub(crate) resource: Uuid,
    pub(crate) user: Uuid,
    pub(crate) role: Role,
}

/// The whole registry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Experimentation {
    pub(crate) resources: OrdMap<Uuid, Resource>,
    pub(crate) assignments: OrdMap<Uuid, Assignment>,
}

impl Experimentation {
    /// The resource of that name in its parent (nil for accounts).
    pub(crate) fn child(&self, parent: Uuid, called: &str) -> Option<&Resource> {
        let key = name::key(called);
        self.children(parent).find(|resource| name::key(&resource.name) == key)
    }

    /// The resource at the end of a path of names: account, workspace, project.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Resource> {
        let (last, above) = path.split_last()?;
        let parent = if above.is_empty() { Uuid::nil() } else { self.at(above)?.id };
        self.child(parent, last)
    }

    pub(crate) fn children(&self, parent: Uuid) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(move |resource| resource.parent == parent)
    }

    /// The resource and what it is in, nearest first.
    pub(crate) fn lineage<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = &'a Resource> {
        std::iter::successors(Some(resource), |resource| self.resources.get(&resource.parent))
    }

    /// The role assignments at exactly this resource.
    pub(crate) fn assignments_at(&self, resource: Uuid) -> impl Iterator<Item = &Assignment> {
        self.assignments.values().filter(move |assignment| assignment.resource == resource)
    }
}
