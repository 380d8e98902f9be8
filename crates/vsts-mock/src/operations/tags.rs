//! Annotated tags that the server makes for a client.

use gix::ObjectId;
use gix::objs::Kind;

use super::context::RepoContext;
use super::new_objects::NewObjects;
use super::push::{Command, push_one};
use super::refused::Refused;
use super::signature::Person;

/// An annotated tag to create.
#[derive(Debug)]
pub(crate) struct NewTag<'a> {
    /// Its short name, or the full one.
    pub(crate) name: &'a str,
    pub(crate) target: ObjectId,
    /// The kind that the target has to have.
    pub(crate) kind: Option<Kind>,
    pub(crate) message: &'a str,
    pub(crate) tagger: Person<'a>,
}

/// Creates a tag and its ref; gives its id and its data. Blocks.
pub(crate) fn create(ctx: &RepoContext, new: &NewTag<'_>) -> Result<(ObjectId, Vec<u8>), Refused> {
    let repository = ctx.open()?;
    let (target, message) = (new.target, new.message);
    let name = new.name.strip_prefix("refs/tags/").unwrap_or(new.name);
    let header = repository.try_find_header(target)?;
    let kind = header.ok_or_else(|| Refused::no_object(&target.to_string()))?.kind();
    if new.kind.is_some_and(|wanted| wanted != kind) {
        let message = format!("taggedObject.objectType: the object {target} is a {kind}.");
        return Err(Refused::Invalid(message));
    }
    let tagger = new.tagger.signature(ctx)?;
    let data =
        format!("object {target}\ntype {kind}\ntag {name}\ntagger {tagger}\n\n{message}\n").into_bytes();
    let mut objects = NewObjects::new(&repository);
    let id = objects.add(Kind::Tag, &data)?;
    let command = Command { name: format!("refs/tags/{name}"), old: None, new: Some(id) };
    push_one(ctx, &command, &objects.finish()?)?;
    Ok((id, data))
}
