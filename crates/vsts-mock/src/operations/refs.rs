//! Refs: listed, peeled and locked.

use gix::ObjectId;
use gix::bstr::BString;
use jiff::Timestamp;
use uuid::Uuid;

use super::context::RepoContext;
use super::refused::Refused;
use super::work::Work;
use crate::access::authorize_lock;
use crate::directory::Repo;
use crate::state::State;

/// A branch or a tag by its short name, with the commit that it leads to.
#[derive(Clone, Debug)]
pub(crate) struct NamedCommit {
    pub(crate) name: BString,
    pub(crate) commit: ObjectId,
}

/// The branches, by name.
pub(crate) fn branches(repository: &gix::Repository, work: &Work) -> Result<Vec<NamedCommit>, Refused> {
    let mut all = Vec::new();
    for reference in repository.references()?.local_branches()?.flatten() {
        work.check()?;
        if let Some(id) = reference.try_id() {
            all.push(NamedCommit { name: reference.name().shorten().to_owned(), commit: id.detach() });
        }
    }
    Ok(all)
}

/// The branch that `HEAD` names, if it has a commit.
pub(crate) fn head(repository: &gix::Repository) -> Result<Option<NamedCommit>, Refused> {
    let head = repository.head()?;
    let (Some(name), Some(id)) = (head.referent_name(), head.id()) else { return Ok(None) };
    Ok(Some(NamedCommit { name: name.shorten().to_owned(), commit: id.detach() }))
}

/// The first `most` branches by name, each with the time of its commit. What can't be read is passed over.
pub(crate) fn branch_times(state: &State, repo: &Repo, most: usize) -> Vec<(BString, Option<Timestamp>)> {
    let Ok(opened) = state.open_repo(repo) else { return Vec::new() };
    let repository = opened.read();
    let time = |id: ObjectId| {
        let seconds = repository.find_commit(id).ok()?.time().ok()?.seconds;
        Timestamp::from_second(seconds).ok()
    };
    let Ok(references) = repository.references() else { return Vec::new() };
    let Ok(branches) = references.local_branches() else { return Vec::new() };
    let named = branches.flatten().take(most).map(|reference| {
        let id = reference.try_id().map(gix::Id::detach);
        (reference.name().shorten().to_owned(), id.and_then(time))
    });
    named.collect()
}

/// The tags that lead to a commit, by name.
pub(crate) fn tags(repository: &gix::Repository, work: &Work) -> Result<Vec<NamedCommit>, Refused> {
    let mut all = Vec::new();
    for mut reference in repository.references()?.tags()?.flatten() {
        work.check()?;
        let name = reference.name().shorten().to_owned();
        let Ok(id) = reference.peel_to_id() else { continue };
        if repository.find_header(id).is_ok_and(|header| header.kind() == gix::objs::Kind::Commit) {
            all.push(NamedCommit { name, commit: id.detach() });
        }
    }
    Ok(all)
}

/// The refs whose full names begin with `prefix`, which begins with `refs/`, by name; with `contains`, those alone whose
/// names contain it, in lower case, after `refs/`.
pub(crate) fn list(
    repository: &gix::Repository,
    prefix: &str,
    contains: Option<&str>,
) -> Result<Vec<(String, ObjectId)>, Refused> {
    // A prefix that cannot begin a name may still be a folder's name and more, of which there is nothing then.
    let folder = &prefix[..=prefix.rfind('/').unwrap_or(prefix.len() - 1)];
    let references = repository.references()?;
    let all = references.prefixed(prefix.as_bytes()).or_else(|_| references.prefixed(folder.as_bytes()));
    // A folder that cannot be one has nothing in it.
    let Ok(all) = all else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for reference in all.flatten() {
        let name = String::from_utf8_lossy(reference.name().as_bstr()).into_owned();
        let Some(id) = reference.try_id().map(gix::Id::detach) else { continue };
        let is_wanted = name.starts_with(prefix)
            && contains.is_none_or(|text| name["refs/".len()..].to_lowercase().contains(text));
        if is_wanted {
            found.push((name, id));
        }
    }
    found.sort();
    Ok(found)
}

/// The object that an annotated tag points to in the end; `None` for other objects.
pub(crate) fn peeled(repository: &gix::Repository, id: ObjectId) -> Result<Option<ObjectId>, Refused> {
    let Some(object) = repository.try_find_object(id)? else { return Ok(None) };
    if object.kind != gix::objs::Kind::Tag {
        return Ok(None);
    }
    Ok(object.peel_tags_to_end().ok().map(|object| object.id))
}

/// Locks a ref for the principal, or unlocks it. Gives the ref's id, and the user that has locked it now. Blocks.
pub(crate) fn set_lock(
    ctx: &RepoContext,
    name: &str,
    is_locked: bool,
) -> Result<(ObjectId, Option<Uuid>), Refused> {
    let repository = ctx.open()?;
    let found = repository.try_find_reference(name).ok().flatten();
    let id = found.and_then(|reference| reference.try_id().map(gix::Id::detach));
    let id = id.ok_or_else(|| Refused::NoRef { name: name.to_owned() })?;
    let user = ctx.principal.user.unwrap_or_default();
    ctx.runtime.block_on(async {
        let mut change = ctx.app.state.change().await;
        authorize_lock(&change.directory, &ctx.principal, &ctx.repo, name)?;
        let by = is_locked.then(|| change.directory.lock_of(ctx.repo.id, name).unwrap_or(user));
        change.lock_ref(ctx.repo.id, name, by);
        change.commit().await?;
        Ok((id, by))
    })
}
