//! A comparison as JSON.

use azml_core::quote::quoted;
use azml_core::run::Metric;
use gix::bstr::ByteSlice as _;
use serde_json::{Value, json};

use crate::ops::compare::code::{Change, Code};
use crate::ops::compare::patch::patch;
use crate::ops::compare::records::Line;

pub(super) fn line(line: &Line) -> Value {
    let mut value = json!({"name": line.name, "values": line.values, "differs": line.differs()});
    if let Some(difference) = line.difference() {
        value["difference"] = Metric::from_f64(difference).to_value();
    }
    value
}

pub(crate) fn code(code: &Code) -> Value {
    json!({
        "from": code.from,
        "to": code.to,
        "from_commit": code.commits.0.map(|id| id.to_string()),
        "to_commit": code.commits.1.map(|id| id.to_string()),
        "files_changed": code.files.len(),
        "insertions": code.files.iter().map(|file| file.added).sum::<u64>(),
        "deletions": code.files.iter().map(|file| file.removed).sum::<u64>(),
        "files": code.files.iter().map(change).collect::<Vec<_>>(),
    })
}

fn change(change: &Change) -> Value {
    let mut value = json!({
        "path": quoted(&change.path),
        "change": change.kind.as_str(),
        "insertions": change.added,
        "deletions": change.removed,
        "opaque": change.opaque,
    });
    if let Some(old) = &change.old_path {
        value["old_path"] = quoted(old).into();
    }
    if !change.hunks.is_empty() {
        value["patch"] = patch(change).to_str_lossy().into();
    }
    value
}
