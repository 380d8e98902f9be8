//! Joining two lines of snapshots that grew apart, without ever changing a commit's id.
//!
//! Somebody else pushed first: their tip and ours are both kept, by one commit whose parents are
//! theirs and ours, in this order, and whose tree is ours. Along first parents it reads as "our work
//! put on top of theirs", and a push of it is a fast-forward for the remote.
//!
//! Works with histories of which only the newest commits are here.

use gix::{
    ObjectId, Repository, actor, bstr::BStr, revision::walk::Sorting,
    traverse::commit::simple::CommitTimeOrder,
};

use crate::large::{TRAILER, Tree};

/// The result of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// Ours has theirs in it already; the tip stays ours.
    Ours(ObjectId),
    /// Theirs has ours in it already; the tip is theirs, nothing was written.
    Theirs(ObjectId),
    /// A commit that joins both was written.
    Both(ObjectId),
}

impl Joined {
    /// The commit that has everything.
    pub fn tip(self) -> ObjectId {
        match self {
            Self::Ours(id) | Self::Theirs(id) | Self::Both(id) => id,
        }
    }
}

/// Why two tips could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The history could not be read.
    #[error("can't find out whether {tip} has {other} in it")]
    Walk {
        /// The commit where the walk started.
        tip: ObjectId,
        /// The commit it looked for.
        other: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// One of the tips can't be read.
    #[error("can't read commit {commit}")]
    Read {
        /// The commit.
        commit: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// The joining commit could not be written.
    #[error("can't write the commit that joins {ours} with {theirs}")]
    Write {
        /// Our tip.
        ours: ObjectId,
        /// Their tip.
        theirs: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
}

/// Joins `ours` with `theirs`, both of which must be here. Moves no ref.
pub fn join(
    repo: &Repository,
    ours: ObjectId,
    theirs: ObjectId,
    by: &actor::Signature,
) -> Result<Joined, Error> {
    if contains(repo, ours, theirs)? {
        return Ok(Joined::Ours(ours));
    }
    if contains(repo, theirs, ours)? {
        return Ok(Joined::Theirs(theirs));
    }
    let read = |source| Error::Read { commit: ours, source };
    let tree = Tree::of_commit(repo, ours).map_err(read)?;
    let trailer = if tree.has_large { format!("\n{TRAILER}\n") } else { String::new() };
    let message = format!("Join run histories of two computers\n{trailer}");
    let joined = write_commit(repo, tree.id, &[theirs, ours], by, message.as_str().into())
        .map_err(|source| Error::Write { ours, theirs, source })?;
    Ok(Joined::Both(joined))
}

/// The most parents of a commit that [`join_all`] writes beside the first.
const JOINED_AT_ONCE: usize = 50;
/// Seconds by which the clocks of computers may differ before [`join_all`] joins again what was joined already.
const CLOCK_DIFFERENCE: i64 = 24 * 60 * 60;

/// Joins `ours` with many tips, all of which must be here; gives the new tip, which is `ours` if it has them all. The first parent
/// is ours each time, and so is the tree. Moves no ref.
///
/// Of `ours` only the commits since the oldest of the tips are looked at: joining a tip again does no harm.
pub fn join_all(
    repo: &Repository,
    ours: Option<ObjectId>,
    theirs: &[ObjectId],
    by: &actor::Signature,
) -> Result<Option<ObjectId>, Error> {
    let mut new: Vec<ObjectId> = Vec::new();
    for their in theirs {
        if !new.contains(their) {
            new.push(*their);
        }
    }
    let Some(ours) = ours.or_else(|| new.first().copied()) else { return Ok(None) };
    without_known(repo, ours, &mut new)?;
    let mut tip = ours;
    let read = |source| Error::Read { commit: ours, source };
    for some in new.chunks(JOINED_AT_ONCE) {
        let tree = Tree::of_commit(repo, tip).map_err(read)?;
        let trailer = if tree.has_large { format!("\n{TRAILER}\n") } else { String::new() };
        let message = format!("Join what {} runs elsewhere left\n{trailer}", some.len());
        let parents: Vec<ObjectId> = std::iter::once(tip).chain(some.iter().copied()).collect();
        tip = write_commit(repo, tree.id, &parents, by, message.as_str().into())
            .map_err(|source| Error::Write { ours: tip, theirs: some[0], source })?;
    }
    Ok(Some(tip))
}

/// Removes the tips that `ours` has among its newer commits.
fn without_known(repo: &Repository, ours: ObjectId, tips: &mut Vec<ObjectId>) -> Result<(), Error> {
    let mut since = i64::MAX;
    for tip in tips.iter() {
        let found = repo.find_commit(*tip).and_then(|commit| commit.time());
        since = since.min(found.map_err(|source| Error::Read { commit: *tip, source })?.seconds);
    }
    let failed = |source: gix::Error| Error::Walk { tip: ours, other: ours, source };
    let since = since.saturating_sub(CLOCK_DIFFERENCE);
    let sorting = Sorting::ByCommitTimeCutoff { order: CommitTimeOrder::NewestFirst, seconds: since };
    for found in repo.rev_walk([ours]).sorting(sorting).all().map_err(failed)? {
        if tips.is_empty() {
            break;
        }
        let id = found.map_err(failed)?.id;
        tips.retain(|tip| *tip != id);
    }
    Ok(())
}

/// Returns whether `other` is `tip` or one of its ancestors, as far as the history is here.
pub fn contains(repo: &Repository, tip: ObjectId, other: ObjectId) -> Result<bool, Error> {
    if tip == other {
        return Ok(true);
    }
    if !repo.has_object(other) {
        return Ok(false);
    }
    let base = repo.merge_base(tip, other).map_err(|source| Error::Walk { tip, other, source })?;
    Ok(base.is_some_and(|base| base == other))
}

/// The tree of `commit`.
pub(crate) fn tree_of(repo: &Repository, commit: ObjectId) -> Result<ObjectId, Error> {
    let tree = repo.find_commit(commit).and_then(|c| c.tree_id());
    tree.map(gix::Id::detach).map_err(|source| Error::Read { commit, source })
}

/// Writes a commit; moves no ref.
pub(crate) fn write_commit(
    repo: &Repository,
    tree: ObjectId,
    parents: &[ObjectId],
    by: &actor::Signature,
    message: &BStr,
) -> Result<ObjectId, gix::Error> {
    let commit = gix::objs::Commit {
        tree,
        parents: parents.iter().copied().collect(),
        author: by.clone(),
        committer: by.clone(),
        encoding: None,
        message: message.to_owned(),
        extra_headers: Vec::new(),
    };
    repo.write_object(&commit).map(gix::Id::detach)
}

#[cfg(test)]
mod tests;
