//! Writing a snapshot's tree into an empty folder: run folders and clones.
//!
//! Guarantees: nothing is written before every path of the tree is known to be safe ([`path`]);
//! nothing is ever written through a symbolic link (they are made last, after every file) and no
//! file that exists is overwritten; files get the mode bits Git knows (executable or not) and no
//! others. Contents are written in parallel, large ones piece by piece.

pub mod difference;
pub mod extent;
pub mod listing;
pub mod path;
mod stream;
mod write;

use std::{fmt, io, path::PathBuf};

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
};

use self::listing::Entry;
use crate::{
    io_error::IoError,
    large::{Oid, Pointer, Store},
    limits::{DEPTH, TREE_ENTRIES, TREE_PATHS},
};

pub use self::write::{Written, add, checkout, checkout_what_is_here, copy};
pub(crate) use self::write::{in_parallel, write_new};

/// Why a tree could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object can't be read.
    #[error("can't read object {id}")]
    Read {
        /// The object.
        id: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// A path of the tree could leave the folder or reach into a repository.
    #[error("the snapshot's path `{path}` is refused: {why}")]
    UnsafePath {
        /// The path.
        path: BString,
        /// The reason.
        why: path::Unsafe,
    },
    /// Two entries of one folder have one name.
    #[error("the snapshot has two entries at `{path}`")]
    TwoAtOnePath {
        /// The path.
        path: BString,
    },
    /// More files than any project has.
    #[error(
        "tree {tree} has more than {TREE_ENTRIES} files and folders, or more than {} MB of paths",
        TREE_PATHS >> 20
    )]
    TooManyFiles {
        /// The tree.
        tree: ObjectId,
    },
    /// Folders in each other, more than a path can have.
    #[error("tree {tree} has more than {DEPTH} folders in each other")]
    TooDeep {
        /// The tree.
        tree: ObjectId,
    },
    /// The bytes of large files are not on this computer. Nothing was written.
    #[error("{0}")]
    LargeMissing(LargeMissing),
    /// The bytes of a large file can't be read.
    #[error("can't read the large file {oid}")]
    Large {
        /// Its id.
        oid: Oid,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The folder to write into has something in it.
    #[error("{} is not an empty folder", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Large files whose bytes are not on this computer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LargeMissing {
    /// Their paths and pointers.
    pub files: Vec<(BString, Pointer)>,
}

impl fmt::Display for LargeMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.files.iter().fold(0_u64, |sum, (_, pointer)| sum.saturating_add(pointer.size));
        let first = self.files.first().map_or(BStr::new(b""), |(path, _)| path.as_bstr());
        write!(
            f,
            "{} large file(s) with {bytes} bytes are not on this computer, first `{first}`",
            self.files.len()
        )
    }
}

/// Returns those of the entries whose bytes are not in the repository's store of large files.
pub fn missing_large<'e>(
    repo: &Repository,
    entries: impl IntoIterator<Item = (&'e BStr, Entry)>,
) -> Result<LargeMissing, Error> {
    let store = Store::of(repo);
    let mut files = Vec::new();
    for (path, entry) in entries.into_iter().filter(|(_, entry)| entry.is_large) {
        files.extend(
            entry
                .pointer(repo)?
                .filter(|pointer| !store.has(pointer))
                .map(|pointer| (path.to_owned(), pointer)),
        );
    }
    Ok(LargeMissing { files })
}

#[cfg(test)]
mod tests;
