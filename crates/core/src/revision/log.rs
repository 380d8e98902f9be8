//! The snapshots that are here, newest first.

use gix::{ObjectId, revision::walk::Sorting, traverse::commit::simple::CommitTimeOrder};

use super::{Error, tags};
use crate::{history::HistoryRepo, refs};

/// One commit of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The commit.
    pub id: ObjectId,
    /// When it was made, in seconds since 1970.
    pub seconds: i64,
    /// The snapshots before it; none for the first one that is here.
    pub parents: Vec<ObjectId>,
}

impl Logged {
    /// Returns whether it only joins the histories of two computers: its files are its second parent's.
    pub fn is_join(&self) -> bool {
        self.parents.len() > 1
    }
}

/// The commits of the history branch, here and as the remote last had it, and those that have a tag.
pub fn log(history: &HistoryRepo) -> Result<Vec<Logged>, Error> {
    let git = history.git();
    let branch = history.history_ref();
    let mut tips: Vec<ObjectId> = history.tip()?.into_iter().collect();
    tips.extend(history.tracking_tip(branch.as_ref())?);
    tips.extend(tags(history)?.into_iter().map(|(_, id)| id));
    tips.extend(history.refs_below(refs::GIT_TAGS_PREFIX)?.into_iter().map(|(_, id)| id));
    tips.retain(|id| git.find_header(*id).is_ok_and(|header| header.kind() == gix::objs::Kind::Commit));
    let walk = git.rev_walk(tips).sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst));
    let mut found = Vec::new();
    for commit in walk.all().map_err(Error::Walk)? {
        let commit = commit.map_err(Error::Walk)?;
        let seconds = match commit.commit_time {
            Some(seconds) => seconds,
            None => commit.object().and_then(|commit| commit.time()).map_err(Error::Walk)?.seconds,
        };
        found.push(Logged { id: commit.id, seconds, parents: commit.parent_ids.to_vec() });
    }
    Ok(found)
}
