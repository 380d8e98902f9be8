//! Are the bytes of large files here, and whole?

use std::collections::{BTreeMap, HashSet};

use super::{Error, Outcome, Report, damaged::set_aside, places::mended};
use crate::{
    history::HistoryRepo,
    io_error::IoError,
    large::{Oid, Pointer},
    parallel,
};

/// The most threads that hash: the disk serves no more.
const THREADS: usize = 8;

/// Hashes every large file that is here, and names those that snapshots need and that are neither here nor, as far as is
/// known, at the remote; `needed` says by id how many bytes it has, and which commit needs it.
pub(super) fn check(
    history: &HistoryRepo,
    needed: BTreeMap<Oid, (u64, String)>,
    mend: bool,
    report: &mut Report,
) -> Result<(), Error> {
    let store = history.large_files();
    let here = store.all().map_err(IoError::of("list", store.folder()))?;
    report.large = here.len();
    let is_damaged = |pointer: &&Pointer| {
        let known = needed.get(&pointer.oid).is_none_or(|(size, _)| *size == pointer.size);
        !known || !store.is_whole(pointer).unwrap_or(false)
    };
    let shares = parallel::map_shares(&here, parallel::threads(THREADS), |share| {
        share.iter().filter(is_damaged).copied().collect::<Vec<_>>()
    });
    for pointer in shares.into_iter().flatten() {
        if mend {
            set_aside(&history.own_folder(), &store.path(&pointer.oid))?;
        }
        report.add(
            format!("large file {}", pointer.oid),
            "its content has another hash",
            mended(mend, "moved to azml/damaged"),
        );
        if let (false, Some((size, _))) = (mend, needed.get(&pointer.oid)) {
            report.large_missing.push(Pointer { oid: pointer.oid, size: *size });
        }
    }
    let unpushed: HashSet<Oid> = history.large_unpushed()?.into_iter().map(|pointer| pointer.oid).collect();
    let has_remote = history.remote_url()?.is_some();
    for (oid, (size, needed_by)) in needed {
        let pointer = Pointer { oid, size };
        if store.path(&oid).exists() {
            continue;
        }
        // It comes when a restore needs it.
        if has_remote && !unpushed.contains(&oid) {
            report.large_elsewhere += 1;
            continue;
        }
        report.add(
            format!("large file {oid} of {size} bytes"),
            format!("missing, and needed by {needed_by}"),
            Outcome::Left("it may be at the remote, or in the project folder".to_owned()),
        );
        report.large_missing.push(pointer);
    }
    Ok(())
}
