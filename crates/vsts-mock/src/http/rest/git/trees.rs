//! Trees: what is in a folder, or in it and all folders below it.

use gix::objs::Kind;
use serde_json::json;

use super::super::reply::{Outcome, Reply};
use super::request::{RepoRequest, object_of};
use super::write;
use crate::operations::items::{all_below, entries};
use crate::operations::objects;

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let id = object_of(&repository, request.part("sha1"), Kind::Tree)?;
    let all = if request.query.flag("recursive") {
        all_below(&repository, &request.work, id, "")?
    } else {
        entries(&repository, &request.work, id, "")?
    };
    if super::Format::of(request, super::Format::Json)? == super::Format::Zip {
        return super::items::zipped(request, &all, "tree", request.query.get("fileName"));
    }
    let (trees, blobs) = (write::beginning(&request.url("trees/")), write::beginning(&request.url("blobs/")));
    let url = request.url(&format!("trees/{id}"));
    let mut sizes = Vec::with_capacity(all.len());
    for entry in &all {
        request.work.check()?;
        sizes.push(if entry.kind() == "blob" { objects::size(&repository, entry.id)? } else { 0 });
    }
    let whole = json!({
        "objectId": id.to_string(),
        "url": url,
        "size": sizes.iter().sum::<u64>(),
        "_links": { "self": { "href": url }, "repository": { "href": request.repo_json["url"] } },
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
