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

/// New content.
pub(super) struct New {
    /// Its object's id, unless it was not read.
    pub(super) id: Option<ObjectId>,
    /// Bytes of it.
    pub(super) size: u64,
    /// It is a large file's.
    pub(super) is_large: bool,
}

/// Refuses what is over the limits. Called when the sizes of changed files are; `ask` says of each whether its content
/// is new, for what is stored already costs nothing.
pub(super) fn check(
    found: &ScanResult,
    pending: &[(usize, usize)],
    limits: &Limits,
    known: &dyn Known,
    mut ask: impl FnMut(&BStr, &Item) -> Result<Option<New>, Error>,
) -> Result<(), Error> {
    let (mut new, mut large): (Vec<NewFile>, Vec<NewFile>) = (Vec::new(), Vec::new());
    for (number, at) in pending {
        let node = &found.nodes[*number];
        let item = &node.items[*at];
        let path = node.path_of(item);
        if let Some(found) = ask(path.as_bstr(), item)? {
            let New { id, size, is_large } = found;
            if is_large { &mut large } else { &mut new }.push(NewFile { path, size, id });
        }
    }
    let of_large = Limits { file: u64::MAX, total: limits.large, ..*limits };
    let mut leave_out = leave_out::lines(&large, &of_large, known);
    leave_out.extend(leave_out::lines(&new, limits, known));
    let is_within = |files: &[NewFile], limits: &Limits| {
        leave_out::total(files) <= limits.total && files.iter().all(|file| file.size <= limits.file)
    };
    if is_within(&new, limits) && is_within(&large, &of_large) {
        return Ok(());
    }
    new.append(&mut large);
    let total = leave_out::total(&new);
    new.sort_unstable_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    new.truncate(NAMED);
    let largest = new.into_iter().map(|file| (file.path, file.size)).collect();
    Err(Error::TooLarge { total, largest, leave_out })
}
