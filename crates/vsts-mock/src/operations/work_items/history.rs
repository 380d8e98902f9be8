//! Revisions of work items, and what each changed.

use serde_json::Value;

use crate::directory::work_item::Relation;
use crate::directory::work_item::fields::{self, Field};
use crate::directory::{Directory, Note, Project, WorkItem};
use crate::registry::work_items::values::present;

/// A field that a revision changed: what it was, and what it is; null for no value. Of a user the id.
pub(crate) struct FieldChange {
    pub(crate) field: &'static Field,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// The revisions of an item, oldest first, the last one included.
pub(crate) fn revisions<'d>(directory: &'d Directory, item: &'d WorkItem) -> Vec<&'d WorkItem> {
    directory.work.revisions_of(item).chain([item]).collect()
}

/// The comment that came with a revision, unless it is deleted.
pub(crate) fn comment_of<'d>(directory: &'d Directory, revision: &WorkItem) -> Option<&'d Note> {
    let is_it = |note: &&Note| {
        note.created == revision.changed && note.author == revision.changer && !note.is_deleted
    };
    directory.work.notes_of(revision).rev().find(is_it)
}

/// The fields that a revision changed; all that it has, if there was none before it.
pub(crate) fn changed_fields(
    directory: &Directory,
    project: &Project,
    before: Option<&WorkItem>,
    after: &WorkItem,
) -> Vec<FieldChange> {
    let value = |item: &WorkItem, field: &Field| match field.reference {
        // The number of comments is that of the time.
        fields::COMMENTS => {
            let notes = directory.work.notes_of(item);
            notes.filter(|note| note.created <= item.changed && !note.is_deleted).count().into()
        }
        _ => present(directory, project, item, field),
    };
    let mut all: Vec<FieldChange> = Vec::new();
    for field in &fields::ALL {
        let (before, after) = match field.reference {
            fields::HISTORY => {
                let note = comment_of(directory, after);
                (Value::Null, note.map_or(Value::Null, |note| note.text.as_str().into()))
            }
            _ => (before.map(|before| value(before, field)).unwrap_or_default(), value(after, field)),
        };
        if before != after {
            all.push(FieldChange { field, before, after });
        }
    }
    all
}

/// The links that a revision added, and those that it removed.
pub(crate) fn changed_links<'i>(
    before: Option<&'i WorkItem>,
    after: &'i WorkItem,
) -> (Vec<&'i Relation>, Vec<&'i Relation>) {
    let old = before.map_or(&[][..], |before| &before.relations);
    let lacking = |some: &'i [Relation], all: &'i [Relation]| {
        some.iter().filter(|one| !all.contains(one)).collect::<Vec<_>>()
    };
    (lacking(&after.relations, old), lacking(old, &after.relations))
}
