//! Files that the snapshot to restore would have left out: they are left alone.
//!
//! The ignore files themselves are part of a snapshot. A file that today's rules take in and the
//! target's leave out (being ignored, or a secret that no line takes back) is, in the folder that the
//! restore makes, a left-out file like any other.

use gix::ObjectId;

use super::{
    Change, Error,
    tree_rules::{TreeRules, blob},
};
use crate::{history::HistoryRepo, ignore::Verdict, secret};

/// Takes out of `changes` the removal of files that the rules of the target ignore.
///
/// Files that the restore being undone had made (`since`) are removed all the same.
pub(super) fn keep_what_the_target_ignores(
    history: &HistoryRepo,
    rules: &mut TreeRules<'_>,
    since: Option<ObjectId>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let mut kept = Vec::new();
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let path = change.path.as_ref();
        let left_out = match rules.verdict(path, false)? {
            Verdict::ForceIncluded => false,
            Verdict::Included => secret::of_name(path).is_some(),
            Verdict::Excluded => !rules.is_tracked(path, false) || secret::of_name(path).is_some(),
        };
        let had = |since| blob(history.git(), since, path).map(|found| found.is_some());
        if left_out && !since.map_or(Ok(false), had)? {
            kept.push(change.path.clone());
        }
    }
    changes.retain(|change| kept.binary_search(&change.path).is_err());
    Ok(())
}
