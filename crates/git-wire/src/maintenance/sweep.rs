//! Loose objects, and what killed processes have left.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;

use crate::pack::{OWN_FOLDER, QUARANTINE_LOCK};

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

/// Removes what unfinished pushes, clones and maintenances of killed processes have left; returns how much that was.
///
/// It is safe beside living processes: a quarantine of this crate is locked by the process that fills it, and all else
/// goes by its age, which is compared with that of a file made now.
pub(super) fn leftovers(git_dir: &Path, objects: &Path) -> usize {
    let mut removed = 0;
    let mut unfinished = Vec::new();
    for path in named(objects, &["tmp_objdir-", "incoming-"]) {
        match is_held(&path) {
            Some(false) => removed += usize::from(fs::remove_dir_all(&path).is_ok()),
            Some(true) => {}
            None => unfinished.push(path),
        }
    }
    let own = git_dir.join(OWN_FOLDER);
    for (folder, prefixes) in [
        (objects.join("pack"), &["tmp_"][..]),
        (objects.join("info"), &[".tmp"][..]),
        (own.join("finished"), &["tmp_"][..]),
        (own, &[".tmp"][..]),
    ] {
        unfinished.extend(named(&folder, prefixes));
    }
    for folder in folders(objects).filter(|folder| folder.file_name().is_some_and(|name| name.len() == 2)) {
        unfinished.extend(named(&folder, &["tmp_obj_"]));
    }
    unfinished.extend(locks(git_dir));
    if unfinished.is_empty() {
        return removed;
    }
    let now = tempfile::NamedTempFile::new_in(objects)
        .and_then(|file| file.as_file().metadata())
        .and_then(|meta| meta.modified());
    let Ok(now) = now else { return removed };
    for path in unfinished {
        let age = || now.duration_since(path.symlink_metadata().ok()?.modified().ok()?).ok();
        if age().is_some_and(|age| age > ABANDONED_AFTER) {
            let outcome = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed += usize::from(outcome.is_ok());
        }
    }
    removed
}

/// True if a living process holds the quarantine, false if a dead one did; `None` if it says nothing of who holds it, as
/// stock git's.
fn is_held(quarantine: &Path) -> Option<bool> {
    let lock = File::open(quarantine.join(QUARANTINE_LOCK)).ok()?;
    Some(lock.try_lock().is_err())
}

/// The entries of `folder` whose names begin with one of `prefixes`.
fn named(folder: &Path, prefixes: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| {
            let name = entry.file_name();
            prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
        })
        .map(|entry| entry.path())
        .collect()
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// The lock files of refs and of the configuration.
fn locks(git_dir: &Path) -> Vec<PathBuf> {
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    let mut found: Vec<PathBuf> = named(git_dir, &[""]).into_iter().filter(is_lock).collect();
    let mut pending = vec![git_dir.join("refs")];
    while let Some(folder) = pending.pop() {
        found.extend(named(&folder, &[""]).into_iter().filter(is_lock));
        pending.extend(folders(&folder));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{IngestOptions, ingest};

    fn age(path: &Path, hours: u64) {
        let file = File::open(path).unwrap();
        let then = file.metadata().unwrap().modified().unwrap() - Duration::from_hours(hours);
        file.set_modified(then).unwrap();
    }

    #[test]
    fn what_killed_processes_have_left_goes_and_what_living_ones_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repo.git");
        let repository = crate::Repository::init_bare(&path, "main").unwrap();
        let objects = path.join("objects");
        fs::create_dir_all(objects.join("ab")).unwrap();
        fs::create_dir_all(path.join("git-wire/finished")).unwrap();
        fs::create_dir_all(path.join("refs/heads/deep")).unwrap();

        // A push of this process, still under way.
        let pack = b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
        let living =
            ingest(&repository.to_gix(), &mut &pack[..], &IngestOptions::default(), &mut |_| {}).unwrap();
        // One of a killed process: the lock is there, and nobody holds it.
        let killed = objects.join("tmp_objdir-incoming-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(QUARANTINE_LOCK), b"").unwrap();
        // Stock git's, and files of which only the age tells.
        let by_age = [
            "objects/tmp_objdir-incoming-git",
            "objects/pack/tmp_pack_x",
            "objects/ab/tmp_obj_x",
            "git-wire/finished/tmp_x",
            "refs/heads/deep/main.lock",
            "packed-refs.lock",
        ];
        for name in by_age {
            fs::write(path.join(name), b"").unwrap();
        }
        fs::write(objects.join("ab/cdef"), b"").unwrap();
        fs::write(path.join("refs/heads/deep/main"), b"").unwrap();
        for kept in ["objects/ab/cdef", "refs/heads/deep/main"] {
            age(&path.join(kept), 100);
        }

        assert_eq!(leftovers(&path, &objects), 1);
        assert!(!killed.exists());
        for name in by_age {
            assert!(path.join(name).exists(), "{name} may be in use");
            age(&path.join(name), 25);
        }
        assert_eq!(leftovers(&path, &objects), by_age.len());
        for name in by_age {
            assert!(!path.join(name).exists(), "{name}");
        }
        assert!(objects.join("ab/cdef").exists() && path.join("refs/heads/deep/main").exists());
        assert_eq!(named(&objects, &["tmp_objdir-"]).len(), 1, "the living one");
        drop(living);
        assert_eq!(named(&objects, &["tmp_objdir-"]).len(), 0);
    }
}
