//! The entries of a received pack: where each lies, what it is based on, and, once that is known, which object it is.

use std::io::{self, BufWriter, Write};

use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data::entry::Header;
use sha1::{Digest as _, Sha1};

use super::objects::IdMap;

/// "None", where an entry's number is expected.
pub(super) const NONE: u32 = u32::MAX;

/// An entry of a pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: u64,
    /// Bytes of the object or the delta, inflated.
    pub(super) size: u64,
    /// Null until it is known.
    pub(super) id: ObjectId,
    /// The checksum of its bytes as they lie.
    pub(super) crc: u32,
    /// The number of the entry that it is a delta of, if it says so by distance.
    pub(super) base: u32,
    /// Bytes of its header.
    pub(super) header: u8,
    pub(super) is_delta: bool,
    /// `None` until it is known.
    pub(super) kind: Option<Kind>,
}

/// All entries of a pack, in its order.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) all: Vec<Entry>,
    /// The offset at which the last one ends.
    pub(super) end: u64,
    /// The deltas that name their base by id, by that id.
    pub(super) waiting: IdMap<Vec<u32>>,
}

impl Entries {
    /// Returns the range of an entry's bytes, its header not included.
    pub(super) fn data(&self, at: u32) -> std::ops::Range<u64> {
        let entry = &self.all[at as usize];
        let end = self.all.get(at as usize + 1).map_or(self.end, |next| next.offset);
        entry.offset + u64::from(entry.header)..end
    }

    /// The number of the entry that begins at `offset`.
    pub(super) fn at(&self, offset: u64) -> Option<u32> {
        let at = self.all.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        u32::try_from(at).ok()
    }

    /// The numbers of all entries, by id.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..).take(self.all.len()).collect();
        sorted.sort_unstable_by_key(|at| {
            let entry = &self.all[*at as usize];
            (entry.id, entry.offset)
        });
        sorted
    }
}

/// The header of an entry that is no delta.
pub(super) fn header_of(kind: Kind) -> Header {
    match kind {
        Kind::Tree => Header::Tree,
        Kind::Blob => Header::Blob,
        Kind::Commit => Header::Commit,
        Kind::Tag => Header::Tag,
    }
}

/// Writes the index of a pack (version 2), as `git index-pack` does. `sorted` are the entries by id.
pub(super) fn write_index(
    entries: &Entries,
    sorted: &[u32],
    checksum: &ObjectId,
    out: impl Write,
) -> io::Result<()> {
    /// Offsets from here on stand in a table of their own.
    const LARGE: u64 = 0x8000_0000;
    let entry = |at: &u32| &entries.all[*at as usize];
    let mut out = BufWriter::with_capacity(1 << 16, Summing { out, sum: Sha1::new() });
    out.write_all(b"\xfftOc\0\0\0\x02")?;
    let mut below = 0;
    for first in 0..=u8::MAX {
        below += sorted[below..].partition_point(|at| entry(at).id.as_slice()[0] <= first);
        out.write_all(&u32::try_from(below).unwrap_or(NONE).to_be_bytes())?;
    }
    for at in sorted {
        out.write_all(entry(at).id.as_slice())?;
    }
    for at in sorted {
        out.write_all(&entry(at).crc.to_be_bytes())?;
    }
    let mut large = Vec::new();
    for at in sorted {
        let offset = entry(at).offset;
        let short = match u32::try_from(offset) {
            Ok(short) if offset < LARGE => short,
            _ => {
                large.push(offset);
                0x8000_0000 | u32::try_from(large.len() - 1).unwrap_or(NONE)
            }
        };
        out.write_all(&short.to_be_bytes())?;
    }
    for offset in large {
        out.write_all(&offset.to_be_bytes())?;
    }
    out.write_all(checksum.as_slice())?;
    let Summing { mut out, sum } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.write_all(&sum.finalize())?;
    out.flush()
}

/// Passes bytes on and sums them up.
pub(super) struct Summing<W> {
    pub(super) out: W,
    pub(super) sum: Sha1,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
