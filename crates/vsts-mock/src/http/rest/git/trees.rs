//! Trees: what is in a folder, or in it and all folders below it.

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice as _};
use gix::objs::tree::EntryMode;
use gix::objs::{Kind, TreeRefIter};
use serde_json::json;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::place::{Place, object_of};
use super::write;
use crate::operations::tree_walk::{self, read_tree};
use crate::operations::work::Work;

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
    work: &Work,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Failure> {
    let data = read_tree(repository, work, tree)?;
    let mut all = Vec::new();
    for entry in TreeRefIter::from_bytes(&data, repository.object_hash()) {
        let entry = entry.map_err(|error| Failure::internal(&error))?;
        let path = joined(prefix, entry.filename);
        work.list(path.len())?;
        all.push(Entry { path, mode: entry.mode, id: entry.oid.to_owned() });
    }
    Ok(all)
}

/// The entries of a tree and of all trees below it, each folder before what is in it.
pub(super) fn all_below(
    repository: &gix::Repository,
    work: &Work,
    tree: ObjectId,
    prefix: &str,
) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    tree_walk::below(repository, work, tree, |path, mode, id| {
        let path = joined(prefix, path);
        work.list(path.len())?;
        found.push(Entry { path, mode, id: id.to_owned() });
        Ok(())
    })?;
    Ok(found)
}

fn joined(prefix: &str, path: &BStr) -> String {
    let mut joined = String::with_capacity(prefix.len() + 1 + path.len());
    if !prefix.is_empty() {
        joined.push_str(prefix);
        joined.push('/');
    }
    joined.push_str(&path.to_str_lossy());
    joined
}

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let id = object_of(&repository, id, Kind::Tree)?;
    let all = if place.query.flag("recursive") {
        all_below(&repository, &place.work, id, "")?
    } else {
        entries(&repository, &place.work, id, "")?
    };
    if super::Format::of(place, super::Format::Json)? == super::Format::Zip {
        return super::items::zipped(place, &all, "tree", place.query.get("fileName"));
    }
    let (trees, blobs) = (write::beginning(&place.url("trees/")), write::beginning(&place.url("blobs/")));
    let url = place.url(&format!("trees/{id}"));
    let mut sizes = Vec::with_capacity(all.len());
    for entry in &all {
        place.work.check()?;
        sizes.push(if entry.kind() == "blob" { repository.find_header(entry.id)?.size() } else { 0 });
    }
    let whole = json!({
        "objectId": id.to_string(),
        "url": url,
        "size": sizes.iter().sum::<u64>(),
        "_links": { "self": { "href": url }, "repository": { "href": place.shown["url"] } },
    });
    let mut sizes = sizes.into_iter();
    Reply::with_array(&whole, "treeEntries", &all, |out, entry| {
        out.extend_from_slice(b"{\"objectId\":\"");
        write::id(out, &entry.id);
        out.extend_from_slice(b"\",\"relativePath\":");
        write::text(out, &entry.path);
        let (mode, kind) = (entry.mode.value(), entry.kind());
        out.extend_from_slice(
            format!(",\"mode\":\"{mode:06o}\",\"gitObjectType\":\"{kind}\",\"url\":").as_bytes(),
        );
        out.extend_from_slice(if entry.mode.is_tree() { &trees } else { &blobs });
        write::id(out, &entry.id);
        let size = sizes.next().unwrap_or_default();
        out.extend_from_slice(format!("\",\"size\":{size}}}").as_bytes());
        Ok(())
    })
}
