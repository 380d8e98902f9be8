//! Large objects that are packed anew: loose ones are streamed; those made of deltas are held in memory by turns, within one
//! bound for the whole process.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress};
use gix_pack::data::entry::Header;
use gix_zlib::Compression;

use super::store::Pack;
use super::{Error, delta};
use crate::limits::{LARGE_OBJECTS_BYTES, MAX_CHAIN};

/// Bytes of a delta that tell the lengths of its base and of its object, at most.
const LENGTHS: usize = 20;
/// Bytes that are copied at once.
const PIECE: usize = 64 << 10;

/// Bytes of memory that large objects take in the whole process.
static TAKEN: Mutex<u64> = Mutex::new(0);
static FREED: Condvar = Condvar::new();
/// Whoever waits for memory holds it, so that an object that needs much is not overtaken for ever.
static NEXT: Mutex<()> = Mutex::new(());

/// Memory for large objects. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Held(u64);

impl Held {
    /// Waits for so many bytes of memory. Who wants more than there is gets all of it.
    pub(super) fn wait(bytes: u64) -> Self {
        let bytes = bytes.min(LARGE_OBJECTS_BYTES);
        let _next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |taken: &mut u64| *taken + bytes > LARGE_OBJECTS_BYTES;
        let mut taken = FREED.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        *taken += bytes;
        Self(bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        FREED.notify_one();
    }
}

/// Returns the bytes of memory that it takes to make the object whose entry begins at `offset`: those of the two largest
/// objects of its delta chain, at most, and of the deltas. 0 if the chain is broken, so that reading it fails.
pub(super) fn memory(pack: &Pack, mut offset: u64, inflate: &mut Decompress) -> Result<u64, Error> {
    let (mut largest, mut deltas) = (0_u64, 0_u64);
    // Chains that stock git has stored may be longer; beyond that their objects are taken to be no larger.
    for _ in 0..=MAX_CHAIN {
        let entry = pack.entry_at(offset)?;
        let base = match entry.header {
            Header::OfsDelta { base_distance } => offset.checked_sub(base_distance),
            Header::RefDelta { base_id } => pack.offset_of(&base_id),
            _ => {
                largest = largest.max(entry.decompressed_size);
                break;
            }
        };
        deltas = deltas.saturating_add(entry.decompressed_size);
        let start = usize::try_from(entry.data_offset).unwrap_or(usize::MAX);
        let deflated = pack.bytes()?.get(start..).unwrap_or_default();
        inflate.reset(true);
        let mut beginning = [0; LENGTHS];
        let lengths = inflate.decompress(deflated, &mut beginning, FlushDecompress::None);
        let Ok((of_base, of_object)) =
            lengths.map_err(io::Error::from).and_then(|_| delta::lengths(&mut &beginning[..]))
        else {
            return Ok(0);
        };
        largest = largest.max(of_base).max(of_object);
        match base.filter(|base| *base != offset) {
            Some(base) => offset = base,
            None => return Ok(0),
        }
    }
    Ok(largest.saturating_mul(2).saturating_add(deltas))
}

/// Compresses an object into a file without a name in `folder`, so that it need not be held while a client takes it.
pub(super) fn spool(bytes: &[u8], compression: Compression, folder: &Path) -> io::Result<File> {
    let mut deflate = gix_zlib::stream::deflate::Write::new(tempfile::tempfile_in(folder)?, compression);
    deflate.write_all(bytes)?;
    deflate.flush()?;
    let mut file = deflate.into_inner();
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Copies to `out`, and returns how many bytes that was. `failed` is the error if reading fails.
pub(super) fn copy(
    from: &mut impl Read,
    out: &mut impl Write,
    failed: impl FnOnce(io::Error) -> Error,
) -> Result<u64, Error> {
    let mut piece = vec![0; PIECE];
    let mut copied = 0;
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => return Ok(copied),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        out.write_all(&piece[..count]).map_err(Error::Send)?;
        copied += count as u64;
    }
}
