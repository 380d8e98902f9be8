//! Groups and who is in them.

use uuid::Uuid;

use super::RegistryError;
use crate::access::token;
use crate::directory::{AccessEntry, Entry, Group, GroupKind, Membership, name};
use crate::state::Change;

impl Change<'_> {
    /// Puts a user into a group of which there is one in an account or a project; being in it already is fine.
    pub(crate) fn add_member(
        &mut self,
        account_name: &str,
        project_name: Option<&str>,
        kind: GroupKind,
        user_name: &str,
    ) -> Result<(), RegistryError> {
        let group = self.directory.find_group(account_name, project_name, kind)?.id;
        let user = self.directory.find_user(user_name)?.id;
        if kind.follows() {
            return Err(follows(kind.name()));
        }
        self.put(Membership { member: user, group });
        Ok(())
    }

    /// Takes a user out of such a group.
    pub(crate) fn remove_member(
        &mut self,
        account_name: &str,
        project_name: Option<&str>,
        kind: GroupKind,
        user_name: &str,
    ) -> Result<(), RegistryError> {
        let group = self.directory.find_group(account_name, project_name, kind)?.id;
        let user = self.directory.find_user(user_name)?.id;
        if self.leave_group(user, group) {
            Ok(())
        } else {
            Err(RegistryError::not_found("member", user_name))
        }
    }

    /// Puts a user or a group into a group of the same account; being in it already is fine. Groups do not go round in
    /// circles, and nobody is put into Valid Users but a user into those of the account: who is known there and no more.
    pub(crate) fn join(&mut self, member: Uuid, group: Uuid) -> Result<(), RegistryError> {
        let into = self.directory.groups.get(&group).cloned();
        let into = into.ok_or_else(|| RegistryError::not_found("group", &group.to_string()))?;
        let is_user = self.directory.users.contains_key(&member);
        if !is_user {
            let missing = || RegistryError::not_found("group", &member.to_string());
            let joining = self.directory.groups.get(&member).ok_or_else(missing)?;
            if joining.account != into.account {
                return Err(RegistryError::value("member", "is a group of another account"));
            }
            if member == group || self.directory.all_containers_of(group).contains(&member) {
                return Err(RegistryError::value(
                    "member",
                    format!("{:?} contains {:?} already", joining.name, into.name),
                ));
            }
        }
        if into.kind.follows() && !(is_user && into.kind == GroupKind::CollectionValidUsers) {
            return Err(follows(&into.name));
        }
        self.put(Membership { member, group });
        Ok(())
    }

    /// Takes a user or a group out of a group; returns whether it was in it.
    pub(crate) fn leave_group(&mut self, member: Uuid, group: Uuid) -> bool {
        self.remove::<Membership>(&(member, group))
    }

    /// Makes a group of an account, or of one of its projects. It is allowed nothing yet.
    pub(crate) fn create_custom_group(
        &mut self,
        account: Uuid,
        project: Option<Uuid>,
        called: &str,
        description: &str,
    ) -> Result<Uuid, RegistryError> {
        name::check_group(called)?;
        if self.directory.group_named(account, project, called).is_some() {
            return Err(RegistryError::exists("group", called));
        }
        self.directory.check_group_alike(account, project, called, None)?;
        let scope = project.unwrap_or(account).to_string();
        let id = self.fresh_id(&["group", &scope, called]);
        let group = Group {
            id,
            account,
            project,
            kind: GroupKind::Custom,
            name: called.to_owned(),
            description: description.to_owned(),
        };
        self.put(group);
        Ok(id)
    }

    /// Gives a group that somebody made another name or description.
    pub(crate) fn update_group(
        &mut self,
        id: Uuid,
        called: Option<&str>,
        description: Option<&str>,
    ) -> Result<(), RegistryError> {
        let mut group = self.custom_group(id)?;
        if let Some(called) = called {
            name::check_group(called)?;
            let other = self.directory.group_named(group.account, group.project, called);
            if other.is_some_and(|other| other.id != id) {
                return Err(RegistryError::exists("group", called));
            }
            self.directory.check_group_alike(group.account, group.project, called, Some(id))?;
            called.clone_into(&mut group.name);
        }
        if let Some(description) = description {
            description.clone_into(&mut group.description);
        }
        self.put(group);
        Ok(())
    }

    /// Removes a group that somebody made, with its entries. Those in it lose what they had by it.
    pub(crate) fn delete_group(&mut self, id: Uuid) -> Result<(), RegistryError> {
        self.custom_group(id)?;
        self.remove_groups(&[id]);
        Ok(())
    }

    /// Removes groups with their memberships and entries: the same ids may come again.
    pub(super) fn remove_groups(&mut self, groups: &[Uuid]) {
        for group in groups {
            let members: Vec<_> = self.directory.joined(*group).map(|member| (member, *group)).collect();
            self.remove_all::<Membership>(members);
        }
        self.forget_identities(groups);
        self.remove_all::<Group>(groups.iter().copied());
    }

    /// Takes users and groups out of the groups that they are in, and removes their entries.
    pub(super) fn forget_identities(&mut self, identities: &[Uuid]) {
        for member in identities {
            let groups: Vec<_> = self.directory.joins(*member).map(|group| (*member, group)).collect();
            self.remove_all::<Membership>(groups);
        }
        self.remove_all::<AccessEntry>(self.directory.entries_of(identities));
    }

    fn custom_group(&self, id: Uuid) -> Result<Group, RegistryError> {
        let missing = || RegistryError::not_found("group", &id.to_string());
        let group = self.directory.groups.get(&id).cloned().ok_or_else(missing)?;
        if group.kind == GroupKind::Custom {
            Ok(group)
        } else {
            Err(RegistryError::value(
                "group",
                format!("{:?} is one that the service made: it stays as it is", group.name),
            ))
        }
    }

    /// Makes the groups that an account or a project is born with, as far as they are missing.
    pub(super) fn create_groups(&mut self, account: Uuid, project: Option<Uuid>) {
        let kinds = if project.is_some() { &GroupKind::OF_PROJECT[..] } else { &GroupKind::OF_ACCOUNT[..] };
        for kind in kinds {
            if self.directory.group(account, project, *kind).is_none() {
                self.create_born_group(account, project, *kind);
            }
        }
    }

    /// Makes what accounts and projects of earlier versions were not born with.
    pub(crate) fn complete_groups(&mut self) {
        let accounts: Vec<_> = self.directory.accounts.keys().map(|account| (*account, None)).collect();
        let projects: Vec<_> =
            self.directory.projects.values().map(|one| (one.account, Some(one.id))).collect();
        for (account, project) in accounts.into_iter().chain(projects) {
            self.create_groups(account, project);
        }
    }

    fn create_born_group(&mut self, account: Uuid, project: Option<Uuid>, kind: GroupKind) {
        let account_name = self.directory.accounts.get(&account).map(|account| account.name.clone());
        let project_name =
            project.and_then(|id| self.directory.projects.get(&id)).map(|one| one.name.clone());
        let mut path = vec!["group"];
        path.extend(account_name.as_deref().into_iter().chain(project_name.as_deref()));
        path.push(kind.name());
        let team_of = project.map(|project| project.to_string()).unwrap_or_default();
        let (id, called) = match (kind, &project_name) {
            (GroupKind::Team, Some(of)) => (self.fresh_id(&["team", &team_of]), format!("{of} Team")),
            _ => (self.fresh_id(&path), kind.name().to_owned()),
        };
        let description = kind.description().to_owned();
        self.put(Group { id, account, project, kind, name: called, description });
        let at = project.map_or_else(|| token::COLLECTION.to_owned(), token::project);
        self.put_entry(account, &at, id, Entry { allow: kind.default_grant(), ..Entry::default() });
        if kind == GroupKind::Team
            && let Some(contributors) = self.directory.group(account, project, GroupKind::Contributors)
        {
            let group = contributors.id;
            self.put(Membership { member: id, group });
        }
    }
}

fn follows(group: &str) -> RegistryError {
    RegistryError::value("group", format!("who is in {group:?} follows from the other groups"))
}
