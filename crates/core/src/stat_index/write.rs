//! Writing the index.

use std::{io::Write, path::Path};

use gix::{ObjectId, bstr::BStr};

use super::{ENTRY, FOLDER, FORMAT_VERSION, Folder, HAS_LARGE, HEADER, Kind, Known, MAGIC, NO_FOLDER, Stat};

/// Collects folders and their entries, and becomes the file.
#[derive(Debug)]
pub struct Builder {
    folders: Vec<u8>,
    entries: Vec<u8>,
    names: Vec<u8>,
    began: (i64, u32),
    has_large: bool,
}

impl Builder {
    /// An index of a snapshot that began at this second and nanosecond, by the clock of the files.
    pub fn new(began: (i64, u32)) -> Self {
        Self { folders: Vec::new(), entries: Vec::new(), names: Vec::new(), began, has_large: false }
    }

    /// Begins the next folder, whose number it gives. The first is the root; a folder's entries follow it. `stat` is known
    /// of a folder whose every name becomes an entry.
    pub fn folder(&mut self, tree: Option<ObjectId>, stat: Option<Stat>) -> u32 {
        let number = self.folders.len() / FOLDER;
        let first = self.entries.len() / ENTRY;
        self.folders.extend_from_slice(&small(first).to_le_bytes());
        self.folders.extend_from_slice(&0u32.to_le_bytes());
        self.folders.extend_from_slice(bytes_of(tree).as_slice());
        let stat = stat.filter(|stat| !stat.is_racy(self.began));
        self.folders.extend_from_slice(&u32::from(stat.is_some()).to_le_bytes());
        put_stat(&mut self.folders, &stat.unwrap_or_default());
        small(number)
    }

    /// Takes all entries of a folder of an earlier index for the folder begun last. `child` gives for each folder among
    /// them, in turn, its number and tree now. The earlier snapshot began before this one: what could hide a change is
    /// smudged already.
    pub fn copy(&mut self, folder: &Folder<'_>, mut child: impl FnMut() -> Option<(u32, Option<ObjectId>)>) {
        self.has_large |= folder.has_large();
        for n in 0..folder.len() {
            let entry = folder.entry(n);
            let at = self.entries.len();
            self.entries.extend_from_slice(entry.bytes);
            self.entries[at..at + 4].copy_from_slice(&small(self.names.len()).to_le_bytes());
            self.names.extend_from_slice(entry.name);
            if entry.kind() == Kind::Folder {
                let (number, tree) = child().unwrap_or((NO_FOLDER, None));
                self.entries[at + 56..at + 76].copy_from_slice(bytes_of(tree).as_slice());
                self.entries[at + 76..at + 80].copy_from_slice(&number.to_le_bytes());
            }
        }
        self.count_last();
    }

    /// Adds an entry to the folder begun last. Names come in order.
    pub fn entry(&mut self, name: &BStr, known: &Known) {
        self.has_large |= known.is_large && !known.excluded;
        let stat = if known.stat.is_racy(self.began) { Stat::SMUDGED } else { known.stat };
        let out = &mut self.entries;
        out.extend_from_slice(&small(self.names.len()).to_le_bytes());
        out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.push(known.kind as u8);
        out.push(u8::from(known.is_secret) | u8::from(known.excluded) << 1 | u8::from(known.is_large) << 2);
        put_stat(out, &stat);
        out.extend_from_slice(known.id.as_slice());
        out.extend_from_slice(&known.child.unwrap_or(NO_FOLDER).to_le_bytes());
        self.names.extend_from_slice(name);
        self.count_last();
    }

    fn count_last(&mut self) {
        let count_at = self.folders.len() - FOLDER + 4;
        let count = self.entries.len() / ENTRY - self.first_of_last();
        self.folders[count_at..count_at + 4].copy_from_slice(&small(count).to_le_bytes());
    }

    fn first_of_last(&self) -> usize {
        let at = self.folders.len() - FOLDER;
        let first = self.folders[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        first as usize
    }

    /// The file's content.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.folders.len() + self.entries.len() + self.names.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&small(self.folders.len() / FOLDER).to_le_bytes());
        out.extend_from_slice(&small(self.entries.len() / ENTRY).to_le_bytes());
        out.extend_from_slice(&(self.names.len() as u64).to_le_bytes());
        // The root folder stands first, and its tree is the whole's.
        out.extend_from_slice(self.folders.get(8..28).unwrap_or(&[0; 20]));
        out.extend_from_slice(&if self.has_large { HAS_LARGE } else { 0 }.to_le_bytes());
        out.resize(HEADER, 0);
        out.extend_from_slice(&self.folders);
        out.extend_from_slice(&self.entries);
        out.extend_from_slice(&self.names);
        let checksum = crc32fast::hash(&out[12..]);
        out[8..12].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Writes the file. It is to be moved to its place when it is whole and what it names is stored.
    pub fn write(self, path: &Path) -> std::io::Result<()> {
        std::fs::File::create(path)?.write_all(&self.into_bytes())
    }
}

fn put_stat(out: &mut Vec<u8>, stat: &Stat) {
    out.extend_from_slice(&stat.size.to_le_bytes());
    out.extend_from_slice(&stat.mtime_s.to_le_bytes());
    out.extend_from_slice(&stat.mtime_ns.to_le_bytes());
    out.extend_from_slice(&stat.ctime_ns.to_le_bytes());
    out.extend_from_slice(&stat.ctime_s.to_le_bytes());
    out.extend_from_slice(&stat.ino.to_le_bytes());
    out.extend_from_slice(&stat.dev.to_le_bytes());
}

fn bytes_of(id: Option<ObjectId>) -> ObjectId {
    id.unwrap_or_else(|| ObjectId::null(gix::hash::Kind::Sha1))
}

/// Counts and offsets are 32 bits: four thousand million names are more than a file system holds in one folder tree.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
