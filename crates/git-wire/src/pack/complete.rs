//! Making a received pack one that may be stored: with the bases that a thin pack leaves out, as
//! `git index-pack --fix-thin` does, and without chains of deltas that are too long.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data;
use gix_pack::data::entry::Header;
use sha1::{Digest as _, Sha1};

use super::entries::{Entries, Entry, NONE, Summing, header_of};
use super::objects::Objects;
use super::resolve::Undeltified;
use super::scan::TRAILER;
use super::{Error, IngestOptions};
use crate::limits::LARGE_THIN_BASE;

/// The bytes that are read and written at once.
const PIECE: usize = 1 << 16;
/// Held while a large base is: there is one at a time in the whole process.
static LARGE_BASE: Mutex<()> = Mutex::new(());

/// An object of the repository that deltas stand on.
pub(super) struct Outside {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    /// Other large ones wait for this.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// Reads an object of the repository that a thin pack's deltas stand on; `None` if it is not there.
pub(super) fn read_base(objects: &dyn Objects, id: &ObjectId) -> Result<Option<Outside>, Error> {
    let Some((_, size)) = objects.header(id)? else { return Ok(None) };
    let turn = (size > LARGE_THIN_BASE).then(|| LARGE_BASE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut bytes = Vec::new();
    Ok(objects.read(id, &mut bytes)?.map(|kind| Outside { kind, bytes, _turn: turn }))
}

/// Appends bases to a pack.
pub(super) struct Appended<'p> {
    path: &'p Path,
    file: BufWriter<File>,
    end: u64,
    pub(super) entries: Vec<Entry>,
}

impl<'p> Appended<'p> {
    /// Begins where the entries of the pack at `path` end.
    pub(super) fn new(path: &'p Path, end: u64) -> Result<Self, Error> {
        let failed = Error::disk("write", path);
        let open = || {
            let mut file = File::options().write(true).open(path)?;
            file.seek(SeekFrom::Start(end))?;
            Ok(BufWriter::with_capacity(PIECE, file))
        };
        Ok(Self { path, file: open().map_err(failed)?, end, entries: Vec::new() })
    }

    pub(super) fn add(&mut self, id: ObjectId, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
        let failed = Error::disk("write", self.path);
        let mut out = Checked { out: &mut self.file, crc: crc32fast::Hasher::new(), count: 0 };
        let mut write = || {
            let header = header_of(kind).write_to(bytes.len() as u64, &mut out)?;
            let mut deflate =
                gix_zlib::stream::deflate::Write::new(&mut out, gix_zlib::Compression::BEST_SPEED);
            deflate.write_all(bytes)?;
            deflate.flush()?;
            Ok(header)
        };
        let header = write().map_err(failed)?;
        let Checked { crc, count, .. } = out;
        self.entries.push(Entry {
            offset: self.end,
            size: bytes.len() as u64,
            id,
            crc: crc.finalize(),
            base: NONE,
            header: u8::try_from(header).unwrap_or(u8::MAX),
            is_delta: false,
            kind: Some(kind),
        });
        self.end += count;
        Ok(())
    }

    /// Puts them among `entries`.
    pub(super) fn finish(mut self, entries: &mut Entries) -> Result<(), Error> {
        self.file.flush().map_err(Error::disk("write", self.path))?;
        entries.all.append(&mut self.entries);
        entries.end = self.end;
        Ok(())
    }
}

/// Puts the number of objects right, sums the file up anew and ends it with that sum.
pub(super) fn sum_up(path: &Path, entries: &Entries, options: &IngestOptions) -> Result<ObjectId, Error> {
    let total = count(entries)?;
    let sum = || -> io::Result<ObjectId> {
        let mut file = File::options().write(true).open(path)?;
        file.write_all(&data::header::encode(data::Version::V2, total))?;
        let mut hasher = Sha1::new();
        let mut reader = BufReader::with_capacity(PIECE, File::open(path)?.take(entries.end));
        loop {
            let bytes = reader.fill_buf()?;
            if options.interrupt.is_set() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            let count = bytes.len();
            reader.consume(count);
        }
        let checksum = ObjectId::from_bytes_or_panic(&hasher.finalize());
        file.seek(SeekFrom::Start(entries.end))?;
        file.write_all(checksum.as_slice())?;
        file.set_len(entries.end + TRAILER as u64)?;
        Ok(checksum)
    };
    sum().map_err(|error| {
        if options.interrupt.is_set() { Error::Interrupted } else { Error::disk("write", path)(error) }
    })
}

fn count(entries: &Entries) -> Result<u32, Error> {
    u32::try_from(entries.all.len())
        .map_err(|_| Error::Limit { what: "objects in a pack", limit: u64::from(u32::MAX) })
}

/// Writes the pack anew at `to`, with the objects of `undeltified` in the place of their deltas.
pub(super) fn shorten(
    from: &Path,
    to: &Path,
    entries: &mut Entries,
    undeltified: &mut [Undeltified],
    options: &IngestOptions,
) -> Result<ObjectId, Error> {
    let total = count(entries)?;
    undeltified.sort_unstable_by_key(|undeltified| undeltified.at);
    let pack = File::open(from).map_err(Error::disk("read", from))?;
    let file = File::create_new(to).map_err(Error::disk("create", to))?;
    let failed = |error| Error::disk("write", to)(error);
    let mut out = BufWriter::with_capacity(PIECE, Summing { out: file, sum: Sha1::new() });
    out.write_all(&data::header::encode(data::Version::V2, total)).map_err(failed)?;
    let mut undeltified = undeltified.iter().peekable();
    let mut end = 12;
    let mut entry_end = entries.end;
    let lies: Vec<std::ops::Range<u64>> = {
        let mut lies: Vec<_> = entries
            .all
            .iter()
            .rev()
            .map(|entry| {
                let begin = entry.offset;
                begin..std::mem::replace(&mut entry_end, begin)
            })
            .collect();
        lies.reverse();
        lies
    };
    for (at, lies) in (0..).zip(lies) {
        let mut entry = entries.all[at as usize];
        let mut checked = Checked { out: &mut out, crc: crc32fast::Hasher::new(), count: 0 };
        let write = || -> io::Result<()> {
            if let Some(undeltified) = undeltified.next_if(|undeltified| undeltified.at == at) {
                entry.size = undeltified.size;
                entry.is_delta = false;
                entry.base = NONE;
                let kind = entry.kind.ok_or(io::ErrorKind::InvalidData)?;
                let header = header_of(kind).write_to(entry.size, &mut checked)?;
                entry.header = u8::try_from(header).unwrap_or(u8::MAX);
                return copy(&undeltified.file, undeltified.begin..undeltified.end, &mut checked);
            }
            let mut lies = lies;
            if entry.base != NONE {
                lies.start += u64::from(entry.header);
                let base_distance = end - entries.all[entry.base as usize].offset;
                let header = Header::OfsDelta { base_distance }.write_to(entry.size, &mut checked)?;
                entry.header = u8::try_from(header).unwrap_or(u8::MAX);
            }
            copy(&pack, lies, &mut checked)
        };
        write().map_err(failed)?;
        let Checked { crc, count, .. } = checked;
        entry.crc = crc.finalize();
        entry.offset = end;
        end += count;
        if end > options.max_bytes {
            return Err(Error::Limit { what: "bytes in a pack", limit: options.max_bytes });
        }
        if options.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        entries.all[at as usize] = entry;
    }
    entries.end = end;
    let Summing { mut out, sum } = out.into_inner().map_err(|error| failed(error.into_error()))?;
    let checksum = ObjectId::from_bytes_or_panic(&sum.finalize());
    out.write_all(checksum.as_slice()).map_err(failed)?;
    Ok(checksum)
}

fn copy(file: &File, range: std::ops::Range<u64>, out: &mut dyn Write) -> io::Result<()> {
    let mut piece = [0; 1 << 14];
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(piece.len()).min(piece.len());
        file.read_exact_at(&mut piece[..count], at)?;
        out.write_all(&piece[..count])?;
        at += count as u64;
    }
    Ok(())
}

/// Counts what is written and sums it up as the index does.
struct Checked<W> {
    out: W,
    crc: crc32fast::Hasher,
    count: u64,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
