//! Lock files of refs that their process has left behind: one that was killed between making and moving it.
//!
//! Git's lock files say nothing of who holds them. A living process holds one for as long as a file takes to be written;
//! a lock that is the same file after several whole waits is taken for a dead one's and removed. Were its process alive
//! after all, its own move of the file would fail, and its change with it: no update is lost silently.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gix::refs::transaction::RefEdit;

/// The lock files in the way of some edits, as they were when they were first met.
pub(super) struct Locks(Vec<(PathBuf, Seen)>);

/// The stat data that tells one file from a later one in its place.
#[derive(PartialEq, Eq)]
struct Seen {
    changed: Option<std::time::SystemTime>,
    length: u64,
    inode: u64,
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        Self { changed: meta.modified().ok(), length: meta.len(), inode: meta.ino() }
    }
}

impl Locks {
    /// Those that are there now.
    pub(super) fn of(git_dir: &Path, edits: &[RefEdit]) -> Self {
        let refs = edits.iter().map(|edit| git_dir.join(format!("{}.lock", edit.name.as_bstr())));
        let all = refs.chain([git_dir.join("packed-refs.lock")]);
        Self(
            all.filter_map(|path| path.symlink_metadata().ok().map(|meta| (path, Seen::of(&meta)))).collect(),
        )
    }

    /// Removes those that are still the same files; whether there was any.
    pub(super) fn break_unchanged(&self) -> bool {
        let mut any = false;
        for (path, seen) in &self.0 {
            let is_same = path.symlink_metadata().is_ok_and(|meta| Seen::of(&meta) == *seen);
            if is_same && std::fs::remove_file(path).is_ok() {
                tracing::warn!(path = %path.display(), "removed the lock file of a process that is gone");
                any = true;
            }
        }
        any
    }
}
