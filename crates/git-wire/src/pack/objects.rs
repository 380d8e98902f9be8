//! Reading objects: one small interface over the object databases of a repository and of a quarantine.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use foldhash::fast::FixedState;
use gix::objs::Kind;
use gix::{ObjectId, oid};

use super::Error;

/// A set of object ids.
///
/// It is hashed with a secret: anybody can name ids that begin alike, though not make objects that have them, and the first
/// bytes of an id for its hash would make a set of those as slow as a list.
pub type IdSet = HashSet<ObjectId, Secret>;

/// A map by object id, hashed as in an [`IdSet`].
pub(crate) type IdMap<V> = HashMap<ObjectId, V, Secret>;

/// A fast hash with a secret of its own.
#[derive(Debug, Clone)]
pub struct Secret(FixedState);

impl Default for Secret {
    fn default() -> Self {
        // The standard library's own is secret, and several times slower.
        Self(FixedState::with_seed(RandomState::new().hash_one(0)))
    }
}

impl BuildHasher for Secret {
    type Hasher = <FixedState as BuildHasher>::Hasher;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}

/// A source of objects.
pub(crate) trait Objects {
    /// The kind of an object, its bytes put into `buffer`; `None` if it isn't there.
    fn read(&self, id: &oid, buffer: &mut Vec<u8>) -> Result<Option<Kind>, Error>;

    /// The kind and size of an object; `None` if it isn't there.
    fn header(&self, id: &oid) -> Result<Option<(Kind, u64)>, Error>;

    /// Returns whether an object is there.
    fn has(&self, id: &oid) -> bool;

    /// The bytes of an object that has to be there and be of `kind`.
    fn expect(&self, id: &oid, kind: Kind, buffer: &mut Vec<u8>) -> Result<(), Error> {
        match self.read(id, buffer)? {
            Some(found) if found == kind => Ok(()),
            Some(_) => Err(Error::Malformed { id: id.to_owned(), expected: name_of(kind) }),
            None => Err(Error::Missing(id.to_owned())),
        }
    }
}

impl<T> Objects for T
where
    T: gix::objs::Find + gix::objs::FindHeader + gix::objs::Exists,
{
    fn read(&self, id: &oid, buffer: &mut Vec<u8>) -> Result<Option<Kind>, Error> {
        match self.try_find(id, buffer) {
            Ok(found) => Ok(found.map(|object| object.kind)),
            Err(source) => Err(Error::Read { id: id.to_owned(), source }),
        }
    }

    fn header(&self, id: &oid) -> Result<Option<(Kind, u64)>, Error> {
        match self.try_header(id) {
            Ok(found) => Ok(found.map(|header| (header.kind, header.size))),
            Err(source) => Err(Error::Read { id: id.to_owned(), source }),
        }
    }

    fn has(&self, id: &oid) -> bool {
        self.exists(id)
    }
}

/// Looks for packs that have come since the repository was opened, so that asking without looking again finds what is
/// in them.
pub(crate) fn see_new_packs(objects: &dyn Objects) {
    // The list of packs is read anew for an object that is in none of those known.
    objects.has(&ObjectId::null(gix::hash::Kind::Sha1));
}

/// The name of a kind, for messages.
pub(crate) fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Tree => "tree",
        Kind::Blob => "blob",
        Kind::Commit => "commit",
        Kind::Tag => "tag",
    }
}

/// Returns the id that a tag points to, and the kind that the tag says this has.
pub(crate) fn tag_target(id: &oid, tag: &[u8]) -> Result<(ObjectId, Kind), Error> {
    let malformed = || Error::Malformed { id: id.to_owned(), expected: "tag" };
    let mut lines = tag.split(|byte| *byte == b'\n');
    let target = lines.next().and_then(|line| line.strip_prefix(b"object ")).ok_or_else(malformed)?;
    let kind = lines.next().and_then(|line| line.strip_prefix(b"type ")).ok_or_else(malformed)?;
    let target = ObjectId::from_hex(target).map_err(|_| malformed())?;
    let kind = Kind::from_bytes(kind).map_err(|_| malformed())?;
    Ok((target, kind))
}

/// Follows tags from `id` to what they point to in the end, calling `on_tag` with each tag on the way.
/// `None` if `id` isn't there.
pub(crate) fn peel(
    objects: &dyn Objects,
    id: ObjectId,
    buffer: &mut Vec<u8>,
    on_tag: &mut dyn FnMut(ObjectId),
) -> Result<Option<(ObjectId, Kind)>, Error> {
    let Some((mut kind, _)) = objects.header(&id)? else { return Ok(None) };
    let mut id = id;
    while kind == Kind::Tag {
        on_tag(id);
        objects.expect(&id, Kind::Tag, buffer)?;
        let (target, _) = tag_target(&id, buffer)?;
        id = target;
        kind = objects.header(&id)?.ok_or(Error::Missing(id))?.0;
    }
    Ok(Some((id, kind)))
}
