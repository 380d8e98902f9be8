//! Walks through commits: those that a client's criteria select, and the last one that changed a path.

use git_wire::history::{LogOptions, PathQuery};
use gix::ObjectId;
use gix::bstr::BStr;
use gix::objs::tree::{EntryKind, EntryMode};
use jiff::Timestamp;

use super::commit_text::{AskedName, decode, encoding_of};
use super::context::RepoContext;
use super::refused::Refused;

/// Selects commits of a walk.
#[derive(Debug, Default)]
pub(crate) struct Criteria {
    /// A part of the author's `NAME <EMAIL>`, in lower case.
    pub(crate) author: Option<String>,
    /// The same of the committer.
    pub(crate) committer: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    /// Without a slash at the beginning.
    pub(crate) path: Option<String>,
    /// Leaves out the commits that delete the path.
    pub(crate) without_deletes: bool,
}

impl Criteria {
    fn is_about_people_or_time(&self) -> bool {
        self.author.is_some() || self.committer.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// Returns whether a commit that changed the path is wanted. It is read only where that is needed.
    fn wants(&self, repository: &gix::Repository, id: ObjectId) -> Result<bool, Refused> {
        if self.is_about_people_or_time() {
            let commit = repository.find_commit(id)?;
            let (author, committer) = (commit.author()?, commit.committer()?);
            let encoding = encoding_of(&commit);
            let is = |wanted: &Option<String>, signature: gix::actor::SignatureRef<'_>| {
                wanted.as_ref().is_none_or(|wanted| {
                    let (name, email) = (decode(signature.name, encoding), decode(signature.email, encoding));
                    let whole = format!("{name} <{email}>").to_lowercase();
                    whole.contains(wanted.as_str())
                })
            };
            let time = time_of(author);
            if !is(&self.author, author)
                || !is(&self.committer, committer)
                || self.from.is_some_and(|from| time < from)
                || self.to.is_some_and(|to| time > to)
            {
                return Ok(false);
            }
        }
        match &self.path {
            Some(path) if self.without_deletes => Ok(entry_at(repository, id, path)?.is_some()),
            _ => Ok(true),
        }
    }
}

/// The commits of a walk that meet the criteria, newest first or, if `is_reversed`, oldest first.
pub(crate) fn search(
    ctx: &RepoContext,
    repository: &gix::Repository,
    options: LogOptions,
    criteria: &Criteria,
    is_reversed: bool,
    (skip, top): (usize, usize),
) -> Result<Vec<ObjectId>, Refused> {
    let path = criteria.path.as_deref().and_then(|path| PathQuery::new(path.into()));
    let options = LogOptions { path, ..options };
    let (skip_now, top_now) = if is_reversed { (0, usize::MAX) } else { (skip, top) };
    let mut found = ctx.log(repository, options, skip_now, top_now, |id| criteria.wants(repository, id))?;
    if is_reversed {
        found.reverse();
        found = found.into_iter().skip(skip).take(top).collect();
    }
    Ok(found)
}

/// The entry at a path, as a client asks for it, in a commit's tree.
pub(crate) fn entry_at(
    repository: &gix::Repository,
    commit: ObjectId,
    path: &str,
) -> Result<Option<(EntryMode, ObjectId)>, Refused> {
    let segments = path.split('/').filter(|part| !part.is_empty());
    entry_below(repository, commit, segments.map(AskedName))
}

/// The entry that these names lead to in a commit's tree; without names, the tree itself.
pub(crate) fn entry_below<N>(
    repository: &gix::Repository,
    commit: ObjectId,
    names: impl IntoIterator<Item = N>,
) -> Result<Option<(EntryMode, ObjectId)>, Refused>
where
    N: PartialEq<BStr>,
{
    let mut names = names.into_iter().peekable();
    let commit = repository.find_commit(commit)?;
    if names.peek().is_none() {
        return Ok(Some((EntryKind::Tree.into(), commit.tree_id()?.detach())));
    }
    let found = commit.tree()?.lookup_entry(names)?;
    Ok(found.map(|entry| (entry.mode(), entry.object_id())))
}

/// The commit that changed a path last, from `tip` back.
pub(crate) fn latest_change(
    ctx: &RepoContext,
    repository: &gix::Repository,
    tip: ObjectId,
    path: &str,
) -> Result<Option<ObjectId>, Refused> {
    let path = PathQuery::new(path.into());
    let options = LogOptions { tips: vec![tip], path, ..LogOptions::default() };
    Ok(ctx.log(repository, options, 0, 1, |_| Ok(true))?.pop())
}

/// The time at which somebody signed.
pub(crate) fn time_of(signature: gix::actor::SignatureRef<'_>) -> Timestamp {
    let seconds = signature.time().map_or(0, |time| time.seconds);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
