//! Types of work items, their states and fields, all fields, and the types of links.

use serde_json::{Map, Value, json};

use super::super::failure::{Failure, excerpt};
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape as lists};
use super::shape::Shapes;
use super::shapes;
use crate::access::Use;
use crate::directory::work_item::fields::{self, Field, FieldType};
use crate::directory::work_item::work_item_type::{self, WorkItemType};
use crate::directory::work_item::{ARTIFACT, HYPERLINK, LINK_TYPES, LinkType};
use crate::directory::{Directory, Project};
use crate::http::web::encode;
use crate::operations::refused::Refused;
use crate::operations::work_items as items;
use crate::registry::WorkItemError;

fn project<'d>(call: &Call<'_>, directory: &'d Directory) -> Result<&'d Project, Failure> {
    items::project(directory, call.scope())?.ok_or_else(|| Failure::missing("project"))
}

fn states(kind: &WorkItemType) -> Vec<Value> {
    let state = |(name, category): &(&str, work_item_type::Category)| json!({ "name": name, "color": category.colour(), "category": category.name() });
    kind.states.iter().map(state).collect()
}

/// A field of a type.
fn field_of(shapes: &Shapes<'_>, field: &Field) -> Value {
    let mut value = shapes.field_reference(field);
    value["alwaysRequired"] = matches!(field.reference, fields::TITLE | fields::STATE).into();
    value["defaultValue"] = Value::Null;
    value["allowedValues"] = json!(fields::allowed(field.reference));
    value["helpText"] = field.name.into();
    value
}

fn fields_of<'s>(shapes: &'s Shapes<'_>, kind: &'static WorkItemType) -> impl Iterator<Item = Value> + 's {
    fields::ALL.iter().filter(|field| kind.has(field.reference)).map(|field| field_of(shapes, field))
}

fn whole(shapes: &Shapes<'_>, project: &Project, kind: &'static WorkItemType) -> Value {
    let url = format!("{}/{}/_apis/wit/workItemTypes/{}", shapes.base, project.id, encode(kind.name));
    let to = |name: &str| json!({ "to": name, "actions": null });
    let mut transitions: Map<String, Value> = Map::new();
    transitions.insert(String::new(), json!([to(kind.first_state())]));
    for (from, _) in kind.states {
        transitions.insert((*from).to_owned(), kind.states.iter().map(|(name, _)| to(name)).collect());
    }
    let all: Vec<Value> = fields_of(shapes, kind).collect();
    json!({
        "name": kind.name,
        "referenceName": kind.reference,
        "description": kind.description,
        "color": kind.colour,
        "icon": { "id": kind.icon, "url": format!("{}/_apis/wit/workItemIcons/{}", shapes.base, kind.icon) },
        "isDisabled": false,
        "fields": all,
        "fieldInstances": all,
        "transitions": transitions,
        "states": states(kind),
        "url": url,
    })
}

fn find(call: &Call<'_>, project: &Project) -> Result<&'static WorkItemType, Failure> {
    let name = call.part("type");
    let absent = || WorkItemError::NoType { name: excerpt(name), project: project.name.clone() };
    Ok(work_item_type::find(&project.process, name).ok_or_else(absent).map_err(Refused::from)?)
}

/// The types of a project, or one of them.
pub(in super::super) fn read(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (project, shapes) = (project(call, &directory)?, shapes(call, &directory)?);
    if call.value("type").is_some() {
        return Ok(Reply::ok(whole(&shapes, project, find(call, project)?)));
    }
    let all = work_item_type::of_process(&project.process).iter();
    Ok(Reply::ok(lists::list(all.map(|kind| whole(&shapes, project, kind)))))
}

/// The states of a type.
pub(in super::super) fn states_of(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let kind = find(call, project(call, &directory)?)?;
    Ok(Reply::ok(lists::list(states(kind).into_iter())))
}

/// The fields of a type, or one of them.
pub(in super::super) fn fields_of_type(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let (kind, shapes) = (find(call, project(call, &directory)?)?, shapes(call, &directory)?);
    match call.value("field") {
        Some(name) => Ok(Reply::ok(field_of(&shapes, field(name)?))),
        None => Ok(Reply::ok(lists::list(fields_of(&shapes, kind)))),
    }
}

fn field(name: &str) -> Result<&'static Field, Failure> {
    let absent = || Refused::from(WorkItemError::NoField { name: excerpt(name) });
    let found = fields::find(name).ok_or_else(absent);
    found.map_err(|refused| Failure { status: http::StatusCode::NOT_FOUND, ..Failure::from(refused) })
}

/// All fields, or one of them.
pub(in super::super) fn fields(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    items::project(&directory, call.scope())?;
    let shapes = shapes(call, &directory)?;
    match call.value("fieldNameOrRefName") {
        Some(name) => Ok(Reply::ok(definition(&shapes, field(name)?))),
        None => Ok(Reply::ok(lists::list(fields::ALL.iter().map(|field| definition(&shapes, field))))),
    }
}

fn definition(shapes: &Shapes<'_>, field: &Field) -> Value {
    let is_long = matches!(field.kind, FieldType::Html | FieldType::History);
    let mut value = shapes.field_reference(field);
    let operators: &[(&str, &str)] = match field.kind {
        FieldType::Path => &[("UNDER", "Under"), ("EQUALS", "="), ("NOTEQUALS", "<>")],
        _ if is_long => &[("CONTAINS", "Contains"), ("NOTCONTAINS", "Does Not Contain")],
        FieldType::Text | FieldType::Person => {
            &[("EQUALS", "="), ("NOTEQUALS", "<>"), ("CONTAINS", "Contains"), ("IN", "In")]
        }
        _ => &[("EQUALS", "="), ("NOTEQUALS", "<>"), ("GREATERTHAN", ">"), ("LESSTHAN", "<"), ("IN", "In")],
    };
    let operators = operators.iter().map(|(reference, name)| {
        json!({ "referenceName": format!("SupportedOperations.{reference}"), "name": name })
    });
    let more = json!({
        "description": null,
        "type": field.kind.name(),
        "usage": "workItem",
        "readOnly": field.is_read_only,
        "canSortBy": !is_long,
        "isQueryable": true,
        "isIdentity": field.kind == FieldType::Person,
        "isPicklist": !fields::allowed(field.reference).is_empty(),
        "isPicklistSuggested": false,
        "supportedOperations": operators.collect::<Vec<_>>(),
    });
    if let (Some(all), Value::Object(more)) = (value.as_object_mut(), more) {
        all.extend(more);
    }
    value
}

/// The types of links, or one of them.
pub(in super::super) fn relations(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    crate::access::authorize_use(&directory, &call.principal, Use::Work).map_err(Refused::from)?;
    let base = shapes(call, &directory)?.base;
    let show = |one: &LinkType| {
        let is_directional = one.reverse.is_some_and(|reverse| reverse != one.reference);
        let usage =
            if matches!(one.reference, ARTIFACT | HYPERLINK) { "resourceLink" } else { "workItemLink" };
        json!({
            "referenceName": one.reference,
            "name": one.name,
            "url": format!("{base}/_apis/wit/workItemRelationTypes/{}", one.reference),
            "attributes": {
                "usage": usage,
                "editable": true,
                "enabled": true,
                "directional": is_directional,
                "oppositeEndReferenceName": one.reverse,
            },
        })
    };
    let Some(asked) = call.value("relation") else {
        return Ok(Reply::ok(lists::list(LINK_TYPES.iter().map(show))));
    };
    let found = LINK_TYPES.iter().find(|one| one.reference.eq_ignore_ascii_case(asked));
    let absent = || {
        let message = format!("There is no relation type {}.", excerpt(asked));
        Failure::not_found("WorkItemRelationTypeNotFoundException", message)
    };
    Ok(Reply::ok(show(found.ok_or_else(absent)?)))
}
