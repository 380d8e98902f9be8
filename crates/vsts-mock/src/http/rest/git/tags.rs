//! Annotated tags, by the id of the tag object.

use gix::bstr::ByteSlice as _;
use gix::objs::{Kind, TagRef};
use http::StatusCode;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::pushes::by;
use super::request::{RepoRequest, object, object_id, person};
use crate::operations::tags::{self, NewTag};

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let (id, data) = object(&repository, request.part("objectId"), Kind::Tag)?;
    Ok(Reply::ok(tag(request, &id.to_string(), &data)?))
}

fn tag(request: &RepoRequest, id: &str, data: &[u8]) -> Result<Value, Failure> {
    let tag = TagRef::from_bytes(data, gix::hash::Kind::Sha1).map_err(|error| Failure::internal(&error))?;
    let kind = tag.target_kind.to_string();
    let mut value = json!({
        "name": tag.name.to_string(),
        "objectId": id,
        "taggedObject": { "objectId": tag.target().to_string(), "objectType": kind },
        "message": tag.message.to_str_lossy().trim_end_matches('\n'),
        "url": request.url(&format!("annotatedtags/{id}")),
    });
    if let Ok(Some(tagger)) = tag.tagger() {
        value["taggedBy"] = person(tagger, None);
    }
    Ok(value)
}

pub(crate) fn create(request: &RepoRequest) -> Outcome {
    let body = &request.body;
    let kinds = [
        ("commit", 1, Kind::Commit),
        ("tree", 2, Kind::Tree),
        ("blob", 3, Kind::Blob),
        ("tag", 4, Kind::Tag),
    ];
    let tagged = &body["taggedObject"];
    let target = tagged["objectId"].as_str().ok_or_else(|| Failure::missing("taggedObject"))?;
    let new = NewTag {
        name: body["name"].as_str().ok_or_else(|| Failure::missing("name"))?,
        target: object_id(target)?,
        kind: choice("taggedObject.objectType", &tagged["objectType"], &kinds)?,
        message: body["message"].as_str().unwrap_or_default(),
        tagger: by(&body["taggedBy"])?,
    };
    let (id, data) = tags::create(request, &new)?;
    Ok(Reply::json(StatusCode::CREATED, tag(request, &id.to_string(), &data)?))
}
