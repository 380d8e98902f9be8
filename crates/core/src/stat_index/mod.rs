//! The project folder as it was at the last snapshot: for each file its stat data and its object.
//!
//! A file whose stat data is as it was is not read again. The index is a cache: what can't be read, is
//! damaged, or was written by another version is taken for empty, and the folder is read anew. It never
//! gives a wrong answer: an entry that could hide a later change (its time is not before the snapshot's
//! begin, as in Git's "racy" rule) is stored so that it matches nothing.
//!
//! A folder that was listed whole, every name of which is an entry, is kept with its own stat data: as long as that is
//! the same its names are, and it need not be listed again.
//!
//! Format 3, little endian: header, folders, entries, names (`read.rs` and `write.rs` spell it out). Entries
//! stand folder by folder and in each by name, so that a walk merges them with the folder's listing. Earlier formats had no
//! stat data of folders, or knew no large files: they are taken for empty.

mod read;
mod write;

pub use read::{Entry, Folder, StatIndex};
pub use write::Builder;

use gix::ObjectId;

/// The first bytes of the file.
const MAGIC: &[u8; 4] = b"AZSI";
/// The format that this azml writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 3;
/// Bytes in the header: magic, version, checksum, folders, entries, length of names, root tree, flags, reserved.
const HEADER: usize = 64;
/// The header's byte of flags, and its one flag: an entry in the tree is a large file.
const FLAGS_AT: usize = 48;
const HAS_LARGE: u32 = 2;
/// Bytes that describe a folder: first entry, entries, tree, whether its stat data is known, and that.
const FOLDER: usize = 80;
/// Bytes of an entry.
const ENTRY: usize = 80;
/// No folder; also the child of what is not a folder.
const NO_FOLDER: u32 = u32::MAX;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A file that can't be run.
    File = 1,
    /// A file that its owner may run.
    Executable = 2,
    /// A symbolic link.
    Link = 3,
    /// A folder.
    Folder = 4,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::File,
            2 => Self::Executable,
            3 => Self::Link,
            4 => Self::Folder,
            _ => return None,
        })
    }
}

/// The stat data that tells a changed file from an unchanged one, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// Bytes in it.
    pub size: u64,
    /// Seconds of its last change.
    pub mtime_s: i64,
    /// Nanoseconds of its last change.
    pub mtime_ns: u32,
    /// Seconds of the last change to its inode.
    pub ctime_s: i64,
    /// Nanoseconds of the last change to its inode.
    pub ctime_ns: u32,
    /// The inode.
    pub ino: u64,
    /// The file system.
    pub dev: u64,
}

impl Stat {
    /// Stat data that no file has.
    pub const SMUDGED: Self = Self {
        size: u64::MAX,
        mtime_s: i64::MIN,
        mtime_ns: 0,
        ctime_s: i64::MIN,
        ctime_ns: 0,
        ino: 0,
        dev: 0,
    };

    /// Returns whether a change after `began` (the begin of the snapshot) could leave this stat data as it is.
    pub(crate) fn is_racy(&self, began: (i64, u32)) -> bool {
        (self.mtime_s, self.mtime_ns) >= began || (self.ctime_s, self.ctime_ns) >= began
    }
}

/// A file, link or folder as the index keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its kind.
    pub kind: Kind,
    /// Its content looks like a secret's.
    pub is_secret: bool,
    /// It is not in the tree.
    pub excluded: bool,
    /// It is a large file: its object is the pointer in its place.
    pub is_large: bool,
    /// Its stat data; meaningless for a folder.
    pub stat: Stat,
    /// Its object; a folder's tree, null when the tree would be empty.
    pub id: ObjectId,
    /// Its folder in the index, for a folder.
    pub child: Option<u32>,
}

#[cfg(test)]
mod tests;
