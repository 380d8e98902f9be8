//! Members, as Azure has them: role assignments at a resource, and the definitions of the two roles.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::{Answer, Call, Failure, found, shape};
use crate::access::Act;
use crate::directory::{Assignment, Directory, Role};
use crate::operations::experimentation;

/// The ids that Azure has for its built-in roles.
fn definition_id(role: Role) -> Uuid {
    match role {
        Role::Owner => uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
        Role::Contributor => uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"),
    }
}

fn definition_path(role: Role) -> String {
    let subscription = shape::subscription_id();
    format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", definition_id(role))
}

fn definition_json(role: Role) -> Value {
    let description = match role {
        Role::Owner => "Lets you manage everything, including access to resources.",
        Role::Contributor => "Lets you manage everything except access to resources.",
    };
    json!({
        "id": definition_path(role),
        "name": definition_id(role).to_string(),
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name(),
            "type": "BuiltInRole",
            "description": description,
            "assignableScopes": ["/"],
        },
    })
}

/// The roles; `$filter=roleName eq 'Owner'` picks one.
pub(super) fn definitions(query: &str) -> Value {
    let wanted = filter(query, "roleName");
    let all = Role::ALL.into_iter();
    let picked = all.filter(|role| wanted.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(role.name())));
    shape::list(picked.map(definition_json))
}

pub(super) fn definition(id: &str) -> Answer {
    let role = role_of(id).ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "RoleDefinitionDoesNotExist",
            "The specified role definition does not exist.",
        )
    })?;
    found(definition_json(role))
}

/// The role of a definition's id, or of the path that ends in it.
fn role_of(definition: &str) -> Option<Role> {
    let id = Uuid::parse_str(definition.rsplit('/').next()?).ok()?;
    Role::ALL.into_iter().find(|role| definition_id(*role) == id)
}

/// The value in `$filter=FIELD eq 'VALUE'`.
fn filter(query: &str, field: &str) -> Option<String> {
    let (_, filter) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$filter")?;
    let (left, right) = filter.split_once(" eq ")?;
    left.trim().eq_ignore_ascii_case(field).then(|| right.trim().trim_matches('\'').to_owned())
}

fn assignment_json(directory: &Directory, assignment: &Assignment) -> Value {
    let at = directory.experimentation.resources.get(&assignment.resource);
    let scope = at.map(|at| shape::id(directory, at)).unwrap_or_default();
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", assignment.id),
        "name": assignment.id.to_string(),
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition_path(assignment.role),
            "principalId": assignment.user.to_string(),
            "principalName": directory.identity_name(assignment.user),
            "principalType": "User",
            "scope": scope,
        },
    })
}

impl Call<'_> {
    /// Lists the role assignments at the resource, inherited ones too; `$filter=principalId eq '…'` picks one user.
    pub(super) fn role_assignments(&self, directory: &Directory, query: &str) -> Answer {
        let wanted = filter(query, "principalId");
        let resource = self.allowed(directory, Act::Read)?;
        let registry = &directory.experimentation;
        let all = registry.lineage(resource).flat_map(|at| registry.assignments_at(at.id));
        let picked = all.filter(|one| {
            wanted.as_ref().is_none_or(|user| user.eq_ignore_ascii_case(&one.user.to_string()))
        });
        found(shape::list(picked.map(|one| assignment_json(directory, one))))
    }

    pub(super) fn role_assignment(&self, directory: &Directory, id: &str) -> Answer {
        let resource = self.allowed(directory, Act::Read)?;
        let assignment =
            experimentation::assignment(directory, resource.id, id).ok_or_else(|| no_assignment(id))?;
        found(assignment_json(directory, assignment))
    }

    pub(super) async fn assign(&self, id: &str, body: &Value) -> Answer {
        let id = Uuid::parse_str(id).map_err(|_| {
            Failure::bad("InvalidRoleAssignmentId", "The role assignment ID is not valid. It must be a GUID.")
        })?;
        self.allowed(&self.app.state.directory(), Act::Assign)?;
        let properties = &body["properties"];
        let role = properties["roleDefinitionId"].as_str().and_then(role_of).ok_or_else(|| {
            Failure::bad(
                "RoleDefinitionDoesNotExist",
                "properties.roleDefinitionId is neither Owner's nor Contributor's.",
            )
        })?;
        let user = properties["principalId"].as_str().and_then(|user| Uuid::parse_str(user).ok());
        let path = self.resource_path();
        let assigned = experimentation::assign(self.app, &self.principal, path, id, user, role).await;
        assigned.map_err(|error| self.failed(error))?;
        let directory = self.app.state.directory();
        let answer =
            directory.experimentation.assignments.get(&id).map(|one| assignment_json(&directory, one));
        Ok((StatusCode::CREATED, answer))
    }

    pub(super) async fn unassign(&self, id: &str) -> Answer {
        let path = self.resource_path();
        let removed = experimentation::unassign(self.app, &self.principal, path, id).await;
        match removed.map_err(|error| self.failed(error))? {
            Some(removed) => {
                Ok((StatusCode::OK, Some(assignment_json(&self.app.state.directory(), &removed))))
            }
            None => Ok((StatusCode::NO_CONTENT, None)),
        }
    }
}

fn no_assignment(id: &str) -> Failure {
    let id: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
    Failure::new(
        StatusCode::NOT_FOUND,
        "RoleAssignmentNotFound",
        format!("The role assignment '{id}' is not found."),
    )
}
