//! Reading the index. Every number is checked before it is followed: a damaged file is an empty index.

use std::path::Path;

use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice},
};

use super::{
    ENTRY, FLAGS_AT, FOLDER, FORMAT_VERSION, HAS_LARGE, HEADER, Kind, Known, MAGIC, NO_FOLDER, Stat,
};

/// An index in memory, as it is on disk.
#[derive(Debug)]
pub struct StatIndex {
    bytes: Vec<u8>,
    folders: u32,
    entries: usize,
    names: usize,
}

/// A folder of the index.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    index: &'a StatIndex,
    first: u32,
    count: u32,
    /// Its tree; `None` when that would be empty.
    pub tree: Option<ObjectId>,
    /// Its own stat data, if each of its names is an entry.
    pub stat: Option<Stat>,
}

/// An entry of a folder.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub(super) bytes: &'a [u8],
    /// Its name.
    pub name: &'a BStr,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    u64_at(bytes, at).cast_signed()
}

fn stat_at(bytes: &[u8], at: usize) -> Stat {
    Stat {
        size: u64_at(bytes, at),
        mtime_s: i64_at(bytes, at + 8),
        mtime_ns: u32_at(bytes, at + 16),
        ctime_ns: u32_at(bytes, at + 20),
        ctime_s: i64_at(bytes, at + 24),
        ino: u64_at(bytes, at + 32),
        dev: u64_at(bytes, at + 40),
    }
}

fn id_at(bytes: &[u8], at: usize) -> ObjectId {
    bytes
        .get(at..at + 20)
        .map_or_else(|| ObjectId::null(gix::hash::Kind::Sha1), ObjectId::from_bytes_or_panic)
}

impl StatIndex {
    /// Reads the index at `path`; `None` when there is none that this azml can use.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = crate::small_file::read_at_most(path, crate::limits::STAT_INDEX).ok()?;
        let index = Self::from_bytes(bytes);
        if index.is_none() {
            tracing::debug!(path = %path.display(), "the stat index is of no use: reading the folder anew");
        }
        index
    }

    /// The index that these bytes are, if they are one.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        if bytes.get(..4)? != MAGIC || u32_at(&bytes, 4) != FORMAT_VERSION {
            return None;
        }
        if bytes.len() < HEADER || u32_at(&bytes, 8) != crc32fast::hash(&bytes[12..]) {
            return None;
        }
        let (folders, entries) = (u32_at(&bytes, 12), u32_at(&bytes, 16));
        let names_len = usize::try_from(u64_at(&bytes, 20)).ok()?;
        let entries_at = HEADER.checked_add((folders as usize).checked_mul(FOLDER)?)?;
        let names_at = entries_at.checked_add((entries as usize).checked_mul(ENTRY)?)?;
        if folders == 0 || names_at.checked_add(names_len)? != bytes.len() {
            return None;
        }
        let index = Self { bytes, folders, entries: entries_at, names: names_at };
        // Cheaper once here than at each step: every folder's entries and every entry's name and child are there.
        let sound = (0..folders).all(|number| {
            let folder = &index.bytes[HEADER + number as usize * FOLDER..];
            u32_at(folder, 0).checked_add(u32_at(folder, 4)).is_some_and(|end| end <= entries)
        }) && (0..entries as usize).all(|number| {
            let entry = &index.bytes[entries_at + number * ENTRY..];
            let name_len = usize::from(u16::from_le_bytes([entry[4], entry[5]]));
            let child = u32_at(entry, 76);
            (u32_at(entry, 0) as usize).checked_add(name_len).is_some_and(|end| end <= names_len)
                && Kind::of(entry[6]).is_some()
                && (child == NO_FOLDER || child < folders)
        });
        sound.then_some(index)
    }

    /// The tree of the whole folder; `None` when that would be empty.
    pub(crate) fn root_tree(&self) -> Option<ObjectId> {
        Some(id_at(&self.bytes, 28)).filter(|id| !id.is_null())
    }

    /// Returns whether a file in the tree is a large one.
    pub fn has_large(&self) -> bool {
        u32_at(&self.bytes, FLAGS_AT) & HAS_LARGE != 0
    }

    /// The number of the root's folder.
    pub fn root(&self) -> u32 {
        0
    }

    /// A folder by its number.
    pub fn folder(&self, number: u32) -> Folder<'_> {
        let number = number.min(self.folders - 1);
        let bytes = &self.bytes[HEADER + number as usize * FOLDER..];
        Folder {
            index: self,
            first: u32_at(bytes, 0),
            count: u32_at(bytes, 4),
            tree: Some(id_at(bytes, 8)).filter(|id| !id.is_null()),
            stat: (u32_at(bytes, 28) != 0).then(|| stat_at(bytes, 32)),
        }
    }
}

impl<'a> Folder<'a> {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Returns whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns whether an entry in the tree is a large file.
    pub fn has_large(&self) -> bool {
        self.index.has_large() && (0..self.len()).any(|n| self.entry(n).bytes[7] & 6 == 4)
    }

    /// The entry of this name.
    pub fn find(&self, name: &[u8]) -> Option<Entry<'a>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let entry = self.entry(middle);
            match entry.name.as_bytes().cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(entry),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Its `n`th entry, in the order of names.
    pub fn entry(&self, n: usize) -> Entry<'a> {
        let at = self.index.entries + (self.first as usize + n) * ENTRY;
        let bytes = &self.index.bytes[at..at + ENTRY];
        let name = self.index.names + u32_at(bytes, 0) as usize;
        let len = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
        Entry { bytes, name: self.index.bytes[name..name + len].into() }
    }
}

impl Entry<'_> {
    /// Returns its kind.
    pub fn kind(&self) -> Kind {
        Kind::of(self.bytes[6]).expect("checked when the index was read")
    }

    /// Its stat data.
    pub fn stat(&self) -> Stat {
        stat_at(self.bytes, 8)
    }

    /// Its object.
    pub fn id(&self) -> ObjectId {
        id_at(self.bytes, 56)
    }

    /// Its folder's number, for a folder.
    pub fn child(&self) -> Option<u32> {
        Some(u32_at(self.bytes, 76)).filter(|child| *child != NO_FOLDER)
    }

    /// All of it.
    pub fn known(&self) -> Known {
        Known {
            kind: self.kind(),
            is_secret: self.bytes[7] & 1 != 0,
            excluded: self.bytes[7] & 2 != 0,
            is_large: self.bytes[7] & 4 != 0,
            stat: self.stat(),
            id: self.id(),
            child: self.child(),
        }
    }
}
