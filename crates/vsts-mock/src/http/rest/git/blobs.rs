//! Blobs: what a file holds, by its id.

use gix::objs::Kind;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::Format;
use super::place::{Place, object};
use super::zip::Archive;

/// How many blobs may be asked for at once.
const MOST: usize = 10_000;

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let (id, data) = object(&repository, id, Kind::Blob)?;
    let name = || Some(place.query.get("fileName").map_or_else(|| id.to_string(), str::to_owned));
    match Format::of(place, Format::Json)? {
        Format::Json | Format::Content => {
            let url = place.url(&format!("blobs/{id}"));
            Ok(Reply::ok(json!({
                "objectId": id.to_string(),
                "size": data.len(),
                "url": url,
                "_links": { "self": { "href": url }, "repository": { "href": place.shown["url"] } },
            })))
        }
        Format::Text => {
            let file_name = if place.query.flag("download") { name() } else { None };
            Ok(Reply::raw("text/plain; charset=utf-8", data, file_name))
        }
        Format::Bytes => Ok(Reply::raw("application/octet-stream", data, name())),
        Format::Zip => {
            let mut archive = Archive::default();
            archive.add(&name().unwrap_or_default(), &data)?;
            Ok(Reply::raw("application/zip", archive.finish()?, Some(format!("{id}.zip"))))
        }
    }
}

/// Several, in a zip file, named by their ids.
pub(super) fn many(place: &Place, body: &Value) -> Outcome {
    let repository = place.open()?;
    let ids = body.as_array().filter(|ids| ids.len() <= MOST);
    let ids = ids.ok_or_else(|| Failure::bad("The body has to be a list of blobs' ids."))?;
    let mut archive = Archive::default();
    for id in ids {
        let (id, data) = object(&repository, id.as_str().unwrap_or_default(), Kind::Blob)?;
        archive.add(&id.to_string(), &data)?;
    }
    Ok(Reply::raw("application/zip", archive.finish()?, Some("blobs.zip".to_owned())))
}
