//! A list as a request asks for it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The parts of a list that a request asks for.
pub(super) struct Selection {
    /// The entries of these alone, of whom there is one in any case.
    pub(super) wanted: Option<Vec<Uuid>>,
    pub(super) extended: bool,
}

pub(super) fn whole_list(
    at: &str,
    inherits: bool,
    entries: &Map<String, Value>,
    selection: &Selection,
) -> Value {
    let mut value = json!({ "inheritPermissions": inherits, "token": at, "acesDictionary": entries });
    if selection.extended {
        value["includeExtendedInfo"] = true.into();
    }
    value
}
