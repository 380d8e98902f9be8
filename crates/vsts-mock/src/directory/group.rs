//! Groups of users: those that accounts and projects are born with, and those that people make.
//!
//! A group may be in another one: a project's team is in its Contributors. Whoever is in any group of a project is one of
//! its Valid Users, and whoever is in any group of an account one of the collection's; nobody says so, it follows.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::name::NameError;
use super::names::look_alike;
use super::permission::Permissions;
use super::{Directory, pairs_of};

/// The kinds of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum GroupKind {
    Readers,
    Contributors,
    BuildAdministrators,
    ProjectAdministrators,
    /// Everybody in any group of the project.
    ProjectValidUsers,
    /// The project's team, which contributes.
    Team,
    CollectionAdministrators,
    /// Everybody in any group of the account.
    CollectionValidUsers,
    /// A group that somebody made.
    Custom,
}

impl GroupKind {
    /// The groups of every project.
    pub(crate) const OF_PROJECT: [Self; 6] = [
        Self::Readers,
        Self::Contributors,
        Self::BuildAdministrators,
        Self::ProjectAdministrators,
        Self::ProjectValidUsers,
        Self::Team,
    ];
    /// The groups of every account.
    pub(crate) const OF_ACCOUNT: [Self; 2] = [Self::CollectionAdministrators, Self::CollectionValidUsers];

    /// The name of every such group; a team and a group that somebody made have names of their own.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Readers => "Readers",
            Self::Contributors => "Contributors",
            Self::BuildAdministrators => "Build Administrators",
            Self::ProjectAdministrators => "Project Administrators",
            Self::ProjectValidUsers => "Project Valid Users",
            Self::Team => "Team",
            Self::CollectionAdministrators => "Project Collection Administrators",
            Self::CollectionValidUsers => "Project Collection Valid Users",
            Self::Custom => "Custom",
        }
    }

    /// The kind that is stored under that name.
    pub(crate) fn from_stored(name: &str) -> Option<Self> {
        let born = Self::OF_PROJECT.into_iter().chain(Self::OF_ACCOUNT);
        born.chain([Self::Custom]).find(|kind| kind.name() == name)
    }

    /// The kind of which there is one in an account or a project, by its name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let born = Self::OF_PROJECT.into_iter().chain(Self::OF_ACCOUNT);
        born.into_iter().find(|kind| *kind != Self::Team && kind.name().eq_ignore_ascii_case(name))
    }

    /// The description of the group, in the service's words.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Readers | Self::ProjectValidUsers => {
                "Members of this group have access to the team project."
            }
            Self::Contributors => {
                "Members of this group can add, modify, and delete items within the team project."
            }
            Self::BuildAdministrators => {
                "Members of this group can create, modify and delete build definitions and manage queued and completed \
                 builds."
            }
            Self::ProjectAdministrators => {
                "Members of this group can perform all operations in the team project."
            }
            Self::Team => "The default project team.",
            Self::CollectionAdministrators => {
                "Members of this application group can perform all privileged operations on the Team Project Collection."
            }
            Self::CollectionValidUsers => {
                "This application group contains all users and groups that have access to the Team Project Collection."
            }
            Self::Custom => "",
        }
    }

    /// The permissions of the group on the level that it belongs to.
    pub(crate) fn default_grant(self) -> Permissions {
        match self {
            Self::Readers => Permissions::READERS,
            Self::Contributors | Self::BuildAdministrators => Permissions::CONTRIBUTORS,
            Self::ProjectAdministrators | Self::CollectionAdministrators => Permissions::ADMINISTRATORS,
            Self::ProjectValidUsers | Self::Team | Self::CollectionValidUsers | Self::Custom => {
                Permissions::NONE
            }
        }
    }

    /// Returns whether who is in it follows from who is in other groups.
    pub(crate) fn follows(self) -> bool {
        matches!(self, Self::ProjectValidUsers | Self::CollectionValidUsers)
    }
}

/// A group of users, of an account or of one of its projects.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    pub(crate) project: Option<Uuid>,
    pub(crate) kind: GroupKind,
    pub(crate) name: String,
    pub(crate) description: String,
}

impl Directory {
    /// The account's or the project's group of a kind of which there is one.
    pub(crate) fn group(&self, account: Uuid, project: Option<Uuid>, kind: GroupKind) -> Option<&Group> {
        self.groups.get(self.group_index.get(&(account, project, kind))?)
    }

    /// The group of that name, in exactly that account or project.
    pub(crate) fn group_named(&self, account: Uuid, project: Option<Uuid>, name: &str) -> Option<&Group> {
        self.groups_in(account, project).find(|group| super::name::key(&group.name) == super::name::key(name))
    }

    /// Refuses a name that looks like that of another group of the same account or project in letters of another script.
    pub(crate) fn check_group_alike(
        &self,
        account: Uuid,
        project: Option<Uuid>,
        called: &str,
        own: Option<Uuid>,
    ) -> Result<(), NameError> {
        let mut others = self.groups_in(account, project).filter(|group| Some(group.id) != own);
        match others.find(|group| look_alike(&group.name, called)) {
            None => Ok(()),
            Some(other) => Err(NameError::alike("group", called, &other.name)),
        }
    }

    /// The groups of a project, or those that belong to the account itself.
    pub(crate) fn groups_in(&self, account: Uuid, project: Option<Uuid>) -> impl Iterator<Item = &Group> {
        let found = self.scope_groups.range(pairs_of(project.unwrap_or(account)));
        let groups = found.filter_map(|(_, group)| self.groups.get(group));
        groups.filter(move |group| group.account == account && group.project == project)
    }

    /// The groups that the user or the group is in, direct or implied, without those that these are in.
    pub(crate) fn containers_of(&self, member: Uuid) -> BTreeSet<Uuid> {
        let implied = self.groups.get(&member).and_then(|group| self.implied_container(group));
        self.joins(member).chain(implied).collect()
    }

    /// Every group that the user or the group is in, through others or not.
    pub(crate) fn all_containers_of(&self, member: Uuid) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(member) = open.pop() {
            open.extend(self.containers_of(member).into_iter().filter(|group| found.insert(*group)));
        }
        found
    }

    /// The users and groups in a group, direct or implied, without those that are in these.
    pub(crate) fn members_of(&self, group: Uuid) -> BTreeSet<Uuid> {
        let mut members: BTreeSet<Uuid> = self.joined(group).collect();
        if let Some(of) = self.groups.get(&group).filter(|of| of.kind.follows()) {
            let is_implied = |other: &&Group| self.implied_container(other) == Some(of.id);
            members.extend(self.groups_in(of.account, of.project).filter(is_implied).map(|other| other.id));
            if of.project.is_none() {
                let projects = self.projects_of(of.account);
                let valid = projects.flat_map(|project| self.groups_in(of.account, Some(project.id)));
                members.extend(valid.filter(is_implied).map(|other| other.id));
            }
        }
        members
    }

    /// Every user in a group, through others or not.
    pub(crate) fn all_users_in(&self, group: Uuid) -> BTreeSet<Uuid> {
        let (mut seen, mut users) = (BTreeSet::from([group]), BTreeSet::new());
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            for member in self.members_of(group) {
                if self.users.contains_key(&member) {
                    users.insert(member);
                } else if seen.insert(member) {
                    open.push(member);
                }
            }
        }
        users
    }

    fn implied_container(&self, group: &Group) -> Option<Uuid> {
        let (project, kind) = match (group.kind, group.project) {
            (GroupKind::CollectionValidUsers, _) => return None,
            (GroupKind::ProjectValidUsers, _) | (_, None) => (None, GroupKind::CollectionValidUsers),
            (_, project) => (project, GroupKind::ProjectValidUsers),
        };
        self.group(group.account, project, kind).map(|valid| valid.id)
    }
}
