//! The shapes in which the Experimentation service shows things.

use serde_json::{Value, json};

use super::path::PROVIDER;
use super::tenant;
use crate::directory::{Directory, Level, Resource};

/// The envelope of every list.
pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    json!({ "value": values.into_iter().collect::<Vec<_>>() })
}

pub(super) fn subscription_id() -> String {
    format!("/subscriptions/{}", super::subscription())
}

pub(super) fn subscription() -> Value {
    json!({
        "id": subscription_id(),
        "subscriptionId": super::subscription().to_string(),
        "tenantId": tenant().to_string(),
        "displayName": "vsts-mock",
        "state": "Enabled",
        "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off" },
        "authorizationSource": "RoleBased",
    })
}

pub(super) fn group(name: &str, location: &str) -> Value {
    json!({
        "id": format!("{}/resourceGroups/{name}", subscription_id()),
        "name": name,
        "location": location,
        "properties": { "provisioningState": "Succeeded" },
    })
}

/// The id of what these names lead to: account, workspace, project.
pub(super) fn id_of(group: &str, names: &[&str]) -> String {
    let mut id = format!("{}/resourceGroups/{group}/providers/{PROVIDER}", subscription_id());
    for (level, name) in Level::ALL.iter().zip(names) {
        id.push('/');
        id.push_str(level.collection());
        id.push('/');
        id.push_str(name);
    }
    id
}

/// The id of a resource.
pub(super) fn id(directory: &Directory, resource: &Resource) -> String {
    let mut names: Vec<&str> =
        directory.experimentation.lineage(resource).map(|above| above.name.as_str()).collect();
    names.reverse();
    id_of(&resource.group, &names)
}

/// An account, a workspace or a project.
pub(super) fn resource(directory: &Directory, resource: &Resource) -> Value {
    let mut properties = json!({
        "friendlyName": resource.friendly_name,
        "description": resource.description,
        "creationDate": resource.created,
        "provisioningState": "Succeeded",
    });
    let mut kinds = Vec::new();
    for above in directory.experimentation.lineage(resource) {
        let key = match above.level {
            Level::Account => "accountId",
            Level::Workspace => "workspaceId",
            Level::Project => "projectId",
        };
        properties[key] = above.id.to_string().into();
        kinds.push(above.level.collection());
    }
    kinds.reverse();
    if resource.level == Level::Project {
        properties["gitrepo"] = resource.git_repo.clone().into();
    }
    json!({
        "id": id(directory, resource),
        "name": resource.name,
        "type": format!("{PROVIDER}/{}", kinds.join("/")),
        "location": resource.location,
        "tags": resource.tags,
        "properties": properties,
    })
}
