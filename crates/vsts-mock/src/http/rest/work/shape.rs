//! The JSON of work items.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::shape;
use crate::directory::work_item::fields::{self, Field, FieldType};
use crate::directory::work_item::{LINK_TYPES, Relation, RelationTarget};
use crate::directory::{Directory, Project, WorkItem};
use crate::http::web::encode;
use crate::registry::work_items::values::present;

/// The parts of an item that are shown beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expand {
    Nothing,
    Relations,
    Fields,
    Links,
    All,
}

/// The context in which work items are shown.
pub(super) struct Shapes<'a> {
    pub(super) directory: &'a Directory,
    pub(super) base: String,
    /// True if users in fields are texts, `Name <address>`, as in events of version 1.0.
    pub(super) has_texts: bool,
}

/// Fields that are shown where they are asked for, or all are.
const ON_REQUEST: [&str; 3] = [fields::ID, fields::REV, fields::NODE];

impl Shapes<'_> {
    pub(super) fn item_url(&self, id: i64) -> String {
        format!("{}/_apis/wit/workItems/{id}", self.base)
    }

    pub(super) fn person(&self, user: Uuid) -> Value {
        shape::identity(self.directory, &self.base, user)
    }

    /// A field where something names it.
    pub(super) fn field_reference(&self, field: &Field) -> Value {
        let url = format!("{}/_apis/wit/fields/{}", self.base, field.reference);
        json!({ "referenceName": field.reference, "name": field.name, "url": url })
    }

    /// A value of a field, in which a user is no id.
    pub(super) fn shown(&self, field: &Field, value: Value) -> Value {
        match (field.kind, value.as_str()) {
            (FieldType::Person, Some(id)) => {
                let person = Uuid::parse_str(id).map(|id| self.person(id)).unwrap_or_default();
                let text = |name: &str| person[name].as_str().unwrap_or_default().to_owned();
                if self.has_texts && !person.is_null() {
                    format!("{} <{}>", text("displayName"), text("uniqueName")).into()
                } else {
                    person
                }
            }
            _ => value,
        }
    }

    /// An item by itself, which has its links.
    pub(super) fn one(
        &self,
        item: &WorkItem,
        project: &Project,
        wanted: Option<&[&Field]>,
        expand: Expand,
    ) -> Value {
        let mut value = self.in_list(item, project, wanted, expand);
        value["_links"] = self.links(item, project);
        value
    }

    /// An item of a list.
    pub(super) fn in_list(
        &self,
        item: &WorkItem,
        project: &Project,
        wanted: Option<&[&Field]>,
        expand: Expand,
    ) -> Value {
        let has_all = matches!(expand, Expand::Fields | Expand::All);
        let is_shown = |field: &&Field| match wanted {
            Some(wanted) => wanted.iter().any(|one| one.reference == field.reference),
            None => has_all || !ON_REQUEST.contains(&field.reference),
        };
        let values = fields::ALL.iter().filter(is_shown).map(|field| {
            let value = self.shown(field, present(self.directory, project, item, field));
            (field.reference.to_owned(), value)
        });
        let values: Map<String, Value> = values.filter(|(_, value)| !value.is_null()).collect();
        let mut value = json!({ "id": item.id, "rev": item.rev, "fields": values });
        if matches!(expand, Expand::Relations | Expand::All) && !item.relations.is_empty() {
            value["relations"] = item.relations.iter().map(|one| self.relation(one)).collect();
        }
        if !item.markdown.is_empty() {
            let formats = item.markdown.iter().map(|field| (field.clone(), "markdown".into()));
            value["multilineFieldsFormat"] = Value::Object(formats.collect());
        }
        if matches!(expand, Expand::Links | Expand::All) {
            value["_links"] = self.links(item, project);
        }
        value["url"] = self.item_url(item.id).into();
        value
    }

    pub(super) fn relation(&self, relation: &Relation) -> Value {
        let mut attributes = json!(relation.attributes);
        let url = match &relation.target {
            RelationTarget::Url(url) => url.clone(),
            RelationTarget::Item(id) => {
                let known = LINK_TYPES.iter().find(|one| one.reference == relation.kind);
                attributes["name"] = known.map_or("", |one| one.name).into();
                if attributes["isLocked"].is_null() {
                    attributes["isLocked"] = false.into();
                }
                self.item_url(*id)
            }
        };
        json!({ "rel": relation.kind, "url": url, "attributes": attributes })
    }

    pub(super) fn links(&self, item: &WorkItem, project: &Project) -> Value {
        let url = self.item_url(item.id);
        let href = |href: String| json!({ "href": href });
        let kind = encode(&item.kind);
        json!({
            "self": href(url.clone()),
            "workItemUpdates": href(format!("{url}/updates")),
            "workItemRevisions": href(format!("{url}/revisions")),
            "workItemComments": href(format!("{url}/comments")),
            "html": href(self.page(item, project)),
            "workItemType": href(format!("{}/{}/_apis/wit/workItemTypes/{kind}", self.base, project.id)),
            "fields": href(format!("{}/_apis/wit/fields", self.base)),
        })
    }

    /// The address of the item's page.
    pub(super) fn page(&self, item: &WorkItem, project: &Project) -> String {
        format!("{}/{}/_workitems/edit/{}", self.base, encode(&project.name), item.id)
    }
}

/// A time as work items show it.
pub(super) fn time(time: Timestamp) -> Value {
    time.to_string().into()
}
