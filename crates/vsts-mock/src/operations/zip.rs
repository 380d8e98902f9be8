//! Zip files, written while they are read: deflated entries whose sizes follow their data, with the larger directory that
//! more than 65,534 of them need.

use std::io::{self, Read, Write as _};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use git_wire::Reader;
use gix::ObjectId;

use super::content::{Blob, ContentError};
use super::work::{Exceeded, Work};
use crate::budget::{Budget, Permit};
use crate::limits::{PIECE_BYTES, ZIP_BYTES};

/// 1 January 1980, midnight, as the format writes it.
const DATE: u16 = 0x21;
/// Names are UTF-8; checksum and sizes come after the data.
const FLAGS: u16 = 1 << 11 | 1 << 3;
const DEFLATED: u16 = 8;
/// Bytes of an entry besides its name and its data, in both places.
const ENTRY_BYTES: u64 = 30 + 16 + 46;

/// The reason why a zip file can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZipError {
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Git(#[from] gix::Error),
}

/// A zip file; it is made as far as it is read.
pub(crate) struct Zip {
    repository: Reader,
    memory: Budget,
    files: std::vec::IntoIter<(String, ObjectId)>,
    current: Option<Current>,
    encoder: DeflateEncoder<Vec<u8>>,
    /// Bytes that are made and not read yet, and how many of them have been read.
    out: Vec<u8>,
    read: usize,
    /// Bytes that came before those.
    before: u64,
    directory: Vec<u8>,
    entries: u64,
    is_done: bool,
    _permit: Permit,
}

/// The file that is being written.
struct Current {
    name: String,
    start: u64,
    content: Blob,
    crc: Crc,
    packed: u64,
}

fn put(out: &mut Vec<u8>, fields: &[(u64, usize)]) {
    for (value, width) in fields {
        out.extend_from_slice(&value.to_le_bytes()[..*width]);
    }
}

/// A name as the format can hold it.
fn short(name: &mut String) {
    let mut end = usize::from(u16::MAX).min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
}

impl Zip {
    /// A zip file of these files, if their sizes allow it.
    pub(crate) fn new(
        repository: Reader,
        memory: &Budget,
        work: &Work,
        mut files: Vec<(String, ObjectId)>,
    ) -> Result<Self, ZipError> {
        let (mut bytes, mut listed) = (0_u64, 0_u64);
        for (name, id) in &mut files {
            work.check()?;
            short(name);
            let size = repository.find_header(*id)?.size();
            let described = ENTRY_BYTES + 2 * name.len() as u64;
            // What can't be deflated becomes a little longer.
            bytes += size + size / 1_000 + 64 + described;
            listed += described;
            if bytes > ZIP_BYTES {
                return Err(Exceeded::ZipBytes.into());
            }
        }
        let permit = memory.acquire_blocking(listed).map_err(ContentError::from)?;
        Ok(Self {
            repository,
            memory: memory.clone(),
            files: files.into_iter(),
            current: None,
            encoder: DeflateEncoder::new(Vec::new(), Compression::fast()),
            out: Vec::new(),
            read: 0,
            before: 0,
            directory: Vec::new(),
            entries: 0,
            is_done: false,
            _permit: permit,
        })
    }

    /// Makes some more.
    fn make(&mut self) -> io::Result<()> {
        if let Some(current) = &mut self.current {
            let mut piece = Vec::new();
            current.content.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                return self.end_file();
            }
            current.crc.update(&piece);
            self.encoder.write_all(&piece)?;
            current.packed += self.encoder.get_ref().len() as u64;
            self.out.append(self.encoder.get_mut());
            Ok(())
        } else if let Some((name, id)) = self.files.next() {
            self.begin_file(name, id)
        } else {
            self.end();
            Ok(())
        }
    }

    fn begin_file(&mut self, name: String, id: ObjectId) -> io::Result<()> {
        let content = Blob::open(&self.repository, &self.memory, id).map_err(io::Error::other)?;
        let start = self.before + self.out.len() as u64;
        put(&mut self.out, &[(0x0403_4b50, 4), (20, 2)]);
        put(&mut self.out, &shared(0, 0, 0, &name));
        self.out.extend_from_slice(name.as_bytes());
        self.current = Some(Current { name, start, content, crc: Crc::new(), packed: 0 });
        Ok(())
    }

    fn end_file(&mut self) -> io::Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let mut rest = self.encoder.reset(Vec::new())?;
        current.packed += rest.len() as u64;
        self.out.append(&mut rest);
        let (sum, size) = (u64::from(current.crc.sum()), current.content.size);
        put(&mut self.out, &[(0x0807_4b50, 4), (sum, 4), (current.packed, 4), (size, 4)]);
        put(&mut self.directory, &[(0x0201_4b50, 4), (20, 2), (20, 2)]);
        put(&mut self.directory, &shared(sum, current.packed, size, &current.name));
        put(&mut self.directory, &[(0, 2), (0, 2), (0, 2), (0, 4), (current.start, 4)]);
        self.directory.extend_from_slice(current.name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    fn end(&mut self) {
        let (start, size) = (self.before + self.out.len() as u64, self.directory.len() as u64);
        self.out.append(&mut self.directory);
        let short = self.entries.min(0xffff);
        if self.entries >= 0xffff {
            let end = start + size;
            put(&mut self.out, &[(0x0606_4b50, 4), (44, 8), (45, 2), (45, 2), (0, 4), (0, 4)]);
            put(&mut self.out, &[(self.entries, 8), (self.entries, 8), (size, 8), (start, 8)]);
            put(&mut self.out, &[(0x0706_4b50, 4), (0, 4), (end, 8), (1, 4)]);
        }
        put(&mut self.out, &[(0x0605_4b50, 4), (0, 2), (0, 2), (short, 2), (short, 2)]);
        put(&mut self.out, &[(size, 4), (start, 4), (0, 2)]);
        self.is_done = true;
    }
}

/// The fields that stand in both places, from the flags to the length of the name.
fn shared(sum: u64, packed: u64, size: u64, name: &str) -> [(u64, usize); 9] {
    [
        (u64::from(FLAGS), 2),
        (u64::from(DEFLATED), 2),
        (0, 2),
        (u64::from(DATE), 2),
        (sum, 4),
        (packed, 4),
        (size, 4),
        (name.len() as u64, 2),
        (0, 2),
    ]
}

impl Read for Zip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.out.len() {
            if self.is_done {
                return Ok(0);
            }
            self.before += self.out.len() as u64;
            self.out.clear();
            self.read = 0;
            self.make()?;
        }
        let amount = buffer.len().min(self.out.len() - self.read);
        buffer[..amount].copy_from_slice(&self.out[self.read..self.read + amount]);
        self.read += amount;
        Ok(amount)
    }
}
