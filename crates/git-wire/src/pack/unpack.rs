//! Unpacks small packs without a quarantine on the disk: they are read, resolved and checked in memory, then written as
//! loose objects, as Git's receive-pack does below `receive.unpackLimit`. A push of one commit costs a file for each of
//! its objects and nothing more.
//!
//! Only well-formed small packs are unpacked. Any other pack is indexed by `ingest`, which gets the bytes read so far and
//! reports what is wrong.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gix::objs::Kind;
use gix::{ObjectId, oid};
use gix_pack::data;
use gix_pack::data::entry::Header;
use gix_zlib::Decompress;

use super::check::{Checked, Checker, New};
use super::objects::{IdMap, Objects, see_new_packs};
use super::{Error, IngestOptions, Received, delta};

/// Bytes that a small pack has at most, as it comes and inflated.
const MAX_BYTES: usize = 1 << 20;
const MAX_INFLATED: u64 = 4 << 20;
/// The length of a pack's trailer.
const TRAILER: usize = 20;
/// The longest chain of deltas; Git makes 50.
const MAX_CHAIN: usize = 4_096;

/// The objects of a small pack, in front of those of the repository.
pub(crate) struct Unpacked {
    repository: gix::odb::Handle,
    /// In the pack's order.
    pub(super) ids: Vec<ObjectId>,
    objects: IdMap<(Kind, Vec<u8>)>,
    pub(super) received: Received,
    /// The pack as it came.
    pub(super) bytes: Vec<u8>,
}

/// The result of [`read`].
pub(super) enum Attempt {
    Unpacked(Box<Unpacked>),
    /// The bytes read so far.
    Other(Vec<u8>),
}

/// An entry as it came: what it is, or what it is based on, and its bytes inflated.
struct Entry {
    offset: u64,
    header: Header,
    bytes: Vec<u8>,
}

/// Reads a pack of fewer than `options.unpack_below` objects.
pub(super) fn read(
    stream: &mut dyn BufRead,
    repository: &gix::odb::Handle,
    options: &IngestOptions,
) -> Result<Attempt, Error> {
    let mut kept = Kept { stream, bytes: Vec::new() };
    match entries(&mut kept, options) {
        Ok(Some(entries)) => {
            // Packs that came meanwhile are looked for once, and not again for each object that is new.
            let mut repository = repository.clone();
            see_new_packs(&repository);
            repository.refresh_never();
            match resolve(&entries, &repository, options) {
                Some(resolved) => {
                    let ids: Vec<ObjectId> = resolved.iter().map(|(id, _, _)| *id).collect();
                    let received = Received {
                        objects: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                        total: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                        bytes: kept.bytes.len() as u64,
                    };
                    let objects = resolved.into_iter().map(|(id, kind, bytes)| (id, (kind, bytes))).collect();
                    let bytes = kept.bytes;
                    Ok(Attempt::Unpacked(Box::new(Unpacked { repository, ids, objects, received, bytes })))
                }
                None => Ok(Attempt::Other(kept.bytes)),
            }
        }
        Ok(None) => Ok(Attempt::Other(kept.bytes)),
        Err(error) if is_of_the_bytes(&error) => Ok(Attempt::Other(kept.bytes)),
        Err(error) => Err(Error::Receive(error)),
    }
}

/// Returns whether the pack is to blame for an error, and not the stream.
fn is_of_the_bytes(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

/// All entries of the pack, its checksum compared; `None` if it isn't small or not as it should be.
fn entries(kept: &mut Kept<'_>, options: &IngestOptions) -> io::Result<Option<Vec<Entry>>> {
    let mut header = [0; 12];
    kept.read_exact(&mut header)?;
    let Ok((data::Version::V2, total)) = data::header::decode(&header) else { return Ok(None) };
    if total == 0 || total >= options.unpack_below {
        return Ok(None);
    }
    let mut inflate = Decompress::new();
    let mut inflated = 0;
    let mut entries = Vec::with_capacity(total as usize);
    for _ in 0..total {
        let offset = kept.bytes.len() as u64;
        let entry = data::Entry::from_read(kept, offset, TRAILER)?;
        let size = entry.decompressed_size;
        inflated += size;
        if inflated > MAX_INFLATED || size > options.max_object_bytes as u64 {
            return Ok(None);
        }
        // One byte more than there should be, to see whether there is.
        let Ok(size) = usize::try_from(size) else { return Ok(None) };
        let mut bytes = vec![0; size + 1];
        inflate.reset();
        let mut filled = 0;
        loop {
            match gix_zlib::stream::inflate::read(kept, &mut inflate, &mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
            if filled > size || kept.is_full(options) {
                return Ok(None);
            }
        }
        if filled != size {
            return Ok(None);
        }
        bytes.truncate(size);
        entries.push(Entry { offset, header: entry.header, bytes });
    }
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&kept.bytes);
    let mut trailer = [0; TRAILER];
    kept.read_exact(&mut trailer)?;
    let matches = hasher.try_finalize().is_ok_and(|actual| actual.as_slice() == trailer);
    Ok(matches.then_some(entries))
}

/// The objects that the entries are; `None` if one can't be made out, for the lack of its base above all.
fn resolve(
    entries: &[Entry],
    repository: &gix::odb::Handle,
    options: &IngestOptions,
) -> Option<Vec<(ObjectId, Kind, Vec<u8>)>> {
    let mut done: Vec<Option<(ObjectId, Kind, Vec<u8>)>> = entries.iter().map(|_| None).collect();
    let mut by_id: IdMap<usize> = IdMap::default();
    let mut total: u64 = entries.iter().map(|entry| entry.bytes.len() as u64).sum();
    // A base may stand behind its delta if it is named by id: as many rounds as there are links.
    for _ in 0..MAX_CHAIN {
        let mut left = 0;
        for (at, entry) in entries.iter().enumerate() {
            if done[at].is_some() {
                continue;
            }
            let mut outside = Vec::new();
            let (kind, bytes) = match entry.header {
                Header::Commit => (Kind::Commit, entry.bytes.clone()),
                Header::Tree => (Kind::Tree, entry.bytes.clone()),
                Header::Blob => (Kind::Blob, entry.bytes.clone()),
                Header::Tag => (Kind::Tag, entry.bytes.clone()),
                Header::OfsDelta { base_distance } => {
                    let base = entry.offset.checked_sub(base_distance)?;
                    let base = entries.binary_search_by_key(&base, |entry| entry.offset).ok()?;
                    let Some((_, kind, base)) = &done[base] else {
                        left += 1;
                        continue;
                    };
                    (*kind, delta::object(base, &entry.bytes, MAX_INFLATED)?)
                }
                Header::RefDelta { base_id } => match by_id.get(&base_id).map(|at| &done[*at]) {
                    Some(Some((_, kind, base))) => (*kind, delta::object(base, &entry.bytes, MAX_INFLATED)?),
                    _ if options.thin && is_small(repository, &base_id) => {
                        let kind = repository.read(&base_id, &mut outside).ok()??;
                        (kind, delta::object(&outside, &entry.bytes, MAX_INFLATED)?)
                    }
                    _ => {
                        left += 1;
                        continue;
                    }
                },
            };
            total += bytes.len() as u64;
            if total > 4 * MAX_INFLATED {
                return None;
            }
            let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, &bytes).ok()?;
            by_id.insert(id, at);
            done[at] = Some((id, kind, bytes));
        }
        if left == 0 {
            return done.into_iter().collect();
        }
        if left == entries.len() {
            return None;
        }
    }
    None
}

/// Returns whether an object is there and is none of the large.
fn is_small(repository: &gix::odb::Handle, id: &oid) -> bool {
    matches!(repository.header(id), Ok(Some((_, size))) if size <= MAX_INFLATED)
}

impl Unpacked {
    /// Returns whether an object is in the pack.
    pub(super) fn is_new(&self, id: &oid) -> bool {
        self.objects.contains_key(id)
    }

    /// Checks all objects.
    pub(super) fn check(&self, options: &IngestOptions) -> Result<Checked, Error> {
        let mut checker = Checker::new(options);
        for id in &self.ids {
            if let Some((kind, bytes)) = self.objects.get(id).filter(|(kind, _)| *kind != Kind::Blob) {
                checker.object(*id, *kind, bytes)?;
            }
        }
        checker.finish(self, &self.ids, self)
    }

    /// Writes what the repository lacks below its folder `objects`. What is pointed to comes first: cut off, this
    /// leaves nothing that points to what isn't there. Like stock Git's, loose objects aren't waited for to reach the
    /// disk.
    pub(super) fn store(&self, objects: &Path) -> Result<(), Error> {
        for wanted in [Kind::Blob, Kind::Tree, Kind::Commit, Kind::Tag] {
            for id in &self.ids {
                if let Some((kind, bytes)) = self.objects.get(id).filter(|(kind, _)| *kind == wanted)
                    && !self.repository.has(id)
                {
                    write_loose(objects, id, *kind, bytes)?;
                }
            }
        }
        Ok(())
    }
}

fn write_loose(objects: &Path, id: &oid, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
    let hex = id.to_hex().to_string();
    let folder = objects.join(&hex[..2]);
    // Stock Git knows the name, and clears away what a killed process leaves.
    let create = || {
        tempfile::Builder::new()
            .prefix("tmp_obj_")
            .permissions(Permissions::from_mode(0o444))
            .tempfile_in(&folder)
    };
    let file = create().or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        fs::create_dir_all(&folder)?;
        create()
    });
    let mut file = file.map_err(Error::disk("create a file in", &folder))?;
    let mut packed = Vec::with_capacity(bytes.len() / 2 + 64);
    deflate(kind, bytes, &mut packed)
        .and_then(|()| File::write_all(file.as_file_mut(), &packed))
        .map_err(Error::disk("write", &folder))?;
    let target = folder.join(&hex[2..]);
    file.persist(&target).map_err(|error| Error::disk("create", &target)(error.error))?;
    Ok(())
}

fn deflate(kind: Kind, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut deflate = gix_zlib::stream::deflate::Write::new(out, gix_zlib::Compression::BEST_SPEED);
    deflate.write_all(&gix::objs::encode::loose_header(kind, bytes.len() as u64))?;
    deflate.write_all(bytes)?;
    deflate.flush()
}

impl Objects for Unpacked {
    fn read(&self, id: &oid, buffer: &mut Vec<u8>) -> Result<Option<Kind>, Error> {
        match self.objects.get(id) {
            Some((kind, bytes)) => {
                buffer.clear();
                buffer.extend_from_slice(bytes);
                Ok(Some(*kind))
            }
            None => self.repository.read(id, buffer),
        }
    }

    fn header(&self, id: &oid) -> Result<Option<(Kind, u64)>, Error> {
        match self.objects.get(id) {
            Some((kind, bytes)) => Ok(Some((*kind, bytes.len() as u64))),
            None => self.repository.header(id),
        }
    }

    fn has(&self, id: &oid) -> bool {
        self.objects.contains_key(id) || self.repository.has(id)
    }
}

impl New for Unpacked {
    fn kind(&self, id: &oid) -> Option<Kind> {
        self.objects.get(id).map(|(kind, _)| *kind)
    }
}

impl std::fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacked").field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// A stream that keeps what is taken from it.
struct Kept<'a> {
    stream: &'a mut dyn BufRead,
    bytes: Vec<u8>,
}

impl Kept<'_> {
    fn is_full(&self, options: &IngestOptions) -> bool {
        self.bytes.len() > MAX_BYTES || self.bytes.len() as u64 > options.max_bytes
    }
}

impl BufRead for Kept<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // The stream's buffer is still the one that the caller has seen.
        if let Ok(buffer) = self.stream.fill_buf() {
            self.bytes.extend_from_slice(&buffer[..count.min(buffer.len())]);
        }
        self.stream.consume(count);
    }
}

impl Read for Kept<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
