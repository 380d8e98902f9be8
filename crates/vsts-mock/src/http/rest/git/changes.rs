//! The changes between two trees, as the service lists them: files that were added, edited, deleted or renamed.

use std::collections::BTreeMap;

use gix::ObjectId;
use serde_json::{Map, Value, json};

use super::super::reply::{Outcome, Reply};
use super::request::RepoRequest;
use crate::http::web::encode;
use crate::operations::changed_files::{Change, How};

/// Counts the changes of each kind; the three usual kinds are listed even if there are none.
pub(super) fn counts(changes: &[Change]) -> Value {
    let mut counts: BTreeMap<How, u64> = [(How::Added, 0), (How::Edited, 0), (How::Deleted, 0)].into();
    for change in changes {
        *counts.entry(change.how).or_default() += 1;
    }
    let named = |(how, count): (How, u64)| {
        let name = match how {
            How::Added => "Add",
            How::Edited => "Edit",
            How::Deleted => "Delete",
            How::Renamed => "Rename",
        };
        (name.to_owned(), Value::from(count))
    };
    Value::Object(counts.into_iter().map(named).collect::<Map<_, _>>())
}

/// An object with a part of the changes in it.
pub(super) fn reply(
    request: &RepoRequest,
    object: &Value,
    commit: ObjectId,
    all: &[Change],
    skip: usize,
    top: usize,
) -> Outcome {
    let part = &all[skip.min(all.len())..skip.saturating_add(top).min(all.len())];
    Reply::with_array(object, "changes", part, |out, change| {
        request.work.check()?;
        out.extend_from_slice(show(request, commit, change).to_string().as_bytes());
        Ok(())
    })
}

/// One change, in the version after it.
fn show(request: &RepoRequest, commit: ObjectId, change: &Change) -> Value {
    let path = format!("/{}", change.path);
    let shown = change.new.or(change.old);
    let is_commit = shown.is_some_and(|(mode, _)| mode.is_commit());
    let mut item = json!({
        "objectId": shown.map(|(_, id)| id.to_string()),
        "gitObjectType": if is_commit { "commit" } else { "blob" },
        "commitId": commit.to_string(),
        "path": path,
        "url": request.url(&format!("items?path={}&versionType=Commit&version={commit}", encode(&path))),
    });
    if let Some((_, before)) = change.old {
        item["originalObjectId"] = before.to_string().into();
    }
    let how = match change.how {
        How::Added => "add",
        How::Edited => "edit",
        How::Deleted => "delete",
        How::Renamed => "rename",
    };
    let mut value = json!({ "item": item, "changeType": how });
    if let Some(source) = &change.source {
        value["sourceServerItem"] = format!("/{source}").into();
    }
    value
}
