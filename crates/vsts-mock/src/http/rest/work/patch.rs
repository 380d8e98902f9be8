//! JSON patches of work items (RFC 6902): the fields and relations that the service lets a client change.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::failure::{Failure, excerpt};
use crate::directory::work_item::RelationTarget;
use crate::limits::PATCH_OPERATIONS;
use crate::registry::work_items::{NewRelation, Step, TestPath};

/// The operations of a patch, by their names and numbers.
const OPERATIONS: [(&str, u64, Operation); 6] = [
    ("add", 0, Operation::Add),
    ("remove", 1, Operation::Remove),
    ("replace", 2, Operation::Replace),
    ("move", 3, Operation::Other),
    ("copy", 4, Operation::Other),
    ("test", 5, Operation::Test),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Remove,
    Replace,
    Test,
    Other,
}

/// Reads a patch.
pub(super) fn steps(body: &Value) -> Result<Vec<Step>, Failure> {
    let wrong = || Failure::bad("You must pass a valid patch document in the body of the request.");
    let operations = body.as_array().filter(|all| !all.is_empty()).ok_or_else(wrong)?;
    if operations.len() > PATCH_OPERATIONS {
        return Err(Failure::bad(format!("A patch has at most {PATCH_OPERATIONS} operations.")));
    }
    operations.iter().map(step).collect()
}

fn step(one: &Value) -> Result<Step, Failure> {
    let operation = super::super::query::choice("op", &one["op"], &OPERATIONS)?;
    let operation = operation.ok_or_else(|| Failure::missing("op"))?;
    let path = one["path"].as_str().ok_or_else(|| Failure::missing("path"))?;
    let value = &one["value"];
    let unsupported = || {
        Failure::bad(format!(
            "The patch cannot {} {:?}. A patch of a work item adds, replaces, removes and tests /fields/NAME, sets \
             /multilineFieldsFormat/NAME, adds /relations/-, removes /relations/N, and tests /rev and /id.",
            one["op"].as_str().unwrap_or("do this to"),
            excerpt(path)
        ))
    };
    let parts: Vec<&str> = path.strip_prefix('/').ok_or_else(unsupported)?.split('/').collect();
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    Ok(match (operation, parts.as_slice()) {
        (Operation::Test, [part]) if is(part, "rev") => {
            Step::Test { path: TestPath::Rev, value: value.clone() }
        }
        (Operation::Test, [part]) if is(part, "id") => {
            Step::Test { path: TestPath::Id, value: value.clone() }
        }
        (operation, [part, name]) if is(part, "fields") && !name.is_empty() => {
            let field = name.replace("~1", "/").replace("~0", "~");
            let value = value.clone();
            match operation {
                Operation::Add => Step::Add { field, value },
                Operation::Replace => Step::Replace { field, value },
                Operation::Remove => Step::Remove { field },
                Operation::Test => Step::Test { path: TestPath::Field(field), value },
                Operation::Other => return Err(unsupported()),
            }
        }
        (Operation::Add | Operation::Replace, [part, name])
            if is(part, "multilineFieldsFormat") && !name.is_empty() =>
        {
            let formats = [("html", 0, false), ("markdown", 1, true)];
            let is_markdown = super::super::query::choice("value", value, &formats)?;
            let is_markdown = is_markdown.ok_or_else(|| Failure::missing("value"))?;
            Step::Format { field: (*name).to_owned(), is_markdown }
        }
        (Operation::Add, [part, "-"]) if is(part, "relations") => Step::Link(relation(value)?),
        (Operation::Remove, [part, position]) if is(part, "relations") => {
            Step::Unlink { position: position.parse().map_err(|_| unsupported())? }
        }
        (Operation::Replace, [part, position]) if is(part, "relations") => Step::Relink {
            position: position.parse().map_err(|_| unsupported())?,
            attributes: attributes(&value["attributes"]),
        },
        (Operation::Add | Operation::Replace, [part, position, inner, name])
            if is(part, "relations") && is(inner, "attributes") =>
        {
            Step::Relink {
                position: position.parse().map_err(|_| unsupported())?,
                attributes: BTreeMap::from([((*name).to_owned(), value.clone())]),
            }
        }
        _ => return Err(unsupported()),
    })
}

fn relation(value: &Value) -> Result<NewRelation, Failure> {
    let text = |name: &str| value[name].as_str().ok_or_else(|| Failure::missing(name));
    let (kind, url) = (text("rel")?.to_owned(), text("url")?.to_owned());
    let target = match item_of(&url).filter(|_| kind.starts_with("System.LinkTypes.")) {
        Some(id) => RelationTarget::Item(id),
        None => RelationTarget::Url(url),
    };
    Ok(NewRelation { kind, target, attributes: attributes(&value["attributes"]) })
}

fn attributes(value: &Value) -> BTreeMap<String, Value> {
    let all = value.as_object().into_iter().flatten();
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The number of the work item that a URL of the API is of.
fn item_of(url: &str) -> Option<i64> {
    let (before, id) = url.split('?').next()?.trim_end_matches('/').rsplit_once('/')?;
    before.to_lowercase().ends_with("_apis/wit/workitems").then(|| id.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_are_read_as_clients_write_them() {
        let all = json!([
            { "op": "test", "path": "/rev", "value": 3 },
            { "op": "Add", "path": "/fields/System.Title", "value": "x" },
            { "op": 2, "path": "/Fields/System.State", "value": "Active" },
            { "op": "remove", "path": "/relations/0" },
            { "op": "add", "path": "/relations/-", "value": {
                "rel": "System.LinkTypes.Hierarchy-Reverse", "url": "http://x/acme/_apis/wit/workItems/7"
            } },
        ]);
        let steps = steps(&all).expect("a patch");
        assert_eq!(steps.len(), 5);
        assert!(matches!(&steps[4], Step::Link(NewRelation { target: RelationTarget::Item(7), .. })));
        for wrong in [
            json!({}),
            json!([]),
            json!([{ "op": "move", "path": "/fields/System.Title" }]),
            json!([{ "op": "add", "path": "fields/System.Title" }]),
            json!([{ "op": "add", "path": "/relations/0" }]),
            json!([{ "path": "/rev" }]),
        ] {
            assert!(super::steps(&wrong).is_err(), "{wrong}");
        }
    }
}
