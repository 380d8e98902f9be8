//! Annotated tags, by the id of the tag object.

use gix::objs::Kind;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::pushes::by;
use super::request::{RepoRequest, object_id, person};
use crate::operations::tags::{self, NewTag, TagInfo};

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let tag = tags::read(&repository, object_id(request.part("objectId"))?)?;
    Ok(Reply::ok(shown(request, &tag)))
}

fn shown(request: &RepoRequest, tag: &TagInfo) -> Value {
    let mut value = json!({
        "name": tag.name,
        "objectId": tag.id.to_string(),
        "taggedObject": { "objectId": tag.target.to_string(), "objectType": tag.kind.to_string() },
        "message": tag.message.trim_end_matches('\n'),
        "url": request.url(&format!("annotatedtags/{}", tag.id)),
    });
    if let Some(tagger) = &tag.tagger {
        value["taggedBy"] = person(tagger);
    }
    value
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
    let tag = tags::create(request, &new)?;
    Ok(Reply::json(StatusCode::CREATED, shown(request, &tag)))
}
