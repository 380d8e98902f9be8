//! The guard against keeping large files for good by accident.

use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice},
};

use super::{
    Error, Limits,
    leave_out::{self, Known, NewFile},
    scan::{Item, ScanResult},
};

/// The number of the largest files that an error names.
const NAMED: usize = 10;

/// Refuses what is over the limits. Called when the sizes of changed files are; `ask` says of each whether its content
/// is new (its size, and its id unless it was not read), for what is stored already costs nothing.
pub(super) fn check(
    found: &ScanResult,
    pending: &[(usize, usize)],
    limits: &Limits,
    known: &dyn Known,
    mut ask: impl FnMut(&BStr, &Item) -> Result<Option<(Option<ObjectId>, u64)>, Error>,
) -> Result<(), Error> {
    let mut new: Vec<NewFile> = Vec::new();
    for (number, at) in pending {
        let node = &found.nodes[*number];
        let item = &node.items[*at];
        let path = node.path_of(item);
        if let Some((id, size)) = ask(path.as_bstr(), item)? {
            new.push(NewFile { path, size, id });
        }
    }
    let total = leave_out::total(&new);
    if total <= limits.total && new.iter().all(|file| file.size <= limits.file) {
        return Ok(());
    }
    let leave_out = leave_out::lines(&new, limits, known);
    new.sort_unstable_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    new.truncate(NAMED);
    let largest = new.into_iter().map(|file| (file.path, file.size)).collect();
    Err(Error::TooLarge { total, largest, leave_out })
}
