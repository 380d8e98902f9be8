//! Objects by their ids: kinds, sizes, and the data of small ones.

use gix::ObjectId;
use gix::objs::Kind;

use super::refused::Refused;

/// Returns whether the repository has an object of this kind.
pub(crate) fn is(repository: &gix::Repository, id: ObjectId, kind: Kind) -> Result<bool, Refused> {
    Ok(repository.try_find_header(id)?.is_some_and(|header| header.kind() == kind))
}

/// Refuses the id of an object that is not there, or is of another kind.
pub(crate) fn check(repository: &gix::Repository, id: ObjectId, kind: Kind) -> Result<(), Refused> {
    if is(repository, id, kind)? { Ok(()) } else { Err(Refused::no_object(&id.to_string())) }
}

/// The size of an object in bytes.
pub(crate) fn size(repository: &gix::Repository, id: ObjectId) -> Result<u64, Refused> {
    Ok(repository.find_header(id)?.size())
}

/// The data of an object; `None` if it has more than `most` bytes.
pub(crate) fn data_within(
    repository: &gix::Repository,
    id: ObjectId,
    most: u64,
) -> Result<Option<Vec<u8>>, Refused> {
    if size(repository, id)? > most {
        return Ok(None);
    }
    Ok(Some(std::mem::take(&mut repository.find_object(id)?.data)))
}
