//! The registry of projects, by the routes of Azure's Resource Manager.

use azml_core::id::ProjectId;
use azml_core::project::Scope;
use serde_json::{Value, json};
use ureq::http::{Method, StatusCode};

use super::{Service, ServiceError};
use crate::limits;

const VERSION: &str = "api-version=2017-05-01-preview";
const SUBSCRIPTIONS_VERSION: &str = "api-version=2016-06-01";
const PROVIDER: &str = "Microsoft.MachineLearningExperimentation";
/// The most pages of one list that are read.
const MOST_PAGES: usize = 1000;

/// A filter for projects or workspaces; names compare without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The account's name.
    pub account: Option<String>,
    /// The workspace's name.
    pub workspace: Option<String>,
    /// The resource group's name.
    pub group: Option<String>,
    /// The subscription's id.
    pub subscription: Option<String>,
}

impl Filter {
    /// Returns whether everything passes.
    pub fn is_empty(&self) -> bool {
        [&self.account, &self.workspace, &self.group, &self.subscription].iter().all(|part| part.is_none())
    }
}

/// An account or a workspace.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its Azure resource id: a path.
    pub id: String,
    pub name: String,
    /// The account's name: its own or that of what it is in.
    pub account: String,
    pub location: String,
}

/// A project in the registry.
#[derive(Clone, Debug)]
pub struct Found {
    /// The project's id.
    pub project: ProjectId,
    /// Its place: an Azure resource id.
    pub scope: Scope,
    pub name: String,
    /// Its account's name.
    pub account: String,
    /// Its workspace's name.
    pub workspace: String,
    /// Its Git repository.
    pub repository: Option<String>,
    pub description: String,
    /// Since when it is there.
    pub created: String,
}

impl Found {
    fn of(value: &Value) -> Option<Self> {
        let properties = &value["properties"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let scope: Scope = value["id"].as_str()?.parse().ok()?;
        Some(Self {
            project: properties["projectId"].as_str()?.parse().ok()?,
            name: text(&value["name"]).or_else(|| scope.project().map(str::to_owned))?,
            account: scope.account()?.to_owned(),
            workspace: scope.workspace()?.to_owned(),
            repository: text(&properties["gitrepo"]).filter(|url| !url.is_empty()),
            description: text(&properties["description"]).unwrap_or_default(),
            created: text(&properties["creationDate"]).unwrap_or_default(),
            scope,
        })
    }
}

impl Service {
    /// The accounts that the user can see and the filter lets through.
    pub fn accounts(&self, filter: &Filter) -> Result<Vec<Named>, ServiceError> {
        let mut all = Vec::new();
        for subscription in self.list("/subscriptions", SUBSCRIPTIONS_VERSION)? {
            let Some(id) = subscription["id"].as_str() else { continue };
            if !matches(filter.subscription.as_deref(), subscription["subscriptionId"].as_str()) {
                continue;
            }
            for account in self.list(&format!("{}/providers/{PROVIDER}/accounts", path(id)), VERSION)? {
                let Some(named) = named(&account) else { continue };
                let group = part(&named.id, "resourceGroups");
                if matches(filter.account.as_deref(), Some(&named.name))
                    && matches(filter.group.as_deref(), group)
                {
                    all.push(named);
                }
            }
        }
        Ok(all)
    }

    /// The workspaces of an account that the user can see and the filter lets through.
    pub fn workspaces(&self, account: &Named, filter: &Filter) -> Result<Vec<Named>, ServiceError> {
        let list = self.list(&format!("{}/workspaces", path(&account.id)), VERSION)?;
        let all = list.iter().filter_map(named);
        Ok(all.filter(|named| matches(filter.workspace.as_deref(), Some(&named.name))).collect())
    }

    /// The projects that the user can see and the filter lets through, in the order of accounts and workspaces.
    pub fn projects(&self, filter: &Filter) -> Result<Vec<Found>, ServiceError> {
        let mut all = Vec::new();
        for account in self.accounts(filter)? {
            for workspace in self.workspaces(&account, filter)? {
                let list = self.list(&format!("{}/projects", path(&workspace.id)), VERSION)?;
                all.extend(list.iter().filter_map(Found::of));
            }
        }
        Ok(all)
    }

    /// The project at a place, if the user can see one there.
    pub fn project(&self, scope: &str) -> Result<Option<Found>, ServiceError> {
        match self.ask(Method::GET, &format!("{}?{VERSION}", path(scope)), None, &[]) {
            Ok(answer) => Ok(Some(self.found(&answer.value)?)),
            Err(ServiceError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Registers a project in a workspace; `None` if one of that name is there.
    pub fn register(
        &self,
        workspace: &Named,
        name: &str,
        repository: Option<&str>,
    ) -> Result<Option<Found>, ServiceError> {
        let scope = format!("{}/projects/{name}", workspace.id);
        let body = json!({
            "location": workspace.location,
            "properties": { "friendlyName": name, "gitrepo": repository },
        });
        // A service that does not know the condition would change the project that is there.
        if self.project(&scope)?.is_some() {
            return Ok(None);
        }
        match self.ask(
            Method::PUT,
            &format!("{}?{VERSION}", path(&scope)),
            Some(&body),
            &[("If-None-Match", "*")],
        ) {
            Ok(answer) => self.found(&answer.value).map(Some),
            Err(ServiceError::Refused { status: 409 | 412, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes which Git repository a project has.
    pub fn set_repository(&self, scope: &str, repository: &str) -> Result<(), ServiceError> {
        let body = json!({ "properties": { "gitrepo": repository } });
        self.ask(Method::PATCH, &format!("{}?{VERSION}", path(scope)), Some(&body), &[]).map(|_| ())
    }

    /// Takes a project out of the registry; `false` if it was not in it.
    pub fn unregister(&self, scope: &str) -> Result<bool, ServiceError> {
        let answer = self.ask(Method::DELETE, &format!("{}?{VERSION}", path(scope)), None, &[])?;
        Ok(answer.status != StatusCode::NO_CONTENT)
    }

    fn found(&self, value: &Value) -> Result<Found, ServiceError> {
        Found::of(value).ok_or_else(|| self.malformed("what the project's id and place are"))
    }

    /// All pages of a list.
    fn list(&self, path: &str, version: &str) -> Result<Vec<Value>, ServiceError> {
        let mut all = Vec::new();
        let mut next = format!("{path}?{version}");
        for _ in 0..MOST_PAGES {
            let answer = self.ask(Method::GET, &next, None, &[])?;
            let values = answer.value["value"].as_array().ok_or_else(|| self.malformed("what there is"))?;
            all.extend(values.iter().cloned());
            if all.len() > limits::SERVICE_ITEMS {
                return Err(self.malformed("an end of the list"));
            }
            let Some(link) = answer.value["nextLink"].as_str() else { break };
            // A page elsewhere is not asked for: the token is not for there.
            let Some(more) = link.strip_prefix(self.url()).filter(|more| more.starts_with('/')) else {
                break;
            };
            more.clone_into(&mut next);
        }
        Ok(all)
    }
}

fn named(value: &Value) -> Option<Named> {
    let id = value["id"].as_str()?.to_owned();
    let name =
        value["name"].as_str().map(str::to_owned).or_else(|| Some(id.rsplit('/').next()?.to_owned()))?;
    let account = part(&id, "accounts")?.to_owned();
    let location = value["location"].as_str().unwrap_or_default().to_owned();
    Some(Named { id, name, account, location })
}

/// The part that follows a word in a resource id.
fn part<'a>(id: &'a str, word: &str) -> Option<&'a str> {
    let mut segments = id.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case(word))?;
    segments.next()
}

/// A resource id as a path: what a service says is not taken for more than that.
fn path(id: &str) -> String {
    let encoded = |byte: u8| match byte {
        safe if safe.is_ascii_alphanumeric() || b"-_.()/".contains(&safe) => char::from(safe).to_string(),
        other => format!("%{other:02X}"),
    };
    let path: String = id.bytes().map(encoded).collect();
    if path.starts_with('/') { path } else { format!("/{path}") }
}

fn matches(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_paths_and_no_more() {
        assert_eq!(path("/a/b c?x=%2e#y"), "/a/b%20c%3Fx%3D%252e%23y");
        assert_eq!(path("@evil.example/x"), "/%40evil.example/x");
        assert_eq!(part("/subscriptions/s/resourcegroups/rg/x", "resourceGroups"), Some("rg"));
    }

    #[test]
    fn a_project_without_id_or_place_is_none() {
        let id = "0b5e9b52-6b1c-4f0e-8a57-3f6a1c9d2e11";
        let scope = "/subscriptions/s/resourceGroups/g/providers/P/accounts/a/workspaces/w/projects/p";
        let whole = json!({ "id": scope, "name": "p", "properties": { "projectId": id, "gitrepo": "" } });
        let found = Found::of(&whole).unwrap();
        assert_eq!((found.account.as_str(), found.workspace.as_str(), found.repository), ("a", "w", None));
        for broken in [json!({}), json!({ "id": scope, "properties": {} }), json!({ "id": "x", "name": "p" })]
        {
            assert!(Found::of(&broken).is_none(), "{broken}");
        }
    }
}
