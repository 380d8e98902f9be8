//! Writing a pack, entry by entry.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use flate2::Decompress;
use gix::ObjectId;
use gix_pack::data::entry::Header;
use sha1::{Digest as _, Sha1};

use super::entries::header_of;
use super::objects::{Objects, name_of};
use super::store::{Pack, PackStore, loose, loose_file};
use super::{Counted, Error, large};
use crate::limits::{LARGE_OBJECT_BYTES, STREAMED_LOOSE_FILE};

/// The length of a pack's header.
const HEADER: usize = 12;
/// The length of a pack's trailer.
const TRAILER: usize = 20;
/// The bytes of a pack that are hashed and sent at once, while they are in the processor's cache.
const CHUNK: usize = 1 << 16;

/// The options of writing a pack.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Deltas name their base by distance; otherwise by id.
    pub ofs_delta: bool,
    /// Deltas may have bases that the receiver is known to have and that aren't in the pack.
    pub thin: bool,
    /// The compression of objects that aren't stored compressed in a pack.
    pub compression: gix_zlib::Compression,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { ofs_delta: true, thin: false, compression: gix_zlib::Compression::DEFAULT }
    }
}

/// Counts of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Objects in the pack.
    pub objects: u32,
    /// The number of deltas among them.
    pub deltas: u32,
    /// The number that were copied as they were stored.
    pub reused: u32,
    /// Bytes of the pack, trailer included.
    pub bytes: u64,
    /// The pack's checksum, its trailer.
    pub checksum: ObjectId,
}

impl Written {
    /// A pack that was there already, sent as it lay. How many of its entries are deltas nobody has counted.
    pub(crate) fn reused(objects: u32, bytes: u64) -> Self {
        let checksum = ObjectId::null(gix::hash::Kind::Sha1);
        Self { objects, deltas: 0, reused: objects, bytes, checksum }
    }
}

/// Streams the pack of `counted` to `out`, holding one entry at a time.
///
/// # Errors
/// If an object is missing or damaged, or `out` fails.
pub fn write(
    repo: &gix::Repository,
    counted: &Counted,
    options: WriteOptions,
    out: &mut dyn Write,
) -> Result<Written, Error> {
    let mut repo = repo.clone();
    repo.objects.ignore_replacements = true;
    let store = PackStore::new(repo.objects.store_ref().path().to_owned());
    write_with(&repo.objects, &store, counted, options, out)
}

/// [`write()`] with packs that may have been opened already.
pub(crate) fn write_with(
    objects: &dyn Objects,
    store: &PackStore,
    counted: &Counted,
    options: WriteOptions,
    out: &mut dyn Write,
) -> Result<Written, Error> {
    write_onto(objects, store, None, counted, options, out)
}

/// A stored pack all of whose entries come first, as they lie: their distances stay the same.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a>(pub(crate) &'a Pack);

/// [`write_with()`], behind the entries of `base`, which holds none of the objects counted.
pub(crate) fn write_onto(
    objects: &dyn Objects,
    store: &PackStore,
    base: Option<Base<'_>>,
    counted: &Counted,
    options: WriteOptions,
    out: &mut dyn Write,
) -> Result<Written, Error> {
    let in_base = base.map_or(0, |base| base.0.objects());
    let count = u32::try_from(counted.objects.len())
        .ok()
        .and_then(|count| count.checked_add(in_base))
        .ok_or(Error::Limit { what: "objects in a pack", limit: u64::from(u32::MAX) })?;
    let mut packs = store.packs(false)?;
    let mut plan = locate(&packs, objects, counted);
    if plan.iter().any(|slot| slot.pack == MISSING) {
        packs = store.packs(true)?;
        plan = locate(&packs, objects, counted);
    }
    // Within a pack, a base lies before its deltas; across packs nothing refers.
    plan.sort_unstable_by_key(|slot| (slot.pack, slot.offset));
    for group in plan.chunk_by(|a, b| a.pack == b.pack) {
        if let Some(pack) = packs.get(group[0].pack as usize) {
            pack.prepare(group.len());
        }
    }
    let known =
        if options.thin || base.is_some() { locate_known(&packs, counted) } else { Places::default() };

    let mut job = Job {
        plan: &plan,
        begins: Vec::with_capacity(plan.len()),
        known,
        base,
        options,
        out: Hashing { out, hasher: Sha1::new(), written: 0 },
        deltas: 0,
        reused: in_base,
        store,
        inflate: Decompress::new(true),
    };
    job.out
        .write_all(&gix_pack::data::header::encode(gix_pack::data::Version::V2, count))
        .map_err(Error::Send)?;
    if let Some(Base(base)) = base {
        let whole = base.bytes()?;
        let end = whole.len().saturating_sub(TRAILER);
        let entries = whole.get(HEADER..end).unwrap_or_default();
        for chunk in entries.chunks(CHUNK) {
            job.out.write_all(chunk).map_err(Error::Send)?;
        }
    }
    let mut buffer = Vec::new();
    for slot in &plan {
        job.begins.push(job.out.written);
        match packs.get(slot.pack as usize) {
            Some(pack) if job.copy(slot, pack)? => {}
            pack => job.compress(slot, pack.map(AsRef::as_ref), objects, &mut buffer)?,
        }
    }
    let Job { out, deltas, reused, .. } = job;
    let (bytes, checksum) = out.finish()?;
    Ok(Written { objects: count, deltas, reused, bytes, checksum })
}

/// Returns the delta of the object at a position, and the position of its base.
type DeltaOf<'d> = dyn FnMut(usize) -> Result<Option<(usize, Vec<u8>)>, Error> + 'd;

/// Streams the pack of `ids`, with the deltas that `delta_of` returns for their positions: each with the position of its
/// base, which is an earlier one.
pub(crate) fn write_deltas(
    objects: &dyn Objects,
    store: &PackStore,
    ids: &[ObjectId],
    delta_of: &mut DeltaOf<'_>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let count = u32::try_from(ids.len())
        .map_err(|_| Error::Limit { what: "objects in a pack", limit: u64::from(u32::MAX) })?;
    let packs = store.packs(false)?;
    let mut last = 0;
    // No plan: stored deltas are not copied.
    let mut job = Job {
        plan: &[],
        begins: Vec::with_capacity(ids.len()),
        known: Places::default(),
        base: None,
        options: WriteOptions::default(),
        out: Hashing { out, hasher: Sha1::new(), written: 0 },
        deltas: 0,
        reused: 0,
        store,
        inflate: Decompress::new(true),
    };
    job.out
        .write_all(&gix_pack::data::header::encode(gix_pack::data::Version::V2, count))
        .map_err(Error::Send)?;
    let mut buffer = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let begin = job.out.written;
        job.begins.push(begin);
        if let Some((base, delta)) = delta_of(at)? {
            let header = Header::OfsDelta { base_distance: begin - job.begins[base] };
            header.write_to(delta.len() as u64, &mut job.out).map_err(Error::Send)?;
            job.deflate(&delta)?;
            continue;
        }
        let (pack, offset) = find(&packs, &mut last, id).unwrap_or((LOOSE, 0));
        let slot = Slot { pack, offset, id: *id };
        match packs.get(pack as usize) {
            Some(pack) if job.copy(&slot, pack)? => {}
            pack => job.compress(&slot, pack.map(AsRef::as_ref), objects, &mut buffer)?,
        }
    }
    job.out.finish().map(|_| ())
}

/// An object to write, and where it is stored.
struct Slot {
    /// The number of the pack, [`LOOSE`] or [`MISSING`].
    pack: u32,
    offset: u64,
    id: ObjectId,
}

const LOOSE: u32 = u32::MAX - 1;
const MISSING: u32 = u32::MAX;

fn locate(packs: &[Arc<Pack>], objects: &dyn Objects, counted: &Counted) -> Vec<Slot> {
    let mut last = 0;
    counted
        .objects
        .iter()
        .map(|id| match find(packs, &mut last, id) {
            Some((pack, offset)) => Slot { pack, offset, id: *id },
            None => Slot { pack: if objects.has(id) { LOOSE } else { MISSING }, offset: 0, id: *id },
        })
        .collect()
}

/// Finds the pack and offset of `id`, beginning in the pack where the last one lay.
fn find(packs: &[Arc<Pack>], last: &mut usize, id: &ObjectId) -> Option<(u32, u64)> {
    let hint = (*last < packs.len()).then_some(*last);
    for at in hint.into_iter().chain((0..packs.len()).filter(|at| Some(*at) != hint)) {
        if let Some(offset) = packs[at].offset_of(id) {
            *last = at;
            return Some((u32::try_from(at).ok()?, offset));
        }
    }
    None
}

fn locate_known(packs: &[Arc<Pack>], counted: &Counted) -> Places {
    let mut last = 0;
    counted
        .known
        .iter()
        .filter_map(|id| Some((*id, find(packs, &mut last, id)?)))
        .map(|(id, place)| (place, id))
        .collect()
}

type Places = HashMap<(u32, u64), ObjectId>;

struct Job<'a> {
    plan: &'a [Slot],
    /// The offset of each entry written so far in the new pack.
    begins: Vec<u64>,
    /// The places of objects that the receiver has, or gets with the base.
    known: Places,
    base: Option<Base<'a>>,
    options: WriteOptions,
    out: Hashing<'a>,
    deltas: u32,
    reused: u32,
    store: &'a PackStore,
    /// Reads the beginnings of deltas.
    inflate: Decompress,
}

impl Job<'_> {
    /// Copies an entry as it is stored; `false` if it is a delta whose base doesn't go along.
    fn copy(&mut self, slot: &Slot, pack: &Pack) -> Result<bool, Error> {
        let entry = pack.entry(&slot.id, slot.offset)?;
        let header = match entry.header {
            Header::OfsDelta { base_distance } => {
                let Some(base) = slot.offset.checked_sub(base_distance) else {
                    return Err(Error::Damaged { id: slot.id, path: pack.path().to_owned() });
                };
                self.delta_header(slot, base)
            }
            Header::RefDelta { base_id } => {
                pack.offset_of(&base_id).and_then(|base| self.delta_header(slot, base))
            }
            whole => Some(whole),
        };
        let Some(header) = header else { return Ok(false) };
        self.deltas += u32::from(header.is_delta());
        self.reused += 1;
        header.write_to(entry.size, &mut self.out).map_err(Error::Send)?;
        self.out.write_all(entry.compressed).map_err(Error::Send)?;
        Ok(true)
    }

    /// The header of a stored delta of `slot` whose base lies at `base` in the same pack.
    fn delta_header(&self, slot: &Slot, base: u64) -> Option<Header> {
        if let Ok(at) = self.plan.binary_search_by_key(&(slot.pack, base), |slot| (slot.pack, slot.offset)) {
            let written = self.begins.get(at).filter(|_| self.options.ofs_delta);
            return Some(match written {
                Some(begin) => Header::OfsDelta { base_distance: self.out.written - begin },
                None => Header::RefDelta { base_id: self.plan[at].id },
            });
        }
        let base_id = self.known.get(&(slot.pack, base))?;
        if let Some(begin) = self.base.and_then(|base| base.0.offset_of(base_id)) {
            return Some(if self.options.ofs_delta {
                Header::OfsDelta { base_distance: self.out.written - begin }
            } else {
                Header::RefDelta { base_id: *base_id }
            });
        }
        self.options.thin.then_some(Header::RefDelta { base_id: *base_id })
    }

    /// Writes an object anew.
    fn compress(
        &mut self,
        slot: &Slot,
        pack: Option<&Pack>,
        objects: &dyn Objects,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let memory = match pack {
            Some(pack) => large::memory(pack, slot.offset, &mut self.inflate)?,
            None if self.stream_loose(slot, objects)? => return Ok(()),
            None => 0,
        };
        if memory <= LARGE_OBJECT_BYTES {
            let kind = objects.read(&slot.id, buffer)?.ok_or(Error::Missing(slot.id))?;
            header_of(kind).write_to(buffer.len() as u64, &mut self.out).map_err(Error::Send)?;
            return self.deflate(buffer);
        }
        let held = large::Held::wait(memory);
        let mut bytes = Vec::new();
        let kind = objects.read(&slot.id, &mut bytes)?.ok_or(Error::Missing(slot.id))?;
        header_of(kind).write_to(bytes.len() as u64, &mut self.out).map_err(Error::Send)?;
        // On a disk that cannot be written to, the memory is held for as long as the client takes.
        let Ok(mut file) = large::spool(&bytes, self.options.compression, self.store.objects_folder()) else {
            return self.deflate(&bytes);
        };
        drop((bytes, held));
        let failed = Error::disk("read", self.store.objects_folder());
        large::copy(&mut file, &mut self.out, failed).map(|_| ())
    }

    /// Streams a loose object if its file is large; `false` if it is small, or is loose no more.
    fn stream_loose(&mut self, slot: &Slot, objects: &dyn Objects) -> Result<bool, Error> {
        let id = slot.id;
        let Some(file) = loose_file(&self.store.objects_folders(), &id) else { return Ok(false) };
        if file.metadata().is_ok_and(|meta| meta.len() < STREAMED_LOOSE_FILE) {
            return Ok(false);
        }
        let (kind, size) = objects.header(&id)?.ok_or(Error::Missing(id))?;
        let failed = |source| Error::Read { id, source: gix::Error::from_error(source) };
        let mut content = loose(file).map_err(failed)?;
        header_of(kind).write_to(size, &mut self.out).map_err(Error::Send)?;
        let mut deflate = gix_zlib::stream::deflate::Write::new(&mut self.out, self.options.compression);
        if large::copy(&mut content, &mut deflate, failed)? != size {
            return Err(Error::Malformed { id, expected: name_of(kind) });
        }
        deflate.flush().map_err(Error::Send)?;
        Ok(true)
    }

    fn deflate(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut deflate = gix_zlib::stream::deflate::Write::new(&mut self.out, self.options.compression);
        deflate.write_all(bytes).and_then(|()| deflate.flush()).map_err(Error::Send)
    }
}

/// Counts and hashes what is written. The bytes are ours, so nobody has to look for collisions in them.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Sha1,
    written: u64,
}

impl Hashing<'_> {
    fn finish(self) -> Result<(u64, ObjectId), Error> {
        let checksum = ObjectId::from_bytes_or_panic(&self.hasher.finalize());
        self.out.write_all(checksum.as_slice()).map_err(Error::Send)?;
        self.out.flush().map_err(Error::Send)?;
        Ok((self.written + checksum.as_slice().len() as u64, checksum))
    }
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
