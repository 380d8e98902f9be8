//! Annotated tags: read, and made for a client.

use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use gix::objs::{Kind, TagRef};

use super::commits::Signed;
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

/// An annotated tag.
#[derive(Debug)]
pub(crate) struct TagInfo {
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) target: ObjectId,
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) tagger: Option<Signed>,
}

impl TagInfo {
    fn parse(id: ObjectId, data: &[u8]) -> Result<Self, Refused> {
        let tag = TagRef::from_bytes(data, id.kind()).map_err(Refused::internal)?;
        Ok(Self {
            id,
            name: tag.name.to_string(),
            target: tag.target(),
            kind: tag.target_kind,
            message: tag.message.to_str_lossy().into_owned(),
            tagger: tag.tagger().ok().flatten().map(|tagger| Signed::of(tagger, None)),
        })
    }
}

/// Reads a tag.
pub(crate) fn read(repository: &gix::Repository, id: ObjectId) -> Result<TagInfo, Refused> {
    let found = repository.try_find_object(id)?.filter(|object| object.kind == Kind::Tag);
    TagInfo::parse(id, &found.ok_or_else(|| Refused::no_object(&id.to_string()))?.data)
}

/// Creates a tag and its ref. Blocks.
pub(crate) fn create(ctx: &RepoContext, new: &NewTag<'_>) -> Result<TagInfo, Refused> {
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
    TagInfo::parse(id, &data)
}
