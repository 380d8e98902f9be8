//! The folders of repositories that a change creates and removes, which no transaction covers: undone when the change is dropped.
//!
//! A folder that has to go is first renamed to a name that nothing looks up; what a killed server leaves of these is
//! swept away by the next.

use std::io;
use std::path::{Path, PathBuf};

use super::StateError;

const TRASH: &str = "trash";

/// The folders of one change.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Made by the change.
    made: Vec<PathBuf>,
    /// Moved out of the way: from where, to where.
    moved: Vec<(PathBuf, PathBuf)>,
    /// To go with the commit.
    pub(super) discarded: Vec<PathBuf>,
}

impl Folders {
    /// Makes room for a new folder.
    pub(super) fn make_way(&mut self, path: &Path) -> Result<(), StateError> {
        if let Some(aside) = set_aside(path).map_err(super::io("move away", path))? {
            self.moved.push((path.to_owned(), aside));
        }
        self.made.push(path.to_owned());
        Ok(())
    }

    /// Makes it final; what is left to be removed.
    pub(super) fn keep(mut self) -> Vec<PathBuf> {
        let made = std::mem::take(&mut self.made);
        let mut trash: Vec<_> = std::mem::take(&mut self.moved).into_iter().map(|(_, aside)| aside).collect();
        for path in self.discarded.iter().filter(|path| !made.contains(path)) {
            match set_aside(path) {
                Ok(aside) => trash.extend(aside),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a deleted repository's folder stays");
                }
            }
        }
        trash
    }
}

/// Without [`Folders::keep`], all is as it was.
impl Drop for Folders {
    fn drop(&mut self) {
        for path in &self.made {
            remove(path);
        }
        for (path, aside) in &self.moved {
            if let Err(error) = std::fs::rename(aside, path) {
                tracing::error!(path = %path.display(), %error, "a repository's folder cannot be moved back");
            }
        }
    }
}

/// Removes a folder; failing to is not worth failing for.
pub(super) fn remove(path: &Path) {
    match std::fs::remove_dir_all(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "a folder stays behind"),
    }
}

/// Removes what a killed server left behind.
pub(super) fn sweep(repos: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(repos)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == TRASH) {
            remove(&path);
        }
    }
    Ok(())
}

/// Renames a folder to a name that nothing looks up; its new name, if it was there.
fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    let aside = path.with_extension(format!("{:016x}.{TRASH}", u64::from_be_bytes(crate::clock::random())));
    match std::fs::rename(path, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
