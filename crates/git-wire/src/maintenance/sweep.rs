//! Loose objects, and what killed processes have left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;

use crate::pack::OWN_FOLDER;

/// Older than that, an unfinished file belongs to nobody any more: no conversation lasts so long.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// About how many loose objects there are, from one of their 256 folders, as `git gc --auto` guesses.
pub(super) fn guess_loose(objects: &Path) -> usize {
    fs::read_dir(objects.join("17")).map_or(0, |entries| entries.count() * 256)
}

/// All loose objects, with their files.
pub(super) fn loose_objects(objects: &Path) -> io::Result<Vec<(ObjectId, PathBuf)>> {
    let mut found = Vec::new();
    for first in 0..=u8::MAX {
        let prefix = format!("{first:02x}");
        let entries = match fs::read_dir(objects.join(&prefix)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Ok(id) = ObjectId::from_hex(format!("{prefix}{name}").as_bytes()) {
                found.push((id, path));
            }
        }
    }
    Ok(found)
}

/// Removes what unfinished pushes, clones and maintenances of killed processes have left; how much that was.
///
/// How old something is, the file system says: it is compared with a file made now.
pub(super) fn leftovers(git_dir: &Path, objects: &Path) -> usize {
    let own = git_dir.join(OWN_FOLDER);
    let now = tempfile::NamedTempFile::new_in(&own)
        .and_then(|file| file.as_file().metadata())
        .and_then(|meta| meta.modified());
    let Ok(now) = now else { return 0 };
    let mut removed = 0;
    for (folder, prefixes) in [
        (objects.to_owned(), &["tmp_objdir-", "incoming-"][..]),
        (objects.join("pack"), &["tmp_"][..]),
        (own.join("finished"), &["tmp_"][..]),
        (own, &[".tmp"][..]),
    ] {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let is_unfinished = prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
            let age = || now.duration_since(entry.metadata().ok()?.modified().ok()?).ok();
            if is_unfinished && age().is_some_and(|age| age > ABANDONED_AFTER) {
                let path = entry.path();
                let outcome = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed += usize::from(outcome.is_ok());
            }
        }
    }
    removed
}
