//! Revisions of work items, and what each changed.

use serde_json::{Map, Value, json};

use super::super::Call;
use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::shape::{Expand, Shapes, time};
use super::{EXPANDS, shapes};
use crate::directory::work_item::Relation;
use crate::directory::work_item::fields::{self, Field};
use crate::directory::{Directory, Project, WorkItem};
use crate::limits::WORK_ITEMS_ASKED;
use crate::operations::work_items::find;

/// The revisions of an item, oldest first, the last one included.
fn all<'d>(directory: &'d Directory, item: &'d WorkItem) -> Vec<&'d WorkItem> {
    directory.work.revisions_of(item).chain([item]).collect()
}

/// The revision of a number in the path.
fn position(number: &str, count: usize) -> Result<usize, Failure> {
    let found = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    found.filter(|position| *position < count).ok_or_else(|| {
        let message = format!(
            "TF26193: The work item has {count} revisions, and none of the number that is asked for."
        );
        Failure::not_found("WorkItemRevisionNotFoundException", message)
    })
}

/// One revision, or a page of them.
pub(in super::super) fn revisions(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (item, project) = find(&directory, call.scope(), call.part("id"))?;
    let (shapes, revisions) = (shapes(call, &directory)?, all(&directory, item));
    let expand = call.query.choice(&["$expand"], &EXPANDS)?.unwrap_or(Expand::Nothing);
    let show = |one: &WorkItem| {
        let mut value = shapes.in_list(one, project, None, expand);
        value["url"] = format!("{}/revisions/{}", shapes.item_url(one.id), one.rev).into();
        value
    };
    if let Some(number) = call.value("revisionNumber") {
        return Ok(Reply::ok(show(revisions[position(number, revisions.len())?])));
    }
    let (page, _) = call.query.part(&revisions, WORK_ITEMS_ASKED)?;
    Reply::list(page, |out, one| {
        out.extend_from_slice(show(one).to_string().as_bytes());
        Ok(())
    })
}

/// The changes of one revision, or a page of such changes.
pub(in super::super) fn updates(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (item, project) = find(&directory, call.scope(), call.part("id"))?;
    let (shapes, revisions) = (shapes(call, &directory)?, all(&directory, item));
    let show = |at: usize| {
        let before = at.checked_sub(1).map(|before| revisions[before]);
        update(&shapes, project, before, revisions[at])
    };
    if let Some(number) = call.value("updateNumber") {
        return Ok(Reply::ok(show(position(number, revisions.len())?)));
    }
    let positions: Vec<usize> = (0..revisions.len()).collect();
    let (page, _) = call.query.part(&positions, WORK_ITEMS_ASKED)?;
    Reply::list(page, |out, at| {
        out.extend_from_slice(show(*at).to_string().as_bytes());
        Ok(())
    })
}

fn update(shapes: &Shapes<'_>, project: &Project, before: Option<&WorkItem>, after: &WorkItem) -> Value {
    let mut changed = Map::new();
    // The number of comments is that of the present.
    for field in fields::ALL.iter().filter(|field| field.reference != fields::COMMENTS) {
        let value = |item: &WorkItem, field: &Field| shapes.value(item, project, field);
        let (old, new) = (before.map(|before| value(before, field)).unwrap_or_default(), value(after, field));
        if old != new {
            let mut change = json!({});
            for (name, value) in [("oldValue", old), ("newValue", new)] {
                if !value.is_null() {
                    change[name] = value;
                }
            }
            changed.insert(field.reference.to_owned(), change);
        }
    }
    let url = format!("{}/updates/{}", shapes.item_url(after.id), after.rev);
    let mut value = json!({
        "id": after.rev,
        "workItemId": after.id,
        "rev": after.rev,
        "revisedBy": shapes.person(after.changer),
        "revisedDate": time(after.changed),
        "fields": changed,
        "url": url,
    });
    let none = Vec::new();
    let old = before.map_or(&none, |before| &before.relations);
    let lacking = |some: &[Relation], all: &[Relation]| -> Vec<Value> {
        some.iter().filter(|one| !all.contains(one)).map(|one| shapes.relation(one)).collect()
    };
    let (added, removed) = (lacking(&after.relations, old), lacking(old, &after.relations));
    if !added.is_empty() || !removed.is_empty() {
        let mut relations = json!({});
        for (name, some) in [("added", added), ("removed", removed)] {
            if !some.is_empty() {
                relations[name] = some.into();
            }
        }
        value["relations"] = relations;
    }
    value
}
