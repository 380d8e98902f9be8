//! Refs: listed by prefix, by what their names contain, peeled; and changed in batches, each with its own verdict.

use std::collections::HashMap;

use gix::ObjectId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::refusal::update_status;
use super::request::{RepoRequest, object_id};
use super::write;
use crate::directory::Repo;
use crate::http::web::{encode, encode_into};
use crate::limits::REF_UPDATES;
use crate::operations::new_objects::NewObjects;
use crate::operations::push::{Command, push};
use crate::operations::refs;

/// The name, or its beginning, of the refs that a request is about, in its path or its query.
fn filter_of(request: &RepoRequest) -> Option<&str> {
    request.value("filter").or_else(|| request.query.get("filter"))
}

pub(crate) fn list(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let filter = filter_of(request).unwrap_or_default();
    let filter = filter.strip_prefix("refs/").unwrap_or(filter);
    let prefix = format!("refs/{filter}");
    let contains = request.query.get("filterContains").map(str::to_lowercase);
    let peel = request.query.flag("peelTags");
    let creators = request.runtime.block_on(request.app.state.ref_creators(request.repo.id))?;
    let creators: HashMap<String, Uuid> = creators.into_iter().collect();
    let found = refs::list(&repository, &prefix, contains.as_deref())?;
    let (page, more) = request.query.part(&found, usize::MAX)?;
    let mut identities: HashMap<Uuid, Value> = HashMap::new();
    let url = write::beginning(&request.url("refs?filter="));
    let reply = Reply::list(page, |out, (name, id)| {
        out.extend_from_slice(b"{\"name\":");
        write::text(out, name);
        out.extend_from_slice(b",\"objectId\":\"");
        write::id(out, id);
        out.extend_from_slice(b"\",\"url\":");
        out.extend_from_slice(&url);
        encode_into(out, &name["refs/".len()..]);
        out.push(b'"');
        let by = request.directory.lock_of(request.repo.id, name);
        if by.is_some() {
            out.extend_from_slice(b",\"isLocked\":true");
        }
        for (key, user) in [("isLockedBy", by), ("creator", creators.get(name).copied())] {
            let Some(user) = user else { continue };
            let shown = identities.entry(user).or_insert_with(|| request.identity(user));
            out.extend_from_slice(format!(",\"{key}\":{shown}").as_bytes());
        }
        if peel && let Some(peeled) = refs::peeled(&repository, *id)? {
            out.extend_from_slice(format!(",\"peeledObjectId\":\"{peeled}\"").as_bytes());
        }
        out.push(b'}');
        Ok(())
    })?;
    Ok(reply.continued(more))
}

/// Locks a ref for the caller, or lets it go.
pub(crate) fn lock(request: &RepoRequest) -> Outcome {
    let filter = filter_of(request).ok_or_else(|| Failure::missing("filter"))?;
    let name = if filter.starts_with("refs/") { filter.to_owned() } else { format!("refs/{filter}") };
    let wanted = request.body["isLocked"].as_bool().ok_or_else(|| Failure::missing("isLocked"))?;
    let (id, by) = refs::set_lock(request, &name, wanted)?;
    let mut value = json!({
        "name": name,
        "objectId": id.to_string(),
        "url": request.url(&format!("refs?filter={}", encode(&name["refs/".len()..]))),
        "isLocked": wanted,
    });
    if let Some(by) = by {
        value["isLockedBy"] = request.identity(by);
    }
    Ok(Reply::ok(value))
}

pub(crate) fn update(request: &RepoRequest) -> Outcome {
    let list = request.body.as_array().filter(|list| !list.is_empty() && list.len() <= REF_UPDATES);
    let list = list.ok_or_else(|| Failure::bad("The body has to be a list of changes of refs."))?;
    let mut commands = Vec::with_capacity(list.len());
    for change in list {
        let name = change["name"].as_str().ok_or_else(|| Failure::missing("name"))?;
        commands.push(Command {
            name: name.to_owned(),
            old: id(&change["oldObjectId"], "oldObjectId")?,
            new: id(&change["newObjectId"], "newObjectId")?,
        });
    }
    let repository = request.open()?;
    let pack = NewObjects::new(&repository).finish()?;
    let nothing = |command: &Command| command.old.is_none() && command.new.is_none();
    let sound: Vec<Command> =
        commands.iter().filter(|command| command.is_sound() && !nothing(command)).cloned().collect();
    let received = if sound.is_empty() { None } else { Some(push(request, &sound, &pack)?) };
    let values = commands.iter().map(|command| {
        let (status, message) = if !command.is_sound() {
            ("invalidRefName", None)
        } else if nothing(command) {
            ("succeededNonExistentRef", None)
        } else {
            let refusal = received.as_ref().and_then(|received| received.refusal(&command.name));
            refusal.map_or(("succeeded", None), update_status)
        };
        verdict(&request.repo, command, status, message)
    });
    Ok(Reply::ok(shape::list(values)))
}

fn verdict(repo: &Repo, command: &Command, status: &str, message: Option<String>) -> Value {
    let mut value = json!({
        "repositoryId": repo.id.to_string(),
        "name": command.name,
        "oldObjectId": written(command.old),
        "newObjectId": written(command.new),
        "isLocked": false,
        "updateStatus": status,
        "success": status.starts_with("succeeded"),
    });
    if let Some(message) = message {
        value["customMessage"] = message.into();
    }
    value
}

/// An id as the service writes it: nothing is forty zeros.
pub(super) fn written(id: Option<ObjectId>) -> String {
    id.unwrap_or(ObjectId::null(gix::hash::Kind::Sha1)).to_string()
}

/// An id in a body; absent and zeros alike are nothing.
pub(super) fn id(value: &Value, field: &str) -> Result<Option<ObjectId>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(object_id(text)?).filter(|id| !id.is_null())),
        _ => Err(Failure::bad(format!("{field} has to be the id of an object."))),
    }
}
