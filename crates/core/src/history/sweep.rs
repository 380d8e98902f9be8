//! Sweeping what killed processes left among the objects: half-written objects, and packs that never came in whole.
//!
//! Unlike what lies in `azml/tmp` these have no lock that says whose they are. They are swept once nothing in them has
//! changed for so long that nobody can still be at work on them.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// Untouched for so long it is nobody's.
const ABANDONED: Duration = Duration::from_hours(1);
/// The prefixes of temporary files' and folders' names: those of objects and of packs that are coming in (also stock
/// Git's).
const PREFIXES: [&str; 3] = [".tmp", "tmp_obj", "tmp_pack"];

/// Removes what is abandoned at `now`, which is by the clock of the file system.
pub(super) fn sweep(objects: &Path, now: SystemTime) {
    for folder in [objects.to_owned(), objects.join("pack")] {
        let Ok(list) = std::fs::read_dir(&folder) else { continue };
        for entry in list.flatten() {
            let name = entry.file_name();
            let is_temporary =
                name.to_str().is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
            let path = entry.path();
            if is_temporary && is_abandoned(&path, now) {
                tracing::debug!(path = %path.display(), "removing what a killed process left");
                // What can't be removed now is swept another time.
                drop(std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path)));
            }
        }
    }
}

/// Returns whether neither it nor anything in it was touched lately.
fn is_abandoned(path: &Path, now: SystemTime) -> bool {
    let Ok(meta) = path.symlink_metadata() else { return false };
    let is_old = meta.modified().is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age >= ABANDONED));
    is_old
        && (!meta.is_dir()
            || std::fs::read_dir(path)
                .is_ok_and(|list| list.flatten().all(|entry| is_abandoned(&entry.path(), now))))
}
