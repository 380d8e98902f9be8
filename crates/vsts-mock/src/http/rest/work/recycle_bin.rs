//! The recycle bin of work items.

use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape as lists};
use super::shape::{Expand, Shapes, time};
use super::shapes;
use crate::directory::WorkItem;
use crate::directory::work_item::fields;
use crate::operations::work_items::recycle_bin as bin;

fn reference(shapes: &Shapes<'_>, item: &WorkItem) -> Value {
    let url = format!("{}/{}/_apis/wit/recyclebin/{}", shapes.base, item.project, item.id);
    let project = shapes.directory.projects.get(&item.project);
    let mut value = json!({
        "id": item.id,
        "type": item.kind,
        "name": item.text(fields::TITLE),
        "project": project.map(|project| project.name.as_str()),
        "url": url,
    });
    if let Some(deletion) = item.deletion {
        let by = shapes.person(deletion.by);
        let (name, mail) = (by["displayName"].as_str(), by["uniqueName"].as_str());
        value["deletedBy"] = format!("{} <{}>", name.unwrap_or_default(), mail.unwrap_or_default()).into();
        value["deletedDate"] = time(deletion.time);
    }
    value
}

/// The answer about an item in the recycle bin.
pub(super) fn shown(call: &Call<'_>, item: &WorkItem) -> Outcome {
    let directory = call.app.state.directory();
    let shapes = shapes(call, &directory)?;
    let mut value = reference(&shapes, item);
    value["code"] = 200.into();
    if let Some(project) = directory.projects.get(&item.project) {
        value["resource"] = shapes.in_list(item, project, None, Expand::Nothing);
    }
    Ok(Reply::ok(value))
}

pub(in super::super) fn read(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    if let Some(id) = call.value("id") {
        return shown(call, bin::one(&directory, call.scope(), id)?);
    }
    let all = bin::list(&directory, call.scope())?;
    let shapes = shapes(call, &directory)?;
    Ok(Reply::ok(lists::list(all.iter().map(|item| reference(&shapes, item)))))
}

pub(in super::super) async fn restore(call: &Call<'_>, body: Value) -> Outcome {
    if body["isDeleted"].as_bool() != Some(false) {
        return Err(Failure::bad("isDeleted has to be false: to delete a work item, send DELETE to it."));
    }
    let restored = bin::restore(call.app, call.scope(), call.part("id")).await?;
    shown(call, &restored)
}

pub(in super::super) async fn destroy(call: &Call<'_>) -> Outcome {
    bin::destroy(call.app, call.scope(), call.part("id"), true).await?;
    Ok(Reply::nothing())
}
