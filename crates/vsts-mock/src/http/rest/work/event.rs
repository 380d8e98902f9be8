//! The resource of an event about a work item, in the versions that service hooks tell.
//!
//! Fields, links and messages are those of recorded events and of Microsoft, "Service hooks events". Version 5.1-preview.3 has
//! users as objects, and no relations.

use serde_json::{Value, json};

use super::history;
use super::shape::{Expand, Shapes};
use crate::directory::work_item::fields;
use crate::directory::{Directory, Note, Project, WorkItem};

/// The versions of the resource.
pub(in super::super) const VERSIONS: [&str; 2] = ["1.0", "5.1-preview.3"];

/// The date of the revision that is the last one.
const NEVER: &str = "9999-01-01T00:00:00Z";

/// The context of a resource, and its version.
pub(in super::super) struct Resource<'a> {
    shapes: Shapes<'a>,
    project: &'a Project,
    is_first_version: bool,
}

impl<'a> Resource<'a> {
    pub(in super::super) fn new(
        directory: &'a Directory,
        base: &str,
        project: &'a Project,
        version: &str,
    ) -> Self {
        let is_first_version = version != VERSIONS[1];
        let shapes = Shapes { directory, base: base.to_owned(), has_texts: is_first_version };
        Self { shapes, project, is_first_version }
    }

    /// The version of the resource.
    pub(in super::super) fn version(&self) -> &'static str {
        if self.is_first_version { VERSIONS[0] } else { VERSIONS[1] }
    }

    /// The address of an item's page.
    pub(in super::super) fn page(&self, item: &WorkItem) -> String {
        self.shapes.page(item, self.project)
    }

    fn fields(&self, item: &WorkItem) -> Value {
        let expand = if self.is_first_version { Expand::Relations } else { Expand::Nothing };
        self.shapes.in_list(item, self.project, None, expand)
    }

    /// An item, with the comment that came with its revision.
    pub(in super::super) fn item(&self, item: &WorkItem, note: Option<&Note>) -> Value {
        let mut value = self.fields(item);
        if let Some(note) = note {
            let url =
                format!("{}/comments/{}/versions/{}", self.shapes.item_url(item.id), note.id, note.version);
            value["fields"][fields::HISTORY] = note.text.as_str().into();
            value["commentVersionRef"] = json!({ "commentId": note.id, "version": note.version, "url": url });
        }
        value["_links"] = self.shapes.links(item, self.project);
        value
    }

    /// A deleted item.
    pub(in super::super) fn deleted(&self, item: &WorkItem) -> Value {
        let mut value = self.item(item, None);
        let url = format!("{}/_apis/wit/recyclebin/{}", self.shapes.base, item.id);
        let links = &value["_links"];
        value["_links"] = json!({
            "self": { "href": url },
            "workItemType": links["workItemType"],
            "fields": links["fields"],
        });
        value["url"] = url.into();
        value
    }

    /// A revision with what it changed.
    pub(in super::super) fn update(&self, before: &WorkItem, after: &WorkItem) -> Value {
        let mut value = history::update(&self.shapes, self.project, Some(before), after);
        let item = self.shapes.item_url(after.id);
        let href = |href: String| json!({ "href": href });
        let revision = format!("{item}/revisions/{}", after.rev);
        value["_links"] = json!({
            "self": value["url"].as_str().map(|url| href(url.to_owned())),
            "workItemUpdates": href(format!("{item}/updates")),
            "parent": href(item.clone()),
            "html": href(self.page(after)),
        });
        value["revisedDate"] = NEVER.into();
        value["revision"] = self.fields(after);
        value["revision"]["_links"] = json!({
            "self": href(revision.clone()),
            "workItemRevisions": href(format!("{item}/revisions")),
            "parent": href(item),
        });
        value["revision"]["url"] = revision.into();
        value
    }
}
