//! The Experimentation service's registry: accounts, workspaces, projects, and who has which role there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::RegistryError;
use super::users::in_milliseconds;
use crate::directory::{Assignment, Level, Resource, Role, name};
use crate::limits::{RESOURCE_TAGS, RESOURCE_TEXT_BYTES, TAG_NAME_CHARACTERS, TAG_VALUE_CHARACTERS};
use crate::state::Change;

/// The resource group of what the seed makes, unless it names another.
pub(crate) const DEFAULT_GROUP: &str = "vsts-mock";
/// The location of a resource whose creator names none.
pub(crate) const DEFAULT_LOCATION: &str = "eastus2";

/// A workspace of the Experimentation service, with its account, as the seed says it.
#[derive(Debug)]
pub(crate) struct WorkspaceInput<'a> {
    pub(crate) account: &'a str,
    pub(crate) name: &'a str,
    pub(crate) owners: &'a [String],
    pub(crate) contributors: &'a [String],
}

/// The details of a resource; one that is `None` stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Details<'a> {
    pub(crate) friendly_name: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) location: Option<&'a str>,
    pub(crate) git_repo: Option<&'a str>,
    /// All tags: those that are not among them go.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

impl Change<'_> {
    /// Makes a workspace and its account where they are missing, and adds members to the workspace.
    pub(crate) fn create_workspace(
        &mut self,
        input: &WorkspaceInput<'_>,
        now: Timestamp,
    ) -> Result<Uuid, RegistryError> {
        let mut at = Uuid::nil();
        for (level, called, path) in [
            (Level::Account, input.account, vec!["experimentation", input.account]),
            (Level::Workspace, input.name, vec!["experimentation", input.account, input.name]),
        ] {
            at = if let Some(found) = self.directory.experimentation.child(at, called) {
                found.id
            } else {
                let id = self.fresh_id(&path);
                self.create_resource(id, at, level, called, DEFAULT_GROUP, &Details::default(), now)?
            };
        }
        for (names, role) in [(input.owners, Role::Owner), (input.contributors, Role::Contributor)] {
            for user_name in names {
                let user = self.directory.find_user(user_name)?.id;
                self.assign_role(super::random_id(), at, user, role)?;
            }
        }
        Ok(at)
    }

    /// Makes a resource in a parent (nil for an account).
    #[expect(clippy::too_many_arguments, reason = "each is one column of the row")]
    pub(crate) fn create_resource(
        &mut self,
        id: Uuid,
        parent: Uuid,
        level: Level,
        called: &str,
        group: &str,
        details: &Details<'_>,
        now: Timestamp,
    ) -> Result<Uuid, RegistryError> {
        name::check_resource(level.name(), called)?;
        name::check_resource("resource group", group)?;
        if self.directory.experimentation.child(parent, called).is_some() {
            return Err(RegistryError::exists(level.name(), called));
        }
        let mut resource = Resource {
            id,
            parent,
            level,
            name: called.to_owned(),
            friendly_name: called.to_owned(),
            description: String::new(),
            group: group.to_owned(),
            location: DEFAULT_LOCATION.to_owned(),
            git_repo: None,
            tags: BTreeMap::new(),
            created: in_milliseconds(now),
        };
        apply(&mut resource, details)?;
        self.put(resource);
        Ok(id)
    }

    /// Changes what is said of a resource.
    pub(crate) fn update_resource(&mut self, id: Uuid, details: &Details<'_>) -> Result<(), RegistryError> {
        let found = self.directory.experimentation.resources.get(&id);
        let mut resource =
            found.ok_or_else(|| RegistryError::not_found("resource", &id.to_string()))?.clone();
        apply(&mut resource, details)?;
        self.put(resource);
        Ok(())
    }

    /// Removes a resource with its members; not while there is anything in it.
    pub(crate) fn delete_resource(&mut self, id: Uuid) -> Result<(), RegistryError> {
        let registry = &self.directory.experimentation;
        let Some(resource) = registry.resources.get(&id) else {
            return Err(RegistryError::not_found("resource", &id.to_string()));
        };
        if let Some(child) = registry.children(id).next() {
            return Err(RegistryError::InUse {
                what: resource.level.name(),
                name: resource.name.clone(),
                by: format!("the {} {}", child.level.name(), child.name),
            });
        }
        let members: Vec<Uuid> = registry.assignments_at(id).map(|assignment| assignment.id).collect();
        self.remove_all::<Assignment>(members);
        self.remove::<Resource>(&id);
        Ok(())
    }

    /// Gives a user a role at a resource; having it already is fine, and keeps the assignment's id. Gives that id.
    pub(crate) fn assign_role(
        &mut self,
        id: Uuid,
        resource: Uuid,
        user: Uuid,
        role: Role,
    ) -> Result<Uuid, RegistryError> {
        let registry = &self.directory.experimentation;
        let same = registry.assignments_at(resource).find(|found| found.user == user && found.role == role);
        if let Some(same) = same {
            return Ok(same.id);
        }
        if registry.assignments.contains_key(&id) {
            return Err(RegistryError::exists("role assignment", &id.to_string()));
        }
        self.put(Assignment { id, resource, user, role });
        Ok(id)
    }

    /// Takes a role away.
    pub(crate) fn revoke_role(&mut self, id: Uuid) -> Result<(), RegistryError> {
        if !self.remove::<Assignment>(&id) {
            return Err(RegistryError::not_found("role assignment", &id.to_string()));
        }
        Ok(())
    }
}

fn apply(resource: &mut Resource, details: &Details<'_>) -> Result<(), RegistryError> {
    let text = |field, value: Option<&str>| match value {
        Some(value)
            if value.len() > RESOURCE_TEXT_BYTES
                || value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') =>
        {
            Err(RegistryError::value(
                field,
                format!("has at most {RESOURCE_TEXT_BYTES} characters, and no control characters"),
            ))
        }
        value => Ok(value.map(str::to_owned)),
    };
    if let Some(value) = text("friendlyName", details.friendly_name)? {
        resource.friendly_name = value;
    }
    if let Some(value) = text("description", details.description)? {
        resource.description = value;
    }
    if let Some(value) = text("location", details.location)? {
        resource.location = value;
    }
    if let Some(value) = text("gitrepo", details.git_repo)? {
        resource.git_repo = if value.is_empty() { None } else { Some(check_git_repo(value)?) };
    }
    if let Some(tags) = &details.tags {
        check_tags(tags)?;
        tags.clone_into(&mut resource.tags);
    }
    Ok(())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), RegistryError> {
    let refuse = |message: String| Err(RegistryError::value("tags", message));
    if tags.len() > RESOURCE_TAGS {
        return refuse(format!("a resource has at most {RESOURCE_TAGS} tags"));
    }
    for (name, value) in tags {
        if name.is_empty()
            || name.chars().count() > TAG_NAME_CHARACTERS
            || name.contains(['<', '>', '%', '&', '\\', '?', '/'])
        {
            return refuse(format!(
                "a tag's name has 1 to {TAG_NAME_CHARACTERS} characters, and none of <>%&\\?/"
            ));
        }
        if value.chars().count() > TAG_VALUE_CHARACTERS {
            return refuse(format!("a tag's value has at most {TAG_VALUE_CHARACTERS} characters"));
        }
        if name.chars().chain(value.chars()).any(char::is_control) {
            return refuse("a tag has no control characters".to_owned());
        }
    }
    let mut names: Vec<String> = tags.keys().map(|name| name.to_lowercase()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            refuse(format!("{:?} is there twice: names of tags compare without regard to case", pair[0]))
        }
        None => Ok(()),
    }
}

/// Everybody in the workspace reads it, so that no password may be in it.
fn check_git_repo(url: String) -> Result<String, RegistryError> {
    if url::Url::parse(&url).is_ok_and(|url| url.password().is_some()) {
        return Err(RegistryError::value("gitrepo", "may not hold a password: all members can read it"));
    }
    Ok(url)
}
