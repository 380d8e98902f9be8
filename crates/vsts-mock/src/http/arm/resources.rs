//! Accounts, workspaces and projects: listed, read, made, changed, deleted.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::IF_NONE_MATCH;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Failure, found, shape};
use crate::access::{Act, sees_resource};
use crate::directory::{Directory, Level, Resource, name};
use crate::operations::experimentation::{self, Error, Put, ResourcePath};
use crate::registry::Details;

impl Call<'_> {
    /// The resource that the path names.
    pub(super) fn resource_path(&self) -> ResourcePath<'_> {
        ResourcePath { names: &self.path.names, group: self.path.group.as_deref() }
    }

    /// The resource that the path names, if the caller may do that to it.
    pub(super) fn allowed<'w>(&self, directory: &'w Directory, act: Act) -> Result<&'w Resource, Failure> {
        let found = experimentation::allowed(directory, &self.principal, self.resource_path(), act);
        found.map_err(|error| self.failed(error))
    }

    pub(super) fn groups(&self, directory: &Directory) -> Vec<Value> {
        let accounts = directory.experimentation.children(Uuid::nil());
        let seen = accounts.filter(|account| sees_resource(directory, &self.principal, account));
        let by_key: BTreeMap<_, _> = seen.map(|account| (name::key(&account.group), account)).collect();
        by_key.values().map(|account| shape::group(&account.group, &account.location)).collect()
    }

    pub(super) fn group(&self, directory: &Directory) -> Answer {
        let asked = self.path.group.as_deref().unwrap_or_default();
        let is_asked =
            |group: &Value| group["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(asked));
        if let Some(group) = self.groups(directory).into_iter().find(is_asked) {
            return found(group);
        }
        let asked: String = asked.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!("Resource group '{asked}' could not be found.");
        Err(Failure::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message))
    }

    pub(super) fn children(&self, directory: &Directory, level: Level) -> Answer {
        let parent = match level {
            Level::Account => Uuid::nil(),
            Level::Workspace | Level::Project => {
                let found = experimentation::find(directory, &self.principal, self.resource_path());
                found.map_err(|error| self.failed(error))?.id
            }
        };
        let group = self.path.group.as_deref().map(name::key);
        let mut seen: Vec<_> = directory
            .experimentation
            .children(parent)
            .filter(|child| group.as_ref().is_none_or(|group| name::key(&child.group) == *group))
            .filter(|child| sees_resource(directory, &self.principal, child))
            .collect();
        seen.sort_by_key(|child| name::key(&child.name));
        found(shape::list(seen.into_iter().map(|child| shape::resource(directory, child))))
    }

    pub(super) fn get(&self, directory: &Directory) -> Answer {
        found(shape::resource(directory, self.allowed(directory, Act::Read)?))
    }

    /// Creates what the path names, or changes it if it exists.
    pub(super) async fn put(&self, body: &Value) -> Answer {
        let must_be_new = self.headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*");
        let (path, details) = (self.resource_path(), details(body)?);
        let put = experimentation::put(self.app, &self.principal, path, &details, must_be_new).await;
        match put.map_err(|error| self.failed(error))? {
            Put::Created(id) => Ok((StatusCode::CREATED, self.changed(id))),
            Put::Changed(id) => Ok((StatusCode::OK, self.changed(id))),
        }
    }

    pub(super) async fn patch(&self, body: &Value) -> Answer {
        let (path, details) = (self.resource_path(), details(body)?);
        let id = experimentation::update(self.app, &self.principal, path, &details).await;
        Ok((StatusCode::OK, self.changed(id.map_err(|error| self.failed(error))?)))
    }

    /// A resource that was just changed.
    fn changed(&self, id: Uuid) -> Option<Value> {
        let directory = self.app.state.directory();
        directory.experimentation.resources.get(&id).map(|resource| shape::resource(&directory, resource))
    }

    /// Deletes what the path names; what is not there is gone already.
    pub(super) async fn delete(&self) -> Answer {
        match experimentation::delete(self.app, &self.principal, self.resource_path()).await {
            Ok(()) => Ok((StatusCode::OK, None)),
            Err(Error::Absent) => Ok((StatusCode::NO_CONTENT, None)),
            Err(error) => Err(self.failed(error)),
        }
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
