//! Revisions of work items, and what each changed.

use serde_json::{Map, Value, json};

use super::super::Call;
use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::shape::{Expand, Shapes, time};
use super::{EXPANDS, shapes};
use crate::directory::{Project, WorkItem};
use crate::limits::WORK_ITEMS_ASKED;
use crate::operations::work_items::{find, history};

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
    let (shapes, revisions) = (shapes(call, &directory)?, history::revisions(&directory, item));
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
    let (shapes, revisions) = (shapes(call, &directory)?, history::revisions(&directory, item));
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

/// The changes of a revision.
pub(super) fn update(
    shapes: &Shapes<'_>,
    project: &Project,
    before: Option<&WorkItem>,
    after: &WorkItem,
) -> Value {
    let mut changed = Map::new();
    for one in history::changed_fields(shapes.directory, project, before, after) {
        let mut change = json!({});
        for (name, value) in [("oldValue", one.before), ("newValue", one.after)] {
            let value = shapes.shown(one.field, value);
            if !value.is_null() {
                change[name] = value;
            }
        }
        changed.insert(one.field.reference.to_owned(), change);
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
    let (added, removed) = history::changed_links(before, after);
    for (name, some) in [("added", added), ("removed", removed)] {
        if !some.is_empty() {
            value["relations"][name] = some.into_iter().map(|one| shapes.relation(one)).collect();
        }
    }
    value
}
