//! Reading a pack off a stream into a file, entry by entry, and completing a thin one.
//!
//! Each entry is inflated on the way to find its end; nothing is kept of it but where it lies. Bases that a thin pack
//! leaves out are appended, and header and trailer made anew, as `git index-pack --fix-thin` does.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use gix::ObjectId;
use gix_pack::data::entry::Header;
use gix_pack::data::{self, input};
use gix_zlib::Decompress;

use super::objects::{IdSet, Objects};
use super::{Error, IngestOptions, Received};

/// How many objects are received between two reports of progress.
const PROGRESS_STEP: u32 = 256;
/// The length of a pack's trailer.
const TRAILER: usize = 20;

/// The entries of a pack as they come, for the indexer.
pub(super) struct Scan<'a> {
    tee: Tee<'a>,
    path: &'a Path,
    objects: &'a dyn Objects,
    options: &'a IngestOptions,
    progress: &'a mut dyn FnMut(Received),
    inflate: Decompress,
    scratch: Vec<u8>,
    received: Received,
    /// Bases of deltas that name them by id, in the order met.
    bases: Vec<ObjectId>,
    bases_seen: IdSet,
    /// Bases that are appended, the next one last.
    missing_bases: Option<Vec<ObjectId>>,
    appended: u32,
    /// What went wrong, since the indexer takes errors of its own kind only.
    failure: &'a mut Option<Error>,
    is_over: bool,
}

impl<'a> Scan<'a> {
    /// Reads the pack's header off `stream`; entries go into the file at `path`.
    pub(super) fn begin(
        stream: &'a mut dyn BufRead,
        path: &'a Path,
        objects: &'a dyn Objects,
        options: &'a IngestOptions,
        progress: &'a mut dyn FnMut(Received),
        failure: &'a mut Option<Error>,
    ) -> Result<Self, Error> {
        let file = File::create_new(path).map_err(Error::disk("create", path))?;
        let mut tee = Tee {
            stream,
            file: BufWriter::with_capacity(1 << 16, file),
            hasher: gix::hash::hasher(gix::hash::Kind::Sha1),
            crc: crc32fast::Hasher::new(),
            position: 0,
            max: options.max_bytes,
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
            objects,
            options,
            progress,
            inflate: Decompress::new(),
            scratch: vec![0; 1 << 16],
            received: Received { objects: 0, total, bytes: 0 },
            bases: Vec::new(),
            bases_seen: IdSet::default(),
            missing_bases: None,
            appended: 0,
            failure,
            is_over: false,
        })
    }

    /// How many objects the pack says it has.
    pub(super) fn total(&self) -> u32 {
        self.received.total
    }

    /// Ends a pack without any objects.
    pub(super) fn finish_empty(mut self) -> Result<Received, Error> {
        self.read_trailer()?;
        self.received.bytes = self.tee.position;
        Ok(self.received)
    }

    fn next_entry(&mut self) -> Result<Option<input::Entry>, Error> {
        if self.received.objects < self.received.total {
            let mut entry = self.read_entry()?;
            self.received.objects += 1;
            self.received.bytes = self.tee.position;
            if self.received.objects.is_multiple_of(PROGRESS_STEP) {
                (self.progress)(self.received);
            }
            if self.received.objects == self.received.total {
                let checksum = self.read_trailer()?;
                self.received.bytes = self.tee.position;
                (self.progress)(self.received);
                let mut missing: Vec<ObjectId> = std::mem::take(&mut self.bases);
                // Those that aren't here either have to be in the pack.
                missing.retain(|id| self.objects.has(id));
                missing.reverse();
                if missing.is_empty() {
                    entry.trailer = Some(checksum);
                    self.write_trailer(checksum)?;
                } else {
                    self.tee.file.flush().map_err(Error::disk("write", self.path))?;
                }
                self.missing_bases = Some(missing);
            }
            return Ok(Some(entry));
        }
        let Some(base) = self.missing_bases.as_mut().and_then(Vec::pop) else { return Ok(None) };
        let mut entry = self.append_base(base)?;
        if self.missing_bases.as_ref().is_none_or(Vec::is_empty) {
            entry.trailer = Some(self.rewrite()?);
        }
        Ok(Some(entry))
    }

    fn read_entry(&mut self) -> Result<input::Entry, Error> {
        let pack_offset = self.tee.position;
        self.tee.crc = crc32fast::Hasher::new();
        let entry = data::Entry::from_read(&mut self.tee, pack_offset, TRAILER)
            .map_err(|error| self.tee.explain_entry(error, pack_offset))?;
        let size = entry.decompressed_size;
        if size > self.options.max_object_bytes as u64 {
            return Err(Error::Limit {
                what: "bytes in an object",
                limit: self.options.max_object_bytes as u64,
            });
        }
        match entry.header {
            Header::OfsDelta { base_distance }
                if Header::verified_base_pack_offset(pack_offset, base_distance).is_none() =>
            {
                return Err(Error::Invalid(format!(
                    "the delta at offset {pack_offset} has its base outside the pack"
                )));
            }
            Header::RefDelta { base_id } if self.options.thin && self.bases_seen.insert(base_id) => {
                self.bases.push(base_id);
            }
            _ => {}
        }
        let begin = self.tee.position;
        let mut inflated = 0_u64;
        self.inflate.reset();
        loop {
            match gix_zlib::stream::inflate::read(&mut self.tee, &mut self.inflate, &mut self.scratch) {
                Ok(0) => break,
                Ok(count) => inflated += count as u64,
                Err(error) => return Err(self.tee.explain_entry(error, pack_offset)),
            }
            if inflated > size {
                return Err(Error::Invalid(format!(
                    "the entry at offset {pack_offset} inflates to more than it says"
                )));
            }
        }
        self.tee.check()?;
        if inflated != size {
            return Err(Error::Invalid(format!(
                "the entry at offset {pack_offset} inflates to less than it says"
            )));
        }
        Ok(input::Entry {
            header: entry.header,
            header_size: u16::try_from(begin - pack_offset).unwrap_or(u16::MAX),
            pack_offset,
            compressed: None,
            compressed_size: self.tee.position - begin,
            crc32: Some(self.tee.crc.clone().finalize()),
            decompressed_size: size,
            trailer: None,
        })
    }

    /// Reads the trailer, which isn't part of what it sums up, and checks it.
    fn read_trailer(&mut self) -> Result<ObjectId, Error> {
        let actual = self.tee.hasher.clone().try_finalize().map_err(|error| {
            // A collision attack.
            Error::Invalid(format!("its checksum can't be computed: {error}"))
        })?;
        let mut trailer = [0; TRAILER];
        self.tee.stream.read_exact(&mut trailer).map_err(|error| self.tee.explain(error))?;
        self.tee.position += TRAILER as u64;
        if actual.as_slice() != trailer {
            return Err(Error::Invalid("its checksum doesn't match its bytes".to_owned()));
        }
        Ok(actual)
    }

    fn write_trailer(&mut self, checksum: ObjectId) -> Result<(), Error> {
        let file = &mut self.tee.file;
        file.write_all(checksum.as_slice())
            .and_then(|()| file.flush())
            .map_err(Error::disk("write", self.path))
    }

    fn append_base(&mut self, id: ObjectId) -> Result<input::Entry, Error> {
        let mut object = Vec::new();
        let kind = self.objects.read(&id, &mut object)?.ok_or(Error::Missing(id))?;
        let header = match kind {
            gix::objs::Kind::Tree => Header::Tree,
            gix::objs::Kind::Blob => Header::Blob,
            gix::objs::Kind::Commit => Header::Commit,
            gix::objs::Kind::Tag => Header::Tag,
        };
        let mut bytes = Vec::new();
        let failed = |source| Error::Disk { what: "write", path: self.path.to_owned(), source };
        let header_size = header.write_to(object.len() as u64, &mut bytes).map_err(failed)?;
        let mut deflate =
            gix_zlib::stream::deflate::Write::new(&mut bytes, gix_zlib::Compression::BEST_SPEED);
        deflate.write_all(&object).and_then(|()| deflate.flush()).map_err(failed)?;
        drop(deflate);
        // The position has the trailer in it, which isn't in the file.
        let pack_offset =
            if self.appended == 0 { self.tee.position - TRAILER as u64 } else { self.tee.position };
        self.tee.file.write_all(&bytes).map_err(failed)?;
        self.tee.position = pack_offset + bytes.len() as u64;
        self.appended += 1;
        Ok(input::Entry {
            header,
            header_size: u16::try_from(header_size).unwrap_or(u16::MAX),
            pack_offset,
            compressed: None,
            compressed_size: (bytes.len() - header_size) as u64,
            crc32: Some(crc32fast::hash(&bytes)),
            decompressed_size: object.len() as u64,
            trailer: None,
        })
    }

    /// Puts the number of objects right and sums the whole file up anew.
    fn rewrite(&mut self) -> Result<ObjectId, Error> {
        let total = self
            .received
            .total
            .checked_add(self.appended)
            .ok_or_else(|| Error::Limit { what: "objects in a pack", limit: u64::from(u32::MAX) })?;
        let sum = || -> io::Result<ObjectId> {
            self.tee.file.flush()?;
            let file = self.tee.file.get_mut();
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&data::header::encode(data::Version::V2, total))?;
            let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
            let mut reader = BufReader::with_capacity(1 << 16, File::open(self.path)?);
            loop {
                let bytes = reader.fill_buf()?;
                if bytes.is_empty() {
                    break;
                }
                hasher.update(bytes);
                let count = bytes.len();
                reader.consume(count);
            }
            let checksum = hasher.try_finalize().map_err(io::Error::other)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(checksum.as_slice())?;
            Ok(checksum)
        };
        let mut sum = sum;
        sum().map_err(Error::disk("write", self.path))
    }
}

impl Iterator for Scan<'_> {
    type Item = gix::Result<input::Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.next_entry() {
            Ok(entry) => entry.map(Ok),
            Err(error) => {
                self.is_over = true;
                *self.failure = Some(error);
                Some(Err(gix::Error::from_error(io::Error::other("the pack can't be received"))))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // What the pack says of itself isn't believed before it's there.
        (0, Some((self.received.total as usize).min(1 << 16)))
    }
}

/// Passes what is consumed on to the file, the checksum of the pack and that of the entry.
struct Tee<'a> {
    stream: &'a mut dyn BufRead,
    file: BufWriter<File>,
    hasher: gix::hash::Hasher,
    crc: crc32fast::Hasher,
    position: u64,
    max: u64,
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
                    self.failure = Some(Error::Receive(source));
                }
            }
            Err(error) => self.failure = Some(Error::Receive(error)),
        }
        self.stream.consume(count);
        self.position += count as u64;
        if self.position > self.max {
            self.failure.get_or_insert(Error::Limit { what: "bytes in a pack", limit: self.max });
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
