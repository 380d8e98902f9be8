//! Sweeping what killed processes left among the objects: half-written objects, packs that never came in whole, large
//! files that were received in part, and azml's own small files before they got their names.
//!
//! Unlike what lies in `azml/tmp` these have no lock that says whose they are. They are swept once nothing in them has
//! changed for so long that nobody can still be at work on them.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// Untouched for so long it is nobody's.
const ABANDONED: Duration = Duration::from_hours(1);
/// Untouched for so long, a large file that was received in part is not asked for again.
const NOT_RESUMED: Duration = Duration::from_hours(7 * 24);
/// The prefixes of temporary files' and folders' names: those of objects and of packs that are coming in (also stock
/// Git's).
const PREFIXES: [&str; 3] = [".tmp", "tmp_obj", "tmp_pack"];

/// Removes what is abandoned in a repository's folder at `now`, which is by the clock of the file system.
pub(super) fn sweep(git_dir: &Path, now: SystemTime) {
    let is_temporary = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let objects = git_dir.join("objects");
    sweep_folder(&objects, now, ABANDONED, is_temporary);
    sweep_folder(&objects.join("pack"), now, ABANDONED, is_temporary);
    sweep_folder(&git_dir.join("azml"), now, ABANDONED, is_temporary);
    sweep_folder(&git_dir.join("lfs/incomplete"), now, NOT_RESUMED, |_| true);
}

/// Removes what a killed process has left in a folder of another repository that large files are written in.
pub fn sweep_large(folder: &Path, prefix: &str, now: SystemTime) {
    sweep_folder(folder, now, ABANDONED, |name| name.starts_with(prefix));
}

/// Removes what has such a name and was not touched for so long.
fn sweep_folder(folder: &Path, now: SystemTime, age: Duration, is_temporary: impl Fn(&str) -> bool) {
    let Ok(list) = std::fs::read_dir(folder) else { return };
    for entry in list.flatten() {
        let path = entry.path();
        if entry.file_name().to_str().is_some_and(&is_temporary) && is_untouched(&path, now, age) {
            tracing::debug!(path = %path.display(), "removing what a killed process left");
            // What can't be removed now is swept another time.
            drop(std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path)));
        }
    }
}

/// Returns whether neither it nor anything in it was touched for so long.
fn is_untouched(path: &Path, now: SystemTime, age: Duration) -> bool {
    let Ok(meta) = path.symlink_metadata() else { return false };
    let is_old = meta.modified().is_ok_and(|time| now.duration_since(time).is_ok_and(|past| past >= age));
    is_old
        && (!meta.is_dir()
            || std::fs::read_dir(path)
                .is_ok_and(|list| list.flatten().all(|entry| is_untouched(&entry.path(), now, age))))
}
