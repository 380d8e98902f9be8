//! Blobs: what a file holds, by its id.

use std::collections::HashSet;

use gix::objs::Kind;
use serde_json::json;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::Format;
use super::request::{RepoRequest, object_of};
use crate::limits::BATCH_BLOBS;
use crate::operations::content::Blob;
use crate::operations::objects;
use crate::operations::zip::Zip;

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let id = object_of(&repository, request.part("sha1"), Kind::Blob)?;
    let name = || Some(request.query.get("fileName").map_or_else(|| id.to_string(), str::to_owned));
    let open = || Blob::open(&repository, &request.app.budget, id);
    match Format::of(request, Format::Json)? {
        Format::Json | Format::Content => {
            let url = request.url(&format!("blobs/{id}"));
            Ok(Reply::ok(json!({
                "objectId": id.to_string(),
                "size": objects::size(&repository, id)?,
                "url": url,
                "_links": { "self": { "href": url }, "repository": { "href": request.repo_json["url"] } },
            })))
        }
        Format::Text => {
            let file_name = if request.query.flag("download") { name() } else { None };
            Ok(Reply::file("text/plain; charset=utf-8", open()?, file_name))
        }
        Format::Bytes => Ok(Reply::file("application/octet-stream", open()?, name())),
        Format::Zip => {
            let files = vec![(name().unwrap_or_default(), id)];
            let zip = Zip::new(repository, &request.app.budget, &request.work, files)?;
            Ok(Reply::zip(zip, format!("{id}.zip")))
        }
    }
}

/// Several, in a zip file, named by their ids; each once.
pub(crate) fn many(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let ids = request.body.as_array().filter(|ids| ids.len() <= BATCH_BLOBS);
    let ids = ids.ok_or_else(|| {
        Failure::bad(format!("The body has to be a list of at most {BATCH_BLOBS} blobs' ids."))
    })?;
    let (mut seen, mut files) = (HashSet::new(), Vec::new());
    for id in ids {
        request.work.check()?;
        let id = object_of(&repository, id.as_str().unwrap_or_default(), Kind::Blob)?;
        if seen.insert(id) {
            files.push((id.to_string(), id));
        }
    }
    let zip = Zip::new(repository, &request.app.budget, &request.work, files)?;
    Ok(Reply::zip(zip, "blobs.zip".to_owned()))
}
