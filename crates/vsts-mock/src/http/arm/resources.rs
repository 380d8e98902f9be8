//! Accounts, workspaces and projects: listed, read, made, changed, deleted.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::IF_NONE_MATCH;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Failure, found, shape};
use crate::access::{Act, Use, authorize_resource, authorize_use, sees_resource};
use crate::registry::{DEFAULT_GROUP, Details, random_id};
use crate::world::{Level, Resource, Role, World, name};

impl Call<'_> {
    /// The resource that the first so many names of the path lead to, if the caller may see it.
    fn resource<'w>(&self, world: &'w World, depth: usize) -> Result<&'w Resource, Failure> {
        let names: Vec<&str> = self.path.names.iter().take(depth).map(String::as_str).collect();
        let resource = world.experimentation.at(&names).ok_or_else(|| self.absent())?;
        let group = self.path.group.as_deref();
        let is_in_group = group.is_none_or(|group| name::key(group) == name::key(&resource.group));
        if is_in_group && sees_resource(world, &self.principal, resource) {
            Ok(resource)
        } else {
            Err(self.absent())
        }
    }

    /// The resource that the path names, if the caller may do that to it.
    pub(super) fn allowed<'w>(&self, world: &'w World, act: Act) -> Result<&'w Resource, Failure> {
        let resource = self.resource(world, self.path.names.len())?;
        authorize_resource(world, &self.principal, act, resource)
            .map_err(|refusal| self.refused(&refusal))?;
        Ok(resource)
    }

    pub(super) fn groups(&self, world: &World) -> Vec<Value> {
        let accounts = world.experimentation.children(Uuid::nil());
        let seen = accounts.filter(|account| sees_resource(world, &self.principal, account));
        let by_key: BTreeMap<_, _> = seen.map(|account| (name::key(&account.group), account)).collect();
        by_key.values().map(|account| shape::group(&account.group, &account.location)).collect()
    }

    pub(super) fn group(&self, world: &World) -> Answer {
        let asked = self.path.group.as_deref().unwrap_or_default();
        let is_asked =
            |group: &Value| group["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(asked));
        if let Some(group) = self.groups(world).into_iter().find(is_asked) {
            return found(group);
        }
        let asked: String = asked.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!("Resource group '{asked}' could not be found.");
        Err(Failure::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message))
    }

    pub(super) fn children(&self, world: &World, level: Level) -> Answer {
        let parent = match level {
            Level::Account => Uuid::nil(),
            Level::Workspace | Level::Project => self.resource(world, self.path.names.len())?.id,
        };
        let group = self.path.group.as_deref().map(name::key);
        let mut seen: Vec<_> = world
            .experimentation
            .children(parent)
            .filter(|child| group.as_ref().is_none_or(|group| name::key(&child.group) == *group))
            .filter(|child| sees_resource(world, &self.principal, child))
            .collect();
        seen.sort_by_key(|child| name::key(&child.name));
        found(shape::list(seen.into_iter().map(|child| shape::resource(world, child))))
    }

    pub(super) fn get(&self, world: &World) -> Answer {
        found(shape::resource(world, self.allowed(world, Act::Read)?))
    }

    /// Makes what the path names, or changes it if it is there.
    pub(super) async fn put(&self, body: &Value) -> Answer {
        let mut change = self.app.state.change().await?;
        let depth = self.path.names.len();
        let details = details(body)?;
        let names: Vec<&str> = self.path.names.iter().map(String::as_str).collect();
        let there = change.world.experimentation.at(&names).cloned();
        if let Some(there) = there.filter(|there| sees_resource(&change.world, &self.principal, there)) {
            self.allowed(&change.world, Act::Write)?;
            if self.headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*") {
                let message = "The resource exists already, and the request says that it must not.";
                return Err(Failure::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message));
            }
            change.update_resource(there.id, &details).await?;
            let answer = change.world.experimentation.resources.get(&there.id);
            let answer = answer.map(|resource| shape::resource(&change.world, resource));
            change.commit().await?;
            return Ok((StatusCode::OK, answer));
        }
        let level = Level::ALL[depth - 1];
        let (parent, group) = if depth == 1 {
            authorize_use(&change.world, &self.principal, Use::RegistryWrite)
                .map_err(|refusal| self.refused(&refusal))?;
            (Uuid::nil(), self.path.group.clone().unwrap_or_else(|| DEFAULT_GROUP.to_owned()))
        } else {
            let parent = self.parent(&change.world, depth - 1)?;
            (parent.id, parent.group.clone())
        };
        let called = names[depth - 1];
        let id = change
            .create_resource(random_id(), parent, level, called, &group, &details, self.app.clock.now())
            .await?;
        if let (1, Some(user)) = (depth, self.principal.user) {
            change.assign_role(random_id(), id, user, Role::Owner).await?;
        }
        let answer = change.world.experimentation.resources.get(&id);
        let answer = answer.map(|resource| shape::resource(&change.world, resource));
        change.commit().await?;
        Ok((StatusCode::CREATED, answer))
    }

    /// The resource in which something is to be made, if the caller may.
    fn parent<'w>(&self, world: &'w World, depth: usize) -> Result<&'w Resource, Failure> {
        let parent = self.resource(world, depth).map_err(|mut failure| {
            failure.code = "ParentResourceNotFound";
            failure
        })?;
        authorize_resource(world, &self.principal, Act::Write, parent)
            .map_err(|refusal| self.refused(&refusal))?;
        Ok(parent)
    }

    pub(super) async fn patch(&self, body: &Value) -> Answer {
        let mut change = self.app.state.change().await?;
        let id = self.allowed(&change.world, Act::Write)?.id;
        change.update_resource(id, &details(body)?).await?;
        let answer = change.world.experimentation.resources.get(&id);
        let answer = answer.map(|resource| shape::resource(&change.world, resource));
        change.commit().await?;
        Ok((StatusCode::OK, answer))
    }

    /// Deletes what the path names; what is not there is gone already.
    pub(super) async fn delete(&self) -> Answer {
        let mut change = self.app.state.change().await?;
        let id = match self.allowed(&change.world, Act::Write) {
            Ok(resource) => resource.id,
            Err(failure) if failure.status == StatusCode::NOT_FOUND => {
                return Ok((StatusCode::NO_CONTENT, None));
            }
            Err(failure) => return Err(failure),
        };
        change.delete_resource(id).await?;
        change.commit().await?;
        Ok((StatusCode::OK, None))
    }
}

fn details(body: &Value) -> Result<Details<'_>, Failure> {
    let text = |value: &'_ Value, field: &str| match value {
        Value::Null | Value::String(_) => Ok(()),
        _ => {
            Err(Failure::bad("InvalidRequestContent", format!("The value of '{field}' has to be a string.")))
        }
    };
    let properties = &body["properties"];
    if !properties.is_null() && !properties.is_object() {
        return Err(Failure::bad("InvalidRequestContent", "The value of 'properties' has to be an object."));
    }
    text(&body["location"], "location")?;
    for field in ["friendlyName", "description", "gitrepo"] {
        text(&properties[field], field)?;
    }
    let tags = match &body["tags"] {
        Value::Null => None,
        Value::Object(tags) => {
            let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            Some(tags.iter().map(text).collect::<Option<BTreeMap<_, _>>>().ok_or_else(|| {
                Failure::bad("InvalidRequestContent", "The values of 'tags' have to be strings.")
            })?)
        }
        _ => return Err(Failure::bad("InvalidRequestContent", "The value of 'tags' has to be an object.")),
    };
    Ok(Details {
        tags,
        friendly_name: properties["friendlyName"].as_str(),
        description: properties["description"].as_str(),
        location: body["location"].as_str(),
        git_repo: properties["gitrepo"].as_str(),
    })
}
