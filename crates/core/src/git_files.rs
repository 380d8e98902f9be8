//! Looks at the files that gix reads when it opens a repository, before it does: gix waits for ever at a FIFO, and reads a file
//! without end to its end.
//!
//! Included configuration files need no look: gix passes over those that are no files.

use std::{
    io,
    path::{Path, PathBuf},
};

use gix::{bstr::ByteSlice, config::Source};

use crate::{
    limits::{GIT_INDEX, PACKED_REFS, SMALL_FILE},
    small_file,
};

/// A file that gix can't be given.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The reason why it is refused.
    pub(crate) source: io::Error,
}

/// Looks at the configuration outside of repositories: the system's and the user's.
pub(crate) fn check_globals() -> Result<(), Refused> {
    [Source::System, Source::Git, Source::User]
        .into_iter()
        .filter_map(|source| source.storage_location(&mut gix::path::env::var))
        .try_for_each(|path| check(path, SMALL_FILE))
}

/// Looks at the files of a repository, whose linked work trees share the folder `common_dir`, and at those of refs with these
/// full names.
pub(crate) fn check_repository(git_dir: &Path, common_dir: &Path, refs: &[&str]) -> Result<(), Refused> {
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
pub(crate) fn check(path: PathBuf, most: u64) -> Result<(), Refused> {
    small_file::probe(&path, most).map_err(|source| Refused { path, source })
}
