//! The commits that refs and ids name.

use gix::ObjectId;
use gix::bstr::BStr;

use super::refused::Refused;

/// The commit that a ref, given by its full name, leads to.
pub(crate) fn commit_at_ref(repository: &gix::Repository, name: &BStr) -> Result<Option<ObjectId>, Refused> {
    let found = repository.try_find_reference(name).ok().flatten();
    let id = found.and_then(|mut reference| reference.peel_to_id().ok()).map(gix::Id::detach);
    peeled(repository, id)
}

/// The commit that a hexadecimal id names, be it through a tag.
pub(crate) fn commit_of_id(repository: &gix::Repository, id: &str) -> Result<Option<ObjectId>, Refused> {
    peeled(repository, ObjectId::from_hex(id.as_bytes()).ok())
}

fn peeled(repository: &gix::Repository, id: Option<ObjectId>) -> Result<Option<ObjectId>, Refused> {
    let Some(id) = id else { return Ok(None) };
    let object = repository.try_find_object(id)?;
    Ok(object.and_then(|object| object.peel_to_commit().ok()).map(|commit| commit.id))
}

/// The first parent of a commit.
pub(crate) fn first_parent(
    repository: &gix::Repository,
    commit: ObjectId,
) -> Result<Option<ObjectId>, Refused> {
    Ok(parents(repository, commit)?.first().copied())
}

/// The parents of a commit.
pub(crate) fn parents(repository: &gix::Repository, commit: ObjectId) -> Result<Vec<ObjectId>, Refused> {
    Ok(repository.find_commit(commit)?.parent_ids().map(gix::Id::detach).collect())
}

/// The short name of the branch that `HEAD` names, if it has a commit.
pub(crate) fn default_branch(repository: &gix::Repository) -> Result<Option<String>, Refused> {
    let head = repository.head()?;
    if head.is_unborn() {
        return Ok(None);
    }
    let name = head.referent_name().map(|name| name.as_bstr().to_string());
    Ok(name.map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned()))
}
