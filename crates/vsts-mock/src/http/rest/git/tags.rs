//! Annotated tags, by the id of the tag object.

use gix::bstr::ByteSlice as _;
use gix::objs::{Kind, TagRef};
use http::StatusCode;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::choice;
use super::super::reply::{Outcome, Reply};
use super::place::{Place, no_object, object, object_id, person};
use super::pushes::by;
use crate::operations::new_objects::NewObjects;
use crate::operations::push::{Command, push_one};

pub(super) fn show(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let (id, data) = object(&repository, id, Kind::Tag)?;
    Ok(Reply::ok(tag(place, &id.to_string(), &data)?))
}

fn tag(place: &Place, id: &str, data: &[u8]) -> Result<Value, Failure> {
    let tag = TagRef::from_bytes(data, gix::hash::Kind::Sha1).map_err(|error| Failure::internal(&error))?;
    let kind = tag.target_kind.to_string();
    let mut value = json!({
        "name": tag.name.to_string(),
        "objectId": id,
        "taggedObject": { "objectId": tag.target().to_string(), "objectType": kind },
        "message": tag.message.to_str_lossy().trim_end_matches('\n'),
        "url": place.url(&format!("annotatedtags/{id}")),
    });
    if let Ok(Some(tagger)) = tag.tagger() {
        value["taggedBy"] = person(tagger, None);
    }
    Ok(value)
}

pub(super) fn create(place: &Place, body: &Value) -> Outcome {
    let repository = place.open()?;
    let name = body["name"].as_str().ok_or_else(|| Failure::missing("name"))?;
    let name = name.strip_prefix("refs/tags/").unwrap_or(name);
    let target = body["taggedObject"]["objectId"].as_str().ok_or_else(|| Failure::missing("taggedObject"))?;
    let header = repository.try_find_header(object_id(target)?)?.ok_or_else(|| no_object(target))?;
    let kinds = [
        ("commit", 1, Kind::Commit),
        ("tree", 2, Kind::Tree),
        ("blob", 3, Kind::Blob),
        ("tag", 4, Kind::Tag),
    ];
    let kind = choice("taggedObject.objectType", &body["taggedObject"]["objectType"], &kinds)?;
    if kind.is_some_and(|kind| kind != header.kind()) {
        return Err(Failure::bad(format!(
            "taggedObject.objectType: the object {target} is a {}.",
            header.kind()
        )));
    }
    let message = body["message"].as_str().unwrap_or_default();
    let tagger = by(place, &body["taggedBy"])?;
    let data = format!("object {target}\ntype {}\ntag {name}\ntagger {tagger}\n\n{message}\n", header.kind());
    let mut objects = NewObjects::new(&repository);
    let id = objects.add(Kind::Tag, data.as_bytes())?;
    let command = Command { name: format!("refs/tags/{name}"), old: None, new: Some(id) };
    push_one(place, &command, &objects.finish()?)?;
    Ok(Reply::json(StatusCode::CREATED, tag(place, &id.to_string(), data.as_bytes())?))
}
