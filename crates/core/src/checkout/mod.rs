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

use std::path::PathBuf;

use gix::{ObjectId, bstr::BString};

use crate::{
    io_error::IoError,
    limits::{DEPTH, TREE_ENTRIES, TREE_PATHS},
};

pub use self::write::{Written, add, checkout, copy_blob};
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

#[cfg(test)]
mod tests;
