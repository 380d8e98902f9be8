//! Groups and who is in them.

use uuid::Uuid;

use super::{RegistryError, run};
use crate::access::token;
use crate::directory::{Entry, Group, GroupKind, name};
use crate::state::Change;

impl Change<'_> {
    /// Puts a user into a group of which there is one in its place; being in it already is fine.
    pub(crate) async fn add_member(
        &mut self,
        account_name: &str,
        project_name: Option<&str>,
        kind: GroupKind,
        user_name: &str,
    ) -> Result<(), RegistryError> {
        let group = self.group(account_name, project_name, kind)?;
        let user = self.user_id(user_name)?;
        if kind.follows() {
            return Err(follows(kind.name()));
        }
        self.join_group(user, group).await
    }

    /// Takes a user out of such a group.
    pub(crate) async fn remove_member(
        &mut self,
        account_name: &str,
        project_name: Option<&str>,
        kind: GroupKind,
        user_name: &str,
    ) -> Result<(), RegistryError> {
        let group = self.group(account_name, project_name, kind)?;
        let user = self.user_id(user_name)?;
        if self.leave_group(user, group).await? {
            Ok(())
        } else {
            Err(RegistryError::not_found("member", user_name))
        }
    }

    /// Puts a user or a group into a group of the same account; being in it already is fine. Groups do not go round in
    /// circles, and nobody is put into Valid Users but a user into those of the account: who is known there and no more.
    pub(crate) async fn join(&mut self, member: Uuid, group: Uuid) -> Result<(), RegistryError> {
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
        self.join_group(member, group).await
    }

    /// Takes a user or a group out of a group; whether it was in it.
    pub(crate) async fn leave_group(&mut self, member: Uuid, group: Uuid) -> Result<bool, RegistryError> {
        if !self.directory.leave(member, group) {
            return Ok(false);
        }
        run!(
            self,
            "DELETE FROM memberships WHERE member_id = $1 AND group_id = $2",
            member.to_string(),
            group.to_string()
        );
        Ok(true)
    }

    /// Makes a group of an account, or of one of its projects. It is allowed nothing yet.
    pub(crate) async fn create_custom_group(
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
        let place = project.unwrap_or(account).to_string();
        let id = self.fresh_id(&["group", &place, called]);
        let group = Group {
            id,
            account,
            project,
            kind: GroupKind::Custom,
            name: called.to_owned(),
            description: description.to_owned(),
        };
        self.store_group(group).await?;
        Ok(id)
    }

    /// Gives a group that somebody made another name or description.
    pub(crate) async fn update_group(
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
        run!(
            self,
            "UPDATE member_groups SET name = $1, description = $2 WHERE id = $3",
            group.name.clone(),
            group.description.clone(),
            id.to_string()
        );
        self.directory.insert_group(group);
        Ok(())
    }

    /// Removes a group that somebody made, with its entries. Those in it lose what they had by it.
    pub(crate) async fn delete_group(&mut self, id: Uuid) -> Result<(), RegistryError> {
        self.custom_group(id)?;
        run!(self, "DELETE FROM access_entries WHERE identity_id = $1", id.to_string());
        run!(self, "DELETE FROM memberships WHERE member_id = $1", id.to_string());
        run!(self, "DELETE FROM member_groups WHERE id = $1", id.to_string());
        self.directory.remove_group(id);
        Ok(())
    }

    /// Takes a project's groups out of what they are in elsewhere, and their entries away: the same ids may come again.
    pub(super) async fn forget_groups_of(&mut self, project: Uuid) -> Result<(), RegistryError> {
        run!(
            self,
            "DELETE FROM memberships WHERE member_id IN (SELECT id FROM member_groups WHERE project_id = $1)",
            project.to_string()
        );
        run!(
            self,
            "DELETE FROM access_entries WHERE identity_id IN (SELECT id FROM member_groups WHERE project_id = $1)",
            project.to_string()
        );
        Ok(())
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
    pub(super) async fn create_groups(
        &mut self,
        account: Uuid,
        project: Option<Uuid>,
    ) -> Result<(), RegistryError> {
        let kinds = if project.is_some() { &GroupKind::OF_PROJECT[..] } else { &GroupKind::OF_ACCOUNT[..] };
        for kind in kinds {
            if self.directory.group(account, project, *kind).is_none() {
                self.create_born_group(account, project, *kind).await?;
            }
        }
        Ok(())
    }

    /// Makes what accounts and projects of earlier versions were not born with.
    pub(crate) async fn complete_groups(&mut self) -> Result<(), RegistryError> {
        let accounts: Vec<Uuid> = self.directory.accounts.keys().copied().collect();
        let projects: Vec<_> = self.directory.projects.values().map(|one| (one.account, one.id)).collect();
        for account in accounts {
            self.create_groups(account, None).await?;
        }
        for (account, project) in projects {
            self.create_groups(account, Some(project)).await?;
        }
        Ok(())
    }

    async fn create_born_group(
        &mut self,
        account: Uuid,
        project: Option<Uuid>,
        kind: GroupKind,
    ) -> Result<(), RegistryError> {
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
        self.store_group(Group { id, account, project, kind, name: called, description }).await?;
        let at = project.map_or_else(|| token::COLLECTION.to_owned(), token::project);
        self.put_entry(account, &at, id, Entry { allow: kind.default_grant(), ..Entry::default() }).await?;
        if kind == GroupKind::Team
            && let Some(contributors) = self.directory.group(account, project, GroupKind::Contributors)
        {
            let contributors = contributors.id;
            self.join_group(id, contributors).await?;
        }
        Ok(())
    }

    async fn store_group(&mut self, group: Group) -> Result<(), RegistryError> {
        run!(
            self,
            "INSERT INTO member_groups (id, account_id, project_id, kind, name, description) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            group.id.to_string(),
            group.account.to_string(),
            group.project.map(|project| project.to_string()),
            group.kind.name(),
            group.name.clone(),
            group.description.clone(),
        );
        self.directory.insert_group(group);
        Ok(())
    }

    pub(super) async fn join_group(&mut self, member: Uuid, group: Uuid) -> Result<(), RegistryError> {
        if self.directory.join(member, group) {
            run!(
                self,
                "INSERT INTO memberships (member_id, group_id) VALUES ($1, $2)",
                member.to_string(),
                group.to_string(),
            );
        }
        Ok(())
    }

    pub(super) fn group(
        &self,
        account_name: &str,
        project_name: Option<&str>,
        kind: GroupKind,
    ) -> Result<Uuid, RegistryError> {
        let account = self.account(account_name)?.id;
        let project =
            project_name.map(|name| self.project(account_name, name)).transpose()?.map(|project| project.id);
        let found = self.directory.group(account, project, kind);
        found.map(|group| group.id).ok_or_else(|| RegistryError::not_found("group", kind.name()))
    }
}

fn follows(group: &str) -> RegistryError {
    RegistryError::value("group", format!("who is in {group:?} follows from the other groups"))
}
