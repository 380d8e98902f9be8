//! Objects and packs made by hand, right or wrong.

use std::fs;
use std::io::Write;
use std::path::Path;

use gix_pack::data::entry::Header;

pub(crate) const COMMIT: u8 = 1;
pub(crate) const TREE: u8 = 2;
pub(crate) const BLOB: u8 = 3;
pub(crate) const TAG: u8 = 4;
pub(crate) const OFS_DELTA: u8 = 6;
pub(crate) const REF_DELTA: u8 = 7;
pub(crate) const WHO: &str = "A U Thor <a@example.com> 1500000000 +0100";

/// Builds packs by hand, right or wrong.
#[derive(Default)]
pub(crate) struct Pack {
    count: u32,
    pub(crate) entries: Vec<u8>,
    /// The offset of the last entry.
    pub(crate) last: usize,
}

impl Pack {
    pub(crate) fn entry(self, kind: u8, data: &[u8]) -> Self {
        self.entry_saying(kind, data.len(), &[], data)
    }

    /// Adds an entry as its header says.
    pub(crate) fn entry_of(mut self, header: Header, data: &[u8]) -> Self {
        self.last = self.entries.len();
        header.write_to(data.len() as u64, &mut self.entries).expect("vec");
        self.deflate(data)
    }

    /// Adds an entry whose header says any size, and whose base is any bytes.
    pub(crate) fn entry_saying(mut self, kind: u8, size: usize, base: &[u8], data: &[u8]) -> Self {
        self.last = self.entries.len();
        let low = |bits: usize| u8::try_from(bits).expect("masked");
        let mut byte = kind << 4 | low(size & 15);
        let mut rest = size >> 4;
        while rest > 0 {
            self.entries.push(byte | 0x80);
            byte = low(rest & 0x7f);
            rest >>= 7;
        }
        self.entries.push(byte);
        self.entries.extend_from_slice(base);
        self.deflate(data)
    }

    fn deflate(mut self, data: &[u8]) -> Self {
        let mut deflate = flate2::write::ZlibEncoder::new(&mut self.entries, flate2::Compression::fast());
        deflate.write_all(data).expect("vec");
        deflate.finish().expect("vec");
        self.count += 1;
        self
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        self.finish_saying(self.count)
    }

    pub(crate) fn finish_saying(&self, count: u32) -> Vec<u8> {
        let mut bytes = b"PACK\0\0\0\x02".to_vec();
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&self.entries);
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&bytes);
        bytes.extend_from_slice(hasher.try_finalize().expect("no collision").as_slice());
        bytes
    }
}

pub(crate) fn id_of(kind: gix::objs::Kind, data: &[u8]) -> gix::ObjectId {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, data).expect("no collision")
}

pub(crate) fn tree(entries: &[(&str, &str, gix::ObjectId)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend_from_slice(id.as_slice());
    }
    bytes
}

pub(crate) fn commit_of(tree: gix::ObjectId, more: &str) -> Vec<u8> {
    format!("tree {tree}\n{more}author {WHO}\ncommitter {WHO}\n\nmessage\n").into_bytes()
}

/// A pack of a blob, a tree that is `tree`, and a commit of it; and the commit's id.
pub(crate) fn pack_around(tree: &[u8], more: &str) -> (Pack, gix::ObjectId) {
    let commit = commit_of(id_of(gix::objs::Kind::Tree, tree), more);
    let id = id_of(gix::objs::Kind::Commit, &commit);
    (Pack::default().entry(BLOB, b"blob\n").entry(TREE, tree).entry(COMMIT, &commit), id)
}

pub(crate) fn blob() -> gix::ObjectId {
    id_of(gix::objs::Kind::Blob, b"blob\n")
}

pub(crate) fn good() -> (Pack, gix::ObjectId) {
    pack_around(&tree(&[("100644", "file", blob())]), "")
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            found.push(path.display().to_string());
            if path.is_dir() {
                pending.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}
