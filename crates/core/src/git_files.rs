//! Finds the files of a repository, and looks at those that gix reads when it opens one before it does: gix waits for ever at a
//! FIFO, and reads a file without end to its end.
//!
//! Included configuration files need no look: gix passes over those that are no files.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use gix::{
    bstr::{BStr, ByteSlice},
    config::Source,
};

use crate::{
    io_error::IoError,
    limits::{GIT_INDEX, GIT_PATH_FILE, PACKED_REFS, SMALL_FILE},
    small_file,
};

/// Looks at the configuration outside of repositories: the system's and the user's.
pub(crate) fn check_globals() -> Result<(), IoError> {
    [Source::System, Source::Git, Source::User]
        .into_iter()
        .filter_map(|source| source.storage_location(&mut gix::path::env::var))
        .try_for_each(|path| check(path, SMALL_FILE))
}

/// Looks at the files of a repository, whose linked work trees share the folder `common_dir`, and at those of refs with these
/// full names.
pub(crate) fn check_repository(git_dir: &Path, common_dir: &Path, refs: &[&str]) -> Result<(), IoError> {
    for name in ["HEAD", "commondir", "config.worktree", "gitdir"] {
        check(git_dir.join(name), SMALL_FILE)?;
    }
    check(git_dir.join("index"), GIT_INDEX)?;
    for name in ["config", "info/exclude", "info/attributes", "objects/info/alternates"] {
        check(common_dir.join(name), SMALL_FILE)?;
    }
    for name in ["packed-refs", "shallow"] {
        check(common_dir.join(name), PACKED_REFS)?;
    }
    let head = small_file::read(&git_dir.join("HEAD")).unwrap_or_default();
    let branch = head.strip_prefix(b"ref: ").and_then(|name| name.trim().to_str().ok());
    for name in refs.iter().copied().chain(branch) {
        check(git_dir.join(name), SMALL_FILE)?;
        check(common_dir.join(name), SMALL_FILE)?;
    }
    Ok(())
}

/// Looks at one file.
pub(crate) fn check(path: PathBuf, most: u64) -> Result<(), IoError> {
    small_file::probe(&path, most).map_err(|source| IoError { action: "read", path, source })
}

/// Reads the `info/exclude` of the repository whose work tree begins at `folder` of the project at `root`.
pub(crate) fn exclude(root: &Path, folder: &BStr) -> Option<Vec<u8>> {
    let path = common_dir(&git_dir(root, folder)?).join("info/exclude");
    small_file::read(&path).ok()
}

/// The repository whose work tree begins at `folder` of the project at `root`, whose own is the user's repository.
pub(crate) fn git_dir(root: &Path, folder: &BStr) -> Option<PathBuf> {
    if folder.is_empty() { None } else { git_dir_of(&root.join(OsStr::from_bytes(folder))) }
}

/// The folder `.git`, or the one that a file of that name leads to.
pub(crate) fn git_dir_of(folder: &Path) -> Option<PathBuf> {
    let dot_git = folder.join(".git");
    let git_dir = if is_file(&dot_git) {
        let text = read_start(&dot_git)?;
        folder.join(OsStr::from_bytes(text.strip_prefix(b"gitdir: ")?.trim_ascii_end()))
    } else {
        dot_git
    };
    git_dir.join("HEAD").symlink_metadata().ok()?;
    Some(git_dir)
}

/// The folder that a repository's linked work trees share.
pub(crate) fn common_dir(git_dir: &Path) -> PathBuf {
    match read_start(&git_dir.join("commondir")) {
        Some(text) => git_dir.join(OsStr::from_bytes(text.trim_ascii_end())),
        None => git_dir.to_owned(),
    }
}

/// Returns whether reading it comes to an end: a FIFO in somebody's repository would wait for ever.
pub(crate) fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
}

fn read_start(path: &Path) -> Option<Vec<u8>> {
    small_file::read_at_most(path, GIT_PATH_FILE).ok()
}
