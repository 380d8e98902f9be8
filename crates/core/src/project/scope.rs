//! A project's place in the Experimentation service, as an Azure resource id.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Error;

/// `/subscriptions/…/resourceGroups/…/providers/Microsoft.MachineLearningExperimentation/accounts/…/workspaces/…/projects/…`.
///
/// Kept as written: another tool's file is never rewritten to our taste.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(String);

/// The subscription and the resource group of a project that no service knows.
const LOCAL_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

impl Scope {
    /// The scope of these names.
    pub fn new(
        subscription: &str,
        group: &str,
        account: &str,
        workspace: &str,
        project: &str,
    ) -> Result<Self, Error> {
        for part in [subscription, group, account, workspace, project] {
            if part.is_empty() || part.contains('/') || part.chars().any(char::is_control) {
                return Err(Error::Scope { text: part.chars().filter(|c| !c.is_control()).collect() });
            }
        }
        Ok(Self(format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningExperimentation\
             /accounts/{account}/workspaces/{workspace}/projects/{project}"
        )))
    }

    /// The scope of a project that belongs to no account.
    pub fn local(project: &super::ProjectName) -> Self {
        Self::new(LOCAL_SUBSCRIPTION, "local", "local", "local", project.as_str())
            .expect("made of valid names")
    }

    /// Returns whether the project belongs to no account.
    pub fn is_local(&self) -> bool {
        self.part("subscriptions") == Some(LOCAL_SUBSCRIPTION)
    }

    /// The account's name.
    pub fn account(&self) -> Option<&str> {
        self.part("accounts")
    }

    /// The workspace's name.
    pub fn workspace(&self) -> Option<&str> {
        self.part("workspaces")
    }

    /// The project's name.
    pub fn project(&self) -> Option<&str> {
        self.part("projects")
    }

    /// The subscription.
    pub fn subscription(&self) -> Option<&str> {
        self.part("subscriptions")
    }

    /// The resource group.
    pub fn resource_group(&self) -> Option<&str> {
        self.part("resourceGroups")
    }

    /// The scope as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, key: &str) -> Option<&str> {
        let mut parts = self.0.split('/').skip(1);
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            if name.eq_ignore_ascii_case(key) {
                return Some(value).filter(|value| !value.is_empty());
            }
        }
        None
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = !text.chars().any(char::is_control);
        if text.is_empty() || text.starts_with('/') && plain {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Scope { text: text.chars().filter(|c| !c.is_control()).take(300).collect() })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
