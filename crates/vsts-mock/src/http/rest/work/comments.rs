//! Comments on work items.

use serde_json::{Value, json};

use super::super::Call;
use super::super::failure::Failure;
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::shape::{Shapes, time};
use super::shapes;
use crate::directory::{Note, WorkItem};
use crate::limits::WORK_ITEMS_ASKED;
use crate::operations::refused::Refused;
use crate::operations::work_items::{comments, find};

/// The forms of a comment's text.
const FORMATS: [(&str, u64, bool); 2] = [("markdown", 0, true), ("html", 1, false)];

fn shown(shapes: &Shapes<'_>, item: &WorkItem, note: &Note) -> Value {
    let url =
        format!("{}/{}/_apis/wit/workItems/{}/comments/{}", shapes.base, item.project, item.id, note.id);
    let mut value = json!({
        "mentions": [],
        "workItemId": note.item,
        "id": note.id,
        "version": note.version,
        "text": note.text,
        "createdBy": shapes.person(note.author),
        "createdDate": time(note.created),
        "modifiedBy": shapes.person(note.changer),
        "modifiedDate": time(note.changed),
        "format": if note.is_markdown { "markdown" } else { "html" },
        "renderedText": note.text,
        "url": url,
    });
    if note.is_deleted {
        value["isDeleted"] = true.into();
    }
    value
}

/// One comment, or a page of them: newest first, as the service lists them.
pub(in super::super) fn read(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (item, _) = find(&directory, call.scope(), call.part("workItemId"))?;
    let shapes = shapes(call, &directory)?;
    let with_deleted = call.query.flag("includeDeleted");
    if let Some(id) = call.value("commentId") {
        let note = comments::one(&directory, item, id)?;
        if note.is_deleted && !with_deleted {
            return Err(Refused::NoPart { what: "comment", id: id.to_owned() }.into());
        }
        return Ok(Reply::ok(shown(&shapes, item, note)));
    }
    let mut all: Vec<&Note> =
        directory.work.notes_of(item).filter(|note| with_deleted || !note.is_deleted).collect();
    let ids = call.query.list("ids");
    if !ids.is_empty() {
        all.retain(|note| ids.contains(&note.id.to_string().as_str()));
    }
    let is_ascending = call.query.choice(&["order"], &[("asc", 1, true), ("desc", 2, false)])?;
    if !is_ascending.unwrap_or_default() {
        all.reverse();
    }
    let (page, more) = call.query.part(&all, WORK_ITEMS_ASKED)?;
    let mut value = json!({ "totalCount": all.len(), "count": page.len() });
    if let Some(next) = more {
        let url = format!("{}/{}/_apis/wit/workItems/{}/comments", shapes.base, item.project, item.id);
        value["nextPage"] = format!("{url}?continuationToken={next}").into();
        value["continuationToken"] = next.to_string().into();
    }
    let reply = Reply::with_array(&value, "comments", page, |out, note| {
        out.extend_from_slice(shown(&shapes, item, note).to_string().as_bytes());
        Ok(())
    })?;
    Ok(reply.continued(more))
}

fn text(body: &Value) -> Result<&str, Failure> {
    body["text"].as_str().ok_or_else(|| Failure::missing("text"))
}

fn answer(call: &Call<'_>, note: &Note) -> Outcome {
    let directory = call.app.state.directory();
    let (item, _) = find(&directory, call.scope(), call.part("workItemId"))?;
    Ok(Reply::ok(shown(&shapes(call, &directory)?, item, note)))
}

pub(in super::super) async fn add(call: &Call<'_>, body: Value) -> Outcome {
    let format = call.query.get("format").map_or(Value::Null, Value::from);
    let is_markdown = choice("format", &format, &FORMATS)?.unwrap_or_default();
    let item = call.part("workItemId");
    let note = comments::add(call.app, call.scope(), item, text(&body)?, is_markdown).await?;
    answer(call, &note)
}

pub(in super::super) async fn rewrite(call: &Call<'_>, body: Value) -> Outcome {
    let names = (call.part("workItemId"), call.part("commentId"));
    let note = comments::rewrite(call.app, call.scope(), names, text(&body)?).await?;
    answer(call, &note)
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Outcome {
    comments::delete(call.app, call.scope(), call.part("workItemId"), call.part("commentId")).await?;
    Ok(Reply::nothing())
}
