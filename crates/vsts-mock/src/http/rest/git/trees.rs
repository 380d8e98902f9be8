//! Trees: what is in a folder, or in it and all folders below it.

use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use gix::objs::tree::EntryMode;
use gix::objs::{Kind, TreeRefIter};
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::place::{Place, object};

/// One entry of a tree, by its path from where the walk began.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) mode: EntryMode,
    pub(super) id: ObjectId,
}

impl Entry {
    /// The kind of what it names.
    pub(super) fn kind(&self) -> &'static str {
        if self.mode.is_tree() {
            "tree"
        } else if self.mode.is_commit() {
            "commit"
        } else {
            "blob"
        }
    }
}

/// The entries of a tree, with `prefix` before their names.
pub(super) fn entries(
    repository: &gix::Repository,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Failure> {
    let object = repository.find_object(tree)?;
    let mut all = Vec::new();
    for entry in TreeRefIter::from_bytes(&object.data, repository.object_hash()) {
        let entry = entry.map_err(|error| Failure::internal(&error))?;
        let mut path = String::with_capacity(prefix.len() + 1 + entry.filename.len());
        if !prefix.is_empty() {
            path.push_str(prefix);
            path.push('/');
        }
        path.push_str(&entry.filename.to_str_lossy());
        all.push(Entry { path, mode: entry.mode, id: entry.oid.to_owned() });
    }
    Ok(all)
}

/// The entries of a tree and of all trees below it, each folder before what is in it.
pub(super) fn all_below(
    repository: &gix::Repository,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    let mut left = entries(repository, tree, prefix)?;
    left.reverse();
    while let Some(entry) = left.pop() {
        if entry.mode.is_tree() {
            let below = entries(repository, entry.id, &entry.path)?;
            left.extend(below.into_iter().rev());
        }
        found.push(entry);
    }
    Ok(found)
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let (id, _) = object(&repository, id, Kind::Tree)?;
    let all = if place.query.flag("recursive") {
        all_below(&repository, id, "")?
    } else {
        entries(&repository, id, "")?
    };
    if super::Format::of(place, super::Format::Json)? == super::Format::Zip {
        return super::items::zipped(&repository, &all, "tree", place.query.get("fileName"));
    }
    let mut total = 0;
    let mut values: Vec<Value> = Vec::with_capacity(all.len());
    for entry in &all {
        let size = match entry.kind() {
            "blob" => repository.find_header(entry.id)?.size(),
            _ => 0,
        };
        total += size;
        let folder = if entry.mode.is_tree() { "trees" } else { "blobs" };
        values.push(json!({
            "objectId": entry.id.to_string(),
            "relativePath": entry.path,
            "mode": format!("{:06o}", entry.mode.value()),
            "gitObjectType": entry.kind(),
            "url": place.url(&format!("{folder}/{}", entry.id)),
            "size": size,
        }));
    }
    let url = place.url(&format!("trees/{id}"));
    Ok(Reply::ok(json!({
        "objectId": id.to_string(),
        "url": url,
        "treeEntries": values,
        "size": total,
        "_links": { "self": { "href": url }, "repository": { "href": place.shown["url"] } },
    })))
}
