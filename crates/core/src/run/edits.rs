//! Changes that people make to a record by hand, field by field.
//!
//! A record keeps the last edit of each field with its moment (key `edits`), so that edits win over what the run itself
//! writes, whenever it does, and edits of different fields on two computers are all kept. A record that an earlier
//! version edited says only when (`edited_utc`): that was an edit of all the fields that it has.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    format,
    record::{EDITS, RunRecord},
};

const NAME: &str = "name";
const DESCRIPTION: &str = "description";
const HIDDEN: &str = "hidden";
/// The beginning of a tag's key.
const TAG: &str = "tag ";

/// A change of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another name, or none.
    Name(Option<String>),
    /// Another description, or none.
    Description(Option<String>),
    /// Another value of a tag; or the tag is taken away.
    Tag(String, Option<String>),
}

/// The last edit of each field: its moment, and the value that it gave.
pub(super) type Edits = BTreeMap<String, (Timestamp, Value)>;

impl RunRecord {
    /// Edits a record by hand, at `now` or after the edit before, whatever the clock says.
    pub fn edit(&mut self, now: Timestamp, changes: impl IntoIterator<Item = Change>) {
        let after = self.edited_utc.and_then(|at| at.checked_add(SignedDuration::from_micros(1)).ok());
        let at = to_microsecond(after.map_or(now, |after| after.max(now)));
        let mut edits = edits_of(self);
        for change in changes {
            let (key, value) = match change {
                Change::Name(text) => (NAME.to_owned(), text),
                Change::Description(text) => (DESCRIPTION.to_owned(), text),
                Change::Tag(name, text) => (format!("{TAG}{name}"), text),
            };
            edits.insert(key, (at, value.into()));
        }
        self.edited_utc = Some(at);
        put(self, &edits);
    }

    /// Takes the edits of another record of the same run.
    pub(super) fn take_edits(&mut self, other: &Self) {
        let edits = union(self, other);
        self.edited_utc = self.edited_utc.max(other.edited_utc);
        put(self, &edits);
    }
}

/// The last edit of each field in two records.
pub(super) fn union(one: &RunRecord, two: &RunRecord) -> Edits {
    let mut edits = edits_of(one);
    for (key, edit) in edits_of(two) {
        let is_later =
            |known: &(Timestamp, Value)| (known.0, known.1.to_string()) < (edit.0, edit.1.to_string());
        if edits.get(&key).is_none_or(is_later) {
            edits.insert(key, edit);
        }
    }
    edits
}

/// The edits of a record.
fn edits_of(record: &RunRecord) -> Edits {
    let object = record.extra.get(EDITS).and_then(Value::as_object);
    let edit = |(key, edit): (&String, &Value)| {
        let at = edit["at"].as_str()?.parse().ok()?;
        Some((key.clone(), (at, edit["value"].clone())))
    };
    let mut edits: Edits = object.into_iter().flatten().filter_map(edit).collect();
    let last = edits.values().map(|(at, _)| *at).max();
    // A version that knows no single edits has edited it.
    if let Some(at) = record.edited_utc.filter(|at| last.is_none_or(|last| last < to_microsecond(*at))) {
        let tags = record.tags.iter().map(|(name, text)| (format!("{TAG}{name}"), text.as_str().into()));
        let fields = [
            (NAME.to_owned(), record.name.clone().into()),
            (DESCRIPTION.to_owned(), record.description.clone().into()),
            (HIDDEN.to_owned(), record.hidden.into()),
        ];
        edits.extend(fields.into_iter().chain(tags).map(|(key, value)| (key, (to_microsecond(at), value))));
    }
    edits
}

/// Puts edits into a record: as such, and into the fields.
pub(super) fn put(record: &mut RunRecord, edits: &Edits) {
    for (key, (_, value)) in edits {
        let text = value.as_str().map(str::to_owned);
        match (key.as_str(), key.strip_prefix(TAG)) {
            (NAME, _) => record.name = text,
            (DESCRIPTION, _) => record.description = text,
            (HIDDEN, _) => record.hidden = value.as_bool().unwrap_or_default(),
            (_, Some(tag)) => match text {
                Some(text) => drop(record.tags.insert(tag.to_owned(), text)),
                None => drop(record.tags.remove(tag)),
            },
            // A field that a later version edits.
            _ => {}
        }
    }
    let object = |(key, (at, value)): (&String, &(Timestamp, Value))| {
        (key.clone(), json!({"at": format::moment(*at), "value": value}))
    };
    let object: Map<String, Value> = edits.iter().map(object).collect();
    if !object.is_empty() {
        record.extra.insert(EDITS.to_owned(), object.into());
    }
}

/// Moments are stored to the microsecond.
fn to_microsecond(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
