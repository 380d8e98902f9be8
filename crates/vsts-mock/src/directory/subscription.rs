//! Subscriptions of service hooks: who is told of which events, and where.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An event type that is told to a URL. It is stored as one row, with its fields as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    /// The project whose events are told; those of all projects of the account without one.
    pub(crate) project: Option<Uuid>,
    /// `git.push`, `git.pullrequest.created` and so on.
    pub(crate) event_type: String,
    /// The version of the payload.
    pub(crate) resource_version: String,
    /// The filters, by their names in the API; an empty one lets all events pass.
    pub(crate) filters: BTreeMap<String, String>,
    /// The URL, headers, credentials and forms, by their names in the API.
    pub(crate) target: BTreeMap<String, String>,
    pub(crate) creator: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) modifier: Uuid,
    pub(crate) modified: Timestamp,
    pub(crate) is_enabled: bool,
}

impl Subscription {
    /// A filter that is set.
    pub(crate) fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A setting of the target.
    pub(crate) fn setting(&self, name: &str) -> &str {
        self.target.get(name).map_or("", String::as_str)
    }
}
