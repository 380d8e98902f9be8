//! The guard against keeping large files for good by accident.

use std::collections::HashSet;

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
};

use super::{
    Error, Limits,
    scan::{Item, ScanResult},
};
use crate::ignore;

/// The number of the largest files that an error names.
const NAMED: usize = 10;

/// Refuses what is over the limits. Called when the sizes of changed files are; `ask` says of each whether its content
/// is new (its size, and its id unless it was not read), for what is stored already costs nothing.
pub(super) fn check(
    found: &ScanResult,
    pending: &[(usize, usize)],
    limits: &Limits,
    mut ask: impl FnMut(&BStr, &Item) -> Result<Option<(Option<ObjectId>, u64)>, Error>,
) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut total = 0u64;
    let mut new: Vec<(BString, u64)> = Vec::new();
    for (number, at) in pending {
        let node = &found.nodes[*number];
        let item = &node.items[*at];
        let path = node.path_of(item);
        let Some((id, size)) = ask(path.as_bstr(), item)? else { continue };
        if id.is_none_or(|id| seen.insert(id)) {
            total = total.saturating_add(size);
        }
        new.push((path, size));
    }
    new.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let over = new.iter().take_while(|(_, size)| *size > limits.file).count();
    if over == 0 && total <= limits.total {
        return Ok(());
    }
    // The fewest of the largest files whose leaving out brings the rest below the limits.
    let mut rest = total;
    let mut lines = Vec::new();
    for (path, size) in &new {
        if *size <= limits.file && rest <= limits.total {
            break;
        }
        rest = rest.saturating_sub(*size);
        lines.push(ignore::line_for(path.as_bstr()));
    }
    new.truncate(NAMED);
    Err(Error::TooLarge { total, largest: new, ignore_lines: lines })
}
