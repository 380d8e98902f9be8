//! Trees: what is in a folder, or in it and all folders below it.

use gix::objs::Kind;
use serde_json::json;

use super::super::reply::{Outcome, Reply};
use super::place::{Place, object_of};
use super::write;
use crate::operations::items::{all_below, entries};

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
