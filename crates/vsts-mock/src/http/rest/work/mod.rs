//! Work items: `_apis/wit`.

pub(super) mod comments;
pub(super) mod event;
pub(super) mod history;
mod patch;
pub(super) mod recycle_bin;
mod shape;
pub(super) mod work_item_types;

use serde_json::{Value, json};

use super::Call;
use super::failure::Failure;
use super::query::{choice, date};
use super::reply::{Outcome, Reply};
use crate::directory::work_item::fields::{self, Field};
use crate::directory::work_item::wiql::parse;
use crate::directory::{Directory, Project, WorkItem};
use crate::limits::WORK_ITEMS_ASKED;
use crate::operations::refused::Refused;
use crate::operations::scope::Scope;
use crate::operations::work::Work;
use crate::operations::work_items::{self as items, recycle_bin as bin};
use shape::{Expand, Shapes};

/// The parts of a work item that a request asks for.
struct Parts {
    fields: Option<Vec<&'static Field>>,
    expand: Expand,
}

const EXPANDS: [(&str, u64, Expand); 5] = [
    ("none", 0, Expand::Nothing),
    ("relations", 1, Expand::Relations),
    ("fields", 2, Expand::Fields),
    ("links", 3, Expand::Links),
    ("all", 4, Expand::All),
];

/// The treatment of items that are not there.
const POLICIES: [(&str, u64, bool); 2] = [("fail", 1, false), ("omit", 2, true)];

fn parts(names: &[&str], expand: Option<Expand>) -> Result<Parts, Failure> {
    let found = names.iter().map(|name| {
        let absent = || crate::registry::WorkItemError::NoField { name: (*name).to_owned() };
        fields::find(name).ok_or_else(absent)
    });
    let found: Vec<&'static Field> = found.collect::<Result<_, _>>().map_err(Refused::from)?;
    let expand = expand.unwrap_or(Expand::Nothing);
    if !found.is_empty() && !matches!(expand, Expand::Nothing | Expand::Links) {
        let message = "The expand parameter can not be used with the fields parameter.";
        return Err(Failure::new(http::StatusCode::BAD_REQUEST, "ConflictingParametersException", message));
    }
    Ok(Parts { fields: Some(found).filter(|all| !all.is_empty()), expand })
}

fn parts_of_query(call: &Call<'_>) -> Result<Parts, Failure> {
    parts(&call.query.list("fields"), call.query.choice(&["$expand"], &EXPANDS)?)
}

fn shapes<'a>(call: &Call<'_>, directory: &'a Directory) -> Result<Shapes<'a>, Failure> {
    Ok(Shapes { directory, base: call.base(call.account(directory)?), has_texts: false })
}

/// An item as it was at a date, if one is given.
fn then<'d>(
    directory: &'d Directory,
    item: &'d WorkItem,
    as_of: Option<&str>,
) -> Result<&'d WorkItem, Failure> {
    let Some(text) = as_of else { return Ok(item) };
    let time = date("asOf", text)?;
    let absent = || Refused::from(crate::registry::WorkItemError::no_item(&item.id));
    Ok(items::at(directory, item, time).ok_or_else(absent)?)
}

/// One item, or those of some numbers.
pub(super) fn read(call: &Call<'_>) -> Outcome {
    let parts = parts_of_query(call)?;
    let as_of = call.query.get("asOf");
    let Some(id) = call.value("id") else {
        let ids: Vec<String> = call.query.list("ids").into_iter().map(|id| id.trim().to_owned()).collect();
        let omits = call.query.choice(&["errorPolicy"], &POLICIES)?.unwrap_or_default();
        return many(call, &ids, &parts, as_of, omits);
    };
    let directory = call.app.state.directory();
    let (item, project) = items::find(&directory, call.scope(), id)?;
    let item = then(&directory, item, as_of)?;
    Ok(Reply::ok(shapes(call, &directory)?.one(item, project, parts.fields.as_deref(), parts.expand)))
}

fn many(call: &Call<'_>, ids: &[String], parts: &Parts, as_of: Option<&str>, omits: bool) -> Outcome {
    if ids.is_empty() {
        return Err(Failure::missing("ids"));
    }
    if ids.len() > WORK_ITEMS_ASKED {
        return Err(Failure::bad(format!(
            "VS403474: You requested {} work items which exceeds the limit of {WORK_ITEMS_ASKED}. Break up the request \
             to request {WORK_ITEMS_ASKED} at a time.",
            ids.len()
        )));
    }
    let directory = call.app.state.directory();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let item = items::find(&directory, call.scope(), id).map_err(Failure::from);
        let item = item.and_then(|(item, project)| Ok((then(&directory, item, as_of)?, project)));
        match item {
            Ok(item) => found.push(Some(item)),
            Err(failure) if omits && failure.status == http::StatusCode::NOT_FOUND => found.push(None),
            Err(failure) => return Err(failure),
        }
    }
    let shapes = shapes(call, &directory)?;
    Reply::list(&found, |out, item| {
        let value = item.map(|(item, project): (&WorkItem, &Project)| {
            shapes.in_list(item, project, parts.fields.as_deref(), parts.expand)
        });
        out.extend_from_slice(value.unwrap_or_default().to_string().as_bytes());
        Ok(())
    })
}

/// Items of some numbers, which stand in the body.
pub(super) async fn batch(call: &Call<'_>, body: Value) -> Outcome {
    let texts = |name: &str| -> Vec<String> {
        let plain = |one: &Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
        body[name].as_array().into_iter().flatten().map(plain).collect()
    };
    let names = texts("fields");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let parts = parts(&names, choice("$expand", &body["$expand"], &EXPANDS)?)?;
    let omits = choice("errorPolicy", &body["errorPolicy"], &POLICIES)?.unwrap_or_default();
    many(call, &texts("ids"), &parts, body["asOf"].as_str(), omits)
}

/// Refuses what changes the rules of a change.
fn check(call: &Call<'_>) -> Result<bool, Failure> {
    if call.query.flag("bypassRules") {
        return Err(Failure::bad("bypassRules is not supported by vsts-mock: the rules hold for everybody."));
    }
    Ok(!call.query.flag("validateOnly"))
}

fn changed(call: &Call<'_>, item: &WorkItem) -> Outcome {
    let directory = call.app.state.directory();
    let expand = call.query.choice(&["$expand"], &EXPANDS)?.unwrap_or(Expand::Nothing);
    let absent = || Refused::from(crate::registry::WorkItemError::no_item(&item.id));
    let project = directory.projects.get(&item.project).ok_or_else(absent)?;
    // The answer has the links that were asked for in it.
    let expand = if expand == Expand::Nothing { Expand::Relations } else { expand };
    Ok(Reply::ok(shapes(call, &directory)?.one(item, project, None, expand)))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let (is_kept, steps) = (check(call)?, patch::steps(&body)?);
    let made = items::create(call.app, call.scope(), call.part("type"), &steps, is_kept).await?;
    changed(call, &made)
}

pub(super) async fn update(call: &Call<'_>, body: Value) -> Outcome {
    let (is_kept, steps) = (check(call)?, patch::steps(&body)?);
    let changed_item = items::update(call.app, call.scope(), call.part("id"), &steps, is_kept).await?;
    changed(call, &changed_item)
}

/// Puts an item into the recycle bin, or removes it for good.
pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    if call.query.flag("destroy") {
        bin::destroy(call.app, call.scope(), call.part("id"), false).await?;
        return Ok(Reply::nothing());
    }
    let binned = bin::bin(call.app, call.scope(), call.part("id")).await?;
    recycle_bin::shown(call, &binned)
}

/// Runs a query.
pub(super) async fn wiql(call: &Call<'_>, body: Value) -> Outcome {
    let text = body["query"].as_str().ok_or_else(|| Failure::missing("query"))?;
    let query = parse(text).map_err(Refused::from)?;
    let top = call.query.amount(&["$top"])?.unwrap_or(usize::MAX);
    let with_times = call.query.flag("timePrecision");
    let directory = call.app.state.directory();
    let shapes = shapes(call, &directory)?;
    let columns: Vec<Value> = query.columns.iter().map(|field| shapes.field_reference(field)).collect();
    let sorts = query
        .order
        .iter()
        .map(|(field, descends)| json!({ "field": shapes.field_reference(field), "descending": descends }));
    let mut value = json!({
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": call.app.clock.now(),
        "columns": columns,
    });
    let sorts: Vec<Value> = sorts.collect();
    if !sorts.is_empty() {
        value["sortColumns"] = sorts.into();
    }
    let (app, shared, work) = (call.app.clone(), directory.clone(), Work::new());
    let (principal, account, project) = (call.principal.clone(), call.account.clone(), call.project.clone());
    let own = work.clone();
    let run = move || {
        let scope = Scope { principal: &principal, account: &account, project: project.as_deref() };
        items::query(&app, &shared, scope, &query, with_times, &own)
    };
    let mut ids = work.run(run).await?;
    ids.truncate(top);
    Reply::with_array(&value, "workItems", &ids, |out, id| {
        let item = json!({ "id": id, "url": shapes.item_url(*id) });
        out.extend_from_slice(item.to_string().as_bytes());
        Ok(())
    })
}
