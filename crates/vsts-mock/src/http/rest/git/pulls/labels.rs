//! Labels, properties and work items of pull requests.

use serde_json::{Map, Value, json};

use super::super::super::failure::Failure;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::RepoRequest;
use super::{asked, shape};
use crate::directory::PullRequest;
use crate::operations::pull_requests::labels;

fn pull_id(request: &RepoRequest) -> &str {
    request.part("pullRequestId")
}

pub(crate) fn read(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    match request.value("labelIdOrName") {
        Some(asked) => Ok(Reply::ok(shape::label(labels::one(&pull, asked)?))),
        None => Ok(Reply::ok(lists::list(pull.labels.iter().map(shape::label)))),
    }
}

pub(crate) fn add(request: &RepoRequest) -> Outcome {
    let name = request.body["name"].as_str().ok_or_else(|| Failure::missing("name"))?;
    Ok(Reply::ok(shape::label(&labels::add(request, pull_id(request), name)?)))
}

pub(crate) fn remove(request: &RepoRequest) -> Outcome {
    labels::remove(request, pull_id(request), request.part("labelIdOrName"))?;
    Ok(Reply::emptied())
}

/// The value of a property with its type. Clients may send the type beside it, with and without `$` in the names.
pub(super) fn typed(value: &Value) -> Value {
    let kind = match value {
        Value::Object(fields) if fields.contains_key("$value") => return value.clone(),
        Value::Object(fields)
            if fields.len() == 2 && fields.contains_key("type") && fields.contains_key("value") =>
        {
            return json!({ "$type": fields["type"], "$value": fields["value"] });
        }
        Value::Bool(_) => "System.Boolean",
        Value::Number(number) if number.is_f64() => "System.Double",
        Value::Number(number) if number.as_i64().is_some_and(|one| i32::try_from(one).is_ok()) => {
            "System.Int32"
        }
        Value::Number(_) => "System.Int64",
        _ => "System.String",
    };
    json!({ "$type": kind, "$value": value })
}

fn properties_of(pull: &PullRequest) -> Value {
    let all: Map<String, Value> =
        pull.properties.iter().map(|(name, value)| (name.clone(), typed(value))).collect();
    json!({ "count": all.len(), "value": all })
}

pub(crate) fn properties(request: &RepoRequest) -> Outcome {
    Ok(Reply::ok(properties_of(&asked(request)?)))
}

/// Changes properties by a JSON patch.
pub(crate) fn set_properties(request: &RepoRequest) -> Outcome {
    let operations = request.body.as_array().cloned().unwrap_or_default();
    let mut wanted = Vec::new();
    for operation in &operations {
        let path = operation["path"].as_str().ok_or_else(|| Failure::missing("path"))?;
        let name = path.strip_prefix('/').unwrap_or(path).replace("~1", "/").replace("~0", "~");
        if name.is_empty() || name.len() > 400 {
            return Err(Failure::bad("The path of a property is its name after a slash."));
        }
        let op = &operation["op"];
        let value = match op.as_str().map_or_else(|| op.to_string(), str::to_lowercase).as_str() {
            "add" | "replace" | "0" | "2" => Some(operation["value"].clone()),
            "remove" | "1" => None,
            _ => return Err(Failure::bad("op has to be one of add, replace and remove.")),
        };
        wanted.push((name, value));
    }
    Ok(Reply::ok(properties_of(&labels::set_properties(request, pull_id(request), &wanted)?)))
}

pub(crate) fn work_items(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let directory = request.app.state.directory();
    Ok(Reply::ok(lists::list(request.shapes(&directory).work_items(&pull).into_iter())))
}
