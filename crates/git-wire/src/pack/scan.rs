//! Reading a pack off a stream into a file, entry by entry.
//!
//! Each entry is inflated on the way to find its end, and hashed if it is no delta; nothing is kept of it but where it
//! lies.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::Path;

use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data;
use gix_pack::data::entry::Header;
use gix_zlib::Decompress;

use super::entries::{Entries, Entry, NONE};
use super::{Error, IngestOptions, Received};
use crate::limits::MAX_STRUCTURED;

/// The number of objects received between two reports of progress.
const PROGRESS_STEP: u32 = 256;
/// The length of a pack's trailer.
pub(super) const TRAILER: usize = 20;

/// A pack on its way from a stream into a file.
pub(super) struct Scan<'a> {
    tee: Tee<'a>,
    path: &'a Path,
    options: &'a IngestOptions,
    progress: &'a mut dyn FnMut(Received),
    inflate: Decompress,
    scratch: Vec<u8>,
    received: Received,
    entries: Entries,
    inflated: u64,
}

impl<'a> Scan<'a> {
    /// Reads the pack's header off `stream`; all of it goes into the file at `path`.
    pub(super) fn begin(
        stream: &'a mut dyn BufRead,
        path: &'a Path,
        options: &'a IngestOptions,
        progress: &'a mut dyn FnMut(Received),
    ) -> Result<Self, Error> {
        let file = File::create_new(path).map_err(Error::disk("create", path))?;
        let mut tee = Tee {
            stream,
            file: BufWriter::with_capacity(1 << 16, file),
            path,
            hasher: gix::hash::hasher(gix::hash::Kind::Sha1),
            crc: crc32fast::Hasher::new(),
            position: 0,
            options,
            failure: None,
        };
        let mut header = [0; 12];
        tee.read_exact(&mut header).map_err(|error| tee.explain(error))?;
        if !header.starts_with(b"PACK") {
            return Err(Error::Invalid("it doesn't begin with PACK".to_owned()));
        }
        let (version, total) = data::header::decode(&header)
            .map_err(|_| Error::Invalid("its version is neither 2 nor 3".to_owned()))?;
        if version != data::Version::V2 {
            return Err(Error::Invalid("its version isn't 2".to_owned()));
        }
        if total > options.max_objects {
            return Err(Error::Limit { what: "objects in a pack", limit: u64::from(options.max_objects) });
        }
        Ok(Self {
            tee,
            path,
            options,
            progress,
            inflate: Decompress::new(),
            scratch: vec![0; 1 << 16],
            received: Received { objects: 0, total, bytes: 0 },
            entries: Entries::default(),
            inflated: 0,
        })
    }

    /// Reads all entries and the trailer; the entries, the checksum and how much that was.
    pub(super) fn read(mut self) -> Result<(Entries, ObjectId, Received), Error> {
        while self.received.objects < self.received.total {
            let entry = self.read_entry()?;
            self.entries.all.push(entry);
            self.received.objects += 1;
            self.received.bytes = self.tee.position;
            if self.received.objects.is_multiple_of(PROGRESS_STEP) {
                (self.progress)(self.received);
            }
        }
        self.entries.end = self.tee.position;
        let checksum = self.read_trailer()?;
        self.received.bytes = self.tee.position;
        (self.progress)(self.received);
        Ok((self.entries, checksum, self.received))
    }

    fn read_entry(&mut self) -> Result<Entry, Error> {
        let offset = self.tee.position;
        self.tee.crc = crc32fast::Hasher::new();
        let header = data::Entry::from_read(&mut self.tee, offset, TRAILER)
            .map_err(|error| self.tee.explain_entry(error, offset))?;
        let size = header.decompressed_size;
        let limit = self.options.max_object_bytes as u64;
        if size > limit {
            return Err(Error::Limit { what: "bytes in an object", limit });
        }
        self.inflated += size;
        if self.inflated > self.options.max_inflated_bytes {
            let limit = self.options.max_inflated_bytes;
            return Err(Error::Limit { what: "bytes in a pack, inflated", limit });
        }
        let kind = header.header.as_kind();
        if kind.is_some_and(|kind| kind != Kind::Blob) && size > MAX_STRUCTURED && self.options.is_checked() {
            return Err(Error::Limit { what: "bytes in a commit, tree or tag", limit: MAX_STRUCTURED });
        }
        let mut base = NONE;
        match header.header {
            Header::OfsDelta { base_distance } => {
                let begin = Header::verified_base_pack_offset(offset, base_distance).ok_or_else(|| {
                    Error::Invalid(format!("the delta at offset {offset} has its base outside the pack"))
                })?;
                base = self.entries.at(begin).ok_or_else(|| {
                    Error::Invalid(format!("the delta at offset {offset} has its base within an entry"))
                })?;
            }
            Header::RefDelta { base_id } => {
                self.entries.waiting.entry(base_id).or_default().push(self.received.objects);
            }
            _ => {}
        }
        let begin = self.tee.position;
        let mut hasher = kind.map(|kind| {
            let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
            hasher.update(&gix::objs::encode::loose_header(kind, size));
            hasher
        });
        let mut inflated = 0_u64;
        self.inflate.reset();
        loop {
            match gix_zlib::stream::inflate::read(&mut self.tee, &mut self.inflate, &mut self.scratch) {
                Ok(0) => break,
                Ok(count) => {
                    inflated += count as u64;
                    if let Some(hasher) = &mut hasher {
                        hasher.update(&self.scratch[..count]);
                    }
                }
                Err(error) => return Err(self.tee.explain_entry(error, offset)),
            }
            if inflated > size {
                return Err(Error::Invalid(format!(
                    "the entry at offset {offset} inflates to more than it says"
                )));
            }
        }
        self.tee.check()?;
        if inflated != size {
            return Err(Error::Invalid(format!(
                "the entry at offset {offset} inflates to less than it says"
            )));
        }
        let id = match hasher {
            Some(hasher) => finish(hasher)?,
            None => ObjectId::null(gix::hash::Kind::Sha1),
        };
        Ok(Entry {
            offset,
            size,
            id,
            crc: self.tee.crc.clone().finalize(),
            base,
            header: u8::try_from(begin - offset).map_err(|_| {
                Error::Invalid(format!("the entry at offset {offset} has a header that is too long"))
            })?,
            is_delta: header.header.is_delta(),
            kind,
        })
    }

    /// Reads the trailer, which isn't part of what it sums up, and checks it.
    fn read_trailer(&mut self) -> Result<ObjectId, Error> {
        let actual = finish(self.tee.hasher.clone())?;
        let mut trailer = [0; TRAILER];
        self.tee.stream.read_exact(&mut trailer).map_err(|error| self.tee.explain(error))?;
        self.tee.position += TRAILER as u64;
        if actual.as_slice() != trailer {
            return Err(Error::Invalid("its checksum doesn't match its bytes".to_owned()));
        }
        let file = &mut self.tee.file;
        file.write_all(&trailer).and_then(|()| file.flush()).map_err(Error::disk("write", self.path))?;
        Ok(actual)
    }
}

/// The id of what was hashed.
pub(super) fn finish(hasher: gix::hash::Hasher) -> Result<ObjectId, Error> {
    hasher.try_finalize().map_err(|error| {
        // A collision attack.
        Error::Invalid(format!("a checksum in it can't be computed: {error}"))
    })
}

/// Passes what is consumed on to the file, the checksum of the pack and that of the entry.
struct Tee<'a> {
    stream: &'a mut dyn BufRead,
    file: BufWriter<File>,
    hasher: gix::hash::Hasher,
    crc: crc32fast::Hasher,
    path: &'a Path,
    position: u64,
    options: &'a IngestOptions,
    failure: Option<Error>,
}

impl Tee<'_> {
    /// A failure that consuming had to keep to itself.
    fn check(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn explain(&mut self, error: io::Error) -> Error {
        match self.failure.take() {
            Some(failure) => failure,
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::Invalid("it ends early".to_owned())
            }
            None => Error::Receive(error),
        }
    }

    /// Tells a broken entry from a broken stream.
    fn explain_entry(&mut self, error: io::Error, offset: u64) -> Error {
        match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other
                if self.failure.is_none() =>
            {
                Error::Invalid(format!("the entry at offset {offset} is damaged"))
            }
            _ => self.explain(error),
        }
    }
}

impl BufRead for Tee<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failure.is_some() {
            return Err(io::Error::other("the pack can't be received"));
        }
        self.stream.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // The stream's buffer is still the one that the caller has seen.
        match self.stream.fill_buf() {
            Ok(buffer) => {
                let bytes = &buffer[..count.min(buffer.len())];
                self.hasher.update(bytes);
                self.crc.update(bytes);
                if let Err(source) = self.file.write_all(bytes) {
                    self.failure = Some(Error::disk("write", self.path)(source));
                }
            }
            Err(error) => self.failure = Some(Error::Receive(error)),
        }
        self.stream.consume(count);
        self.position += count as u64;
        let limit = self.options.max_bytes;
        if self.position > limit {
            self.failure.get_or_insert(Error::Limit { what: "bytes in a pack", limit });
        }
        if self.options.interrupt.is_set() {
            self.failure.get_or_insert(Error::Interrupted);
        }
    }
}

impl Read for Tee<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
