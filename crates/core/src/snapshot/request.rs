//! Requests for snapshots, and their results.

use std::path::PathBuf;

use gix::{ObjectId, bstr::BString};
use jiff::Timestamp;

use super::{Message, Signature};
use crate::large::Tree;

/// The bytes that a snapshot may store without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one new file among Git's objects: where large files are none of these, this stops nothing.
    pub file: u64,
    /// Bytes of new content among Git's objects together.
    pub total: u64,
    /// Bytes of new large files together.
    pub large: u64,
}

impl Limits {
    /// No limits: `--allow-large`.
    pub const NONE: Self = Self { file: u64::MAX, total: u64::MAX, large: u64::MAX };
}

impl Default for Limits {
    /// 50 MB a file and 200 MB together among Git's objects, 10 GB of large files.
    fn default() -> Self {
        Self { file: 50_000_000, total: 200_000_000, large: 10_000_000_000 }
    }
}

/// The options of storing the folder as a tree.
#[derive(Debug, Clone, Default)]
pub struct TreeRequest {
    /// The user's home folder, which is refused as a project.
    pub home: Option<PathBuf>,
    /// The limits on what is stored.
    pub limits: Limits,
    /// A file whose text is the very pointer that the last snapshot has at its path is a large file whose bytes were not
    /// brought, and stays one; else it is a text as any other.
    pub keeps_pointers: bool,
}

/// The options of a snapshot.
#[derive(Debug, Clone)]
pub struct Request {
    /// The user's home folder, which is refused as a project.
    pub home: Option<PathBuf>,
    /// The limits on what is stored.
    pub limits: Limits,
    /// The author of the snapshot.
    pub author: Signature,
    /// When it is taken.
    pub time: Timestamp,
    /// The message of its commit.
    pub message: Message,
}

/// The folder, stored as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeTaken {
    /// The tree's id.
    pub tree: ObjectId,
    /// Files in it.
    pub files: usize,
    /// Files that were read because they are new or changed.
    pub changed: usize,
    /// True if some of them are large files, which pointers stand for.
    pub has_large: bool,
    /// Bytes of content that was not stored before, large files included.
    pub bytes_new: u64,
    /// Files that are not in it though no ignore rule says so, by path.
    pub left_out: Vec<LeftOut>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The commit to name in the run's record.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// True if it was made now; else nothing had changed since that commit.
    pub is_new: bool,
    /// Files in it.
    pub files: usize,
    /// Files that were read because they are new or changed.
    pub changed: usize,
    /// True if some of them are large files, which pointers stand for.
    pub has_large: bool,
    /// Bytes of content that was not stored before, large files included.
    pub bytes_new: u64,
    /// Files that are not in it though no ignore rule says so, by path.
    pub left_out: Vec<LeftOut>,
}

/// A file that is not in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its path, relative to the project folder.
    pub path: BString,
    /// Why.
    pub why: Why,
}

/// Why a file is not in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Its name or content is a secret's. A line `!path` in `.amlignore` takes it in.
    Secret,
    /// A socket, a FIFO or a device.
    Special,
    /// It can't be read by this user.
    Unreadable,
    /// It changed each time while it was read.
    Changing,
    /// Git refuses such a name in a tree.
    Name,
    /// A restore brought back rules that no longer ignore it: it is held back until the user decides.
    Held,
    /// It is a large file, and this is the user's own first commit: a snapshot has it.
    Large,
    /// It is a nested repository whose index can't be read: what ignore rules leave out in it is not in, tracked or not.
    Repository,
}

/// Told what a snapshot is doing, from several threads.
pub trait Observer: Sync {
    /// Something was done. Called often: it has to be quick.
    fn progress(&self, progress: Progress);
}

/// The progress of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Looking for changes: files seen so far.
    Looking {
        /// Files seen.
        files: usize,
    },
    /// Storing what has changed.
    Storing {
        /// Files stored so far.
        files: usize,
        /// Of so many.
        of_files: usize,
        /// Bytes read so far.
        bytes: u64,
        /// Of so many.
        of_bytes: u64,
    },
}

/// An observer that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: Progress) {}
}

impl TreeTaken {
    /// The tree, with what pointers in it mean.
    pub fn tree(&self) -> Tree {
        Tree { id: self.tree, has_large: self.has_large }
    }
}

impl Taken {
    /// The tree, with what pointers in it mean.
    pub fn tree(&self) -> Tree {
        Tree { id: self.tree, has_large: self.has_large }
    }
}
