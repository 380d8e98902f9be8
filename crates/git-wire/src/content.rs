//! The content of an object, read piece by piece: memory does not grow with it, unless it is stored as a delta.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::bufread::ZlibDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data::entry::Header;

use crate::limits::WHOLE_CONTENT_BYTES;
use crate::pack::store::{loose, loose_file};
use crate::pack::{Error, Pack};
use crate::repository::Reader;

/// Bytes of a pack that are inflated at once.
const PIECE: usize = 64 << 10;

/// An object that was found, before its content is read.
#[derive(Debug)]
pub struct StoredContent {
    /// The kind of the object.
    pub kind: Kind,
    /// Bytes of the content.
    pub size: u64,
    id: ObjectId,
    memory: u64,
    source: Option<Source>,
}

/// The content of an object.
#[derive(Debug)]
pub struct Content(Source);

#[derive(Debug)]
enum Source {
    Loose(Box<ZlibDecoder<BufReader<File>>>),
    Packed { pack: Arc<Pack>, at: u64, inflate: Box<Decompress> },
    Memory(Cursor<Vec<u8>>),
}

impl Reader {
    /// Finds an object. `None` if it is not there.
    ///
    /// # Errors
    /// If what is stored can't be read.
    pub fn content(&self, id: ObjectId) -> Result<Option<StoredContent>, Error> {
        let read = |source| Error::Read { id, source };
        let Some(header) = self.try_find_header(id).map_err(read)? else { return Ok(None) };
        let (kind, size) = (header.kind(), header.size());
        let found = |memory, source| Some(StoredContent { kind, size, id, memory, source });
        if size <= WHOLE_CONTENT_BYTES {
            return Ok(found(0, None));
        }
        let store = self.pack_store();
        for anew in [false, true] {
            for pack in store.packs(anew)?.iter() {
                let Some(offset) = pack.offset_of(&id) else { continue };
                let (at, memory) = locate(pack, offset, size)?;
                let source = at.map(|at| Source::Packed {
                    pack: pack.clone(),
                    at,
                    inflate: Box::new(Decompress::new(true)),
                });
                return Ok(found(memory, source));
            }
            if let Some(file) = loose_file(&store.objects_folders(), &id) {
                let inflate = loose(file)
                    .map_err(|source| Error::Read { id, source: gix::Error::from_error(source) })?;
                return Ok(found(0, Some(Source::Loose(Box::new(inflate)))));
            }
        }
        // It has just moved: gix finds it again.
        Ok(found(size.saturating_mul(2), None))
    }
}

impl StoredContent {
    /// Bytes of memory that reading the content takes, beyond a few pieces; 0 if it is streamed.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Opens the content.
    ///
    /// # Errors
    /// If what is stored can't be read.
    pub fn open(self, reader: &Reader) -> Result<Content, Error> {
        if let Some(source) = self.source {
            return Ok(Content(source));
        }
        let id = self.id;
        let mut object = reader.find_object(id).map_err(|source| Error::Read { id, source })?;
        Ok(Content(Source::Memory(Cursor::new(std::mem::take(&mut object.data)))))
    }
}

/// Finds where the deflated content begins in a pack, if it is stored as such, and how much memory a delta takes.
fn locate(pack: &Pack, mut offset: u64, size: u64) -> Result<(Option<u64>, u64), Error> {
    let (mut is_delta, mut instructions) = (false, 0_u64);
    for _ in 0..=pack.objects() {
        let entry = pack.entry_at(offset)?;
        let base = match entry.header {
            Header::OfsDelta { base_distance } => offset.checked_sub(base_distance),
            Header::RefDelta { base_id } => pack.offset_of(&base_id),
            _ if is_delta => {
                let larger = size.max(entry.decompressed_size);
                return Ok((None, larger.saturating_mul(2).saturating_add(instructions)));
            }
            _ => return Ok((Some(entry.data_offset), 0)),
        };
        is_delta = true;
        instructions = instructions.saturating_add(entry.decompressed_size);
        // A base always lies in the same pack, before its deltas if it is named by distance.
        match base {
            Some(base) if base != offset => offset = base,
            _ => return Ok((None, size.saturating_mul(2).saturating_add(instructions))),
        }
    }
    // Deltas in a circle: reading it fails.
    Ok((None, 0))
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(whole) => whole.read(buffer),
            Source::Loose(inflate) => inflate.read(buffer),
            Source::Packed { pack, at, inflate } => {
                let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the pack is damaged");
                loop {
                    let whole = pack.bytes().map_err(io::Error::other)?;
                    let start = usize::try_from(*at).map_err(io::Error::other)?;
                    let rest = whole.get(start..).ok_or_else(damaged)?;
                    let piece = &rest[..rest.len().min(PIECE)];
                    let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                    let status = inflate.decompress(piece, buffer, FlushDecompress::None)?;
                    *at += inflate.total_in() - before_in;
                    let produced =
                        usize::try_from(inflate.total_out() - before_out).map_err(io::Error::other)?;
                    if produced > 0 || status == Status::StreamEnd || buffer.is_empty() {
                        return Ok(produced);
                    }
                    if inflate.total_in() == before_in {
                        return Err(damaged());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Repository;

    fn noise(bytes: usize, mut seed: u32) -> Vec<u8> {
        (0..bytes)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_be_bytes()[0]
            })
            .collect()
    }

    #[test]
    fn content_is_the_same_however_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(folder.path()).unwrap();
        let base = noise(700_000, 1);
        let mut edited = base.clone();
        edited[300_000..300_010].copy_from_slice(b"0123456789");
        let texts =
            [b"small".to_vec(), vec![0; 3_000_000], base, edited, noise(262_144, 3), noise(262_145, 4)];
        let ids: Vec<ObjectId> = texts
            .iter()
            .map(|text| ObjectId::from_bytes_or_panic(git.blob(text).unwrap().as_bytes()))
            .collect();
        let check = |expected_deltas: usize| {
            let reader = Repository::open(folder.path()).unwrap().read();
            let mut deltas = 0;
            for (id, text) in ids.iter().zip(&texts) {
                let stored = reader.content(*id).unwrap().expect("it is there");
                assert_eq!((stored.kind, stored.size), (Kind::Blob, text.len() as u64));
                deltas += usize::from(stored.memory() > 0);
                let mut content = stored.open(&reader).unwrap();
                let mut read = Vec::new();
                content.read_to_end(&mut read).unwrap();
                assert!(read == *text, "{id}");
                assert_eq!(content.read(&mut [0; 8]).unwrap(), 0, "and it stays at its end");
            }
            assert_eq!(deltas, expected_deltas);
        };
        check(0);
        let mut builder = git.packbuilder().unwrap();
        for id in &ids {
            builder.insert_object(git2::Oid::from_bytes(id.as_slice()).unwrap(), Some("file")).unwrap();
        }
        builder.write(&folder.path().join("objects/pack"), 0).unwrap();
        drop(builder);
        for entry in std::fs::read_dir(folder.path().join("objects")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name.len() == 2) {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        check(1);
        let reader = Repository::open(folder.path()).unwrap().read();
        assert!(reader.content(ObjectId::null(gix::hash::Kind::Sha1)).unwrap().is_none());
    }
}
