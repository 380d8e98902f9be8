//! Stored packs as the pack builder reads them: where an entry lies and how long it is, without inflating it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use flate2::bufread::ZlibDecoder;
use gix::{ObjectId, oid};
use gix_pack::{data, index};

use super::Error;

/// Up to so many objects, the offsets of a pack are sorted even for a single entry; it's done once.
const ALWAYS_SORT: u32 = 200_000;

/// All packs of a repository, opened once and kept for as long as they're there.
pub(crate) struct PackStore {
    objects: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The folders with packs, and when they last changed.
    folders: Vec<(PathBuf, Option<SystemTime>)>,
    packs: Arc<Vec<Arc<Pack>>>,
}

/// The times that the folders are listed again because a file went between being listed and being opened.
const LISTINGS: usize = 8;

/// One pack and its index, both open: who has a pack can read it, also when its files are removed meanwhile.
pub(crate) struct Pack {
    path: PathBuf,
    index: index::File,
    data: data::File,
    /// The offsets of entries, sorted; the last is that of the pack's trailer.
    offsets: OnceLock<Vec<u64>>,
}

/// An entry of a pack as it's stored.
pub(crate) struct StoredEntry<'a> {
    /// The entry's header.
    pub(crate) header: data::entry::Header,
    /// The size of the object or delta, inflated.
    pub(crate) size: u64,
    /// The deflated bytes.
    pub(crate) compressed: &'a [u8],
}

impl PackStore {
    /// The packs below the folder `objects` and its alternates; nothing is read yet.
    pub(crate) fn new(objects: PathBuf) -> Self {
        Self { objects, state: Mutex::default() }
    }

    /// The folder of the repository's own objects.
    pub(crate) fn objects_folder(&self) -> &Path {
        &self.objects
    }

    /// The folders of loose objects: the repository's own and those of its alternates, as of the last look at the packs.
    pub(crate) fn objects_folders(&self) -> Vec<PathBuf> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.folders.iter().filter_map(|(folder, _)| folder.parent()).map(Path::to_owned).collect()
    }

    /// All packs there are now, the largest first. Looks at the folders' times alone unless one has changed, or
    /// `anew` is set.
    pub(crate) fn packs(&self, anew: bool) -> Result<Arc<Vec<Arc<Pack>>>, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if anew || state.folders.is_empty() {
            let mut folders = vec![(self.objects.join("pack"), None)];
            let alternates =
                gix::odb::alternate::resolve(self.objects.clone(), &self.objects).unwrap_or_default();
            folders.extend(alternates.into_iter().map(|objects| (objects.join("pack"), None)));
            state.folders = folders;
        }
        let mut has_changed = false;
        for (folder, known) in &mut state.folders {
            let changed = fs::metadata(&folder).and_then(|meta| meta.modified()).ok();
            has_changed |= changed.is_none() || changed != *known;
            *known = changed;
        }
        if has_changed {
            let mut packs = Vec::new();
            for _ in 0..LISTINGS {
                packs.clear();
                let mut is_whole = true;
                for (folder, _) in &state.folders {
                    is_whole &= list(folder, &state.packs, &mut packs)?;
                }
                if is_whole {
                    break;
                }
            }
            packs.sort_by(|a, b| {
                b.index.num_objects().cmp(&a.index.num_objects()).then_with(|| a.path.cmp(&b.path))
            });
            state.packs = Arc::new(packs);
        }
        Ok(Arc::clone(&state.packs))
    }
}

impl fmt::Debug for PackStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackStore").field("objects", &self.objects).finish_non_exhaustive()
    }
}

/// Adds the packs in `folder` to `packs`, taking those already open from `known`. Whether none of them went meanwhile:
/// then what it was consolidated into may not have been listed either.
fn list(folder: &Path, known: &[Arc<Pack>], packs: &mut Vec<Arc<Pack>>) -> Result<bool, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Error::disk("list", folder)(error)),
    };
    let mut is_whole = true;
    for entry in entries {
        let path = entry.map_err(Error::disk("list", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        let pack = path.with_extension("pack");
        if let Some(open) = known.iter().find(|open| open.path == pack) {
            packs.push(Arc::clone(open));
            continue;
        }
        match Pack::open(&path, &pack) {
            Ok(open) => packs.push(Arc::new(open)),
            Err(_) if !path.exists() => is_whole = false,
            // An index whose pack is missing is nothing.
            Err(_) if !pack.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(is_whole)
}

impl Pack {
    fn open(index: &Path, pack: &Path) -> Result<Self, Error> {
        let failed =
            |path: &Path, error: gix::Error| Error::Store { path: path.to_owned(), source: error.into() };
        let hash = gix::hash::Kind::Sha1;
        Ok(Self {
            index: index::File::at(index, hash).map_err(|error| failed(index, error))?,
            data: data::File::at(pack, hash).map_err(|error| failed(pack, error))?,
            path: pack.to_owned(),
            offsets: OnceLock::new(),
        })
    }

    /// The pack's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of its objects.
    pub(crate) fn objects(&self) -> u32 {
        self.index.num_objects()
    }

    /// Returns whether its trailer is `checksum`.
    pub(crate) fn has_checksum(&self, checksum: &oid) -> bool {
        self.index.pack_checksum() == checksum
    }

    /// The ids of its objects, sorted.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        (0..self.index.num_objects()).map(|at| self.index.oid_at_index(at).to_owned())
    }

    /// The whole file, header and trailer included.
    pub(crate) fn bytes(&self) -> Result<&[u8], Error> {
        let whole = self.data.entry_slice(0..self.data.data_len() as u64);
        whole.ok_or_else(|| Error::Invalid(format!("'{}' has no beginning", self.path.display())))
    }

    /// Returns the offset of the entry of `id`.
    pub(crate) fn offset_of(&self, id: &oid) -> Option<u64> {
        self.index.lookup(id).map(|at| self.index.pack_offset_at_index(at))
    }

    /// The header of the entry that begins at `offset`.
    pub(crate) fn entry_at(&self, offset: u64) -> Result<data::Entry, Error> {
        let invalid = || Error::Invalid(format!("'{}' has no entry at {offset}", self.path.display()));
        if offset >= self.data.pack_end() as u64 {
            return Err(invalid());
        }
        self.data.entry(offset).map_err(|_| invalid())
    }

    /// Gets ready to read `entries` entries.
    pub(crate) fn prepare(&self, entries: usize) {
        let objects = self.index.num_objects();
        if objects <= ALWAYS_SORT || entries > objects as usize / 32 {
            self.offsets.get_or_init(|| self.index.sorted_offsets());
        }
    }

    /// The entry of `id`, which begins at `offset`. Its bytes are checked against the index's checksum.
    pub(crate) fn entry(&self, id: &ObjectId, offset: u64) -> Result<StoredEntry<'_>, Error> {
        let damaged = || Error::Damaged { id: *id, path: self.path.clone() };
        let data = &self.data;
        if offset >= data.pack_end() as u64 {
            return Err(damaged());
        }
        let entry = data.entry(offset).map_err(|_| damaged())?;
        let end = if let Some(offsets) = self.offsets.get() {
            let next = offsets.partition_point(|begin| *begin <= offset);
            offsets.get(next).copied().unwrap_or(data.pack_end() as u64)
        } else {
            let mut rest = data.entry_slice(entry.data_offset..data.pack_end() as u64).ok_or_else(damaged)?;
            let measured = gix_zlib::stream::inflate::Measure::default().read(&mut rest);
            entry.data_offset + measured.map_err(|_| damaged())?.1
        };
        let whole = data.entry_slice(offset..end).ok_or_else(damaged)?;
        let checksum = self.index.lookup(id).and_then(|at| self.index.crc32_at_index(at));
        if checksum.is_some_and(|checksum| checksum != crc32fast::hash(whole)) {
            return Err(damaged());
        }
        let header_size = usize::try_from(entry.data_offset - offset).map_err(|_| damaged())?;
        let compressed = whole.get(header_size..).ok_or_else(damaged)?;
        Ok(StoredEntry { header: entry.header, size: entry.decompressed_size, compressed })
    }
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pack").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Bytes of the header of a loose object: a kind, a size and a zero byte.
const LOOSE_HEADER: u64 = 64;

/// The file of a loose object.
pub(crate) fn loose_file(folders: &[PathBuf], id: &ObjectId) -> Option<File> {
    let hex = id.to_string();
    folders.iter().find_map(|folder| File::open(folder.join(&hex[..2]).join(&hex[2..])).ok())
}

/// A loose object, read up to where its content begins.
pub(crate) fn loose(file: File) -> io::Result<ZlibDecoder<BufReader<File>>> {
    let mut inflate = ZlibDecoder::new(BufReader::with_capacity(32 << 10, file));
    let mut byte = [1];
    for _ in 0..LOOSE_HEADER {
        inflate.read_exact(&mut byte)?;
        if byte == [0] {
            return Ok(inflate);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the loose object has no header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_is_listed_can_be_read_when_its_files_have_gone() {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(folder.path()).unwrap();
        let blob = repository.blob(b"what is in the pack").unwrap();
        let mut builder = repository.packbuilder().unwrap();
        builder.insert_object(blob, None).unwrap();
        let packs = folder.path().join("objects/pack");
        builder.write(&packs, 0).unwrap();

        let store = PackStore::new(folder.path().join("objects"));
        let listed = store.packs(false).unwrap();
        for entry in fs::read_dir(&packs).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let id = ObjectId::from_bytes_or_panic(blob.as_bytes());
        let offset = listed[0].offset_of(&id).unwrap();
        assert_eq!(listed[0].entry(&id, offset).unwrap().size, 19);
        assert!(store.packs(true).unwrap().is_empty(), "and it is not listed again");
    }
}
