//! Writing a pack, entry by entry.

use std::io;

use gix::ObjectId;

use super::store::PackStore;
use super::{Counted, Error};

/// How the pack is written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Deltas name their base by distance; otherwise by id.
    pub ofs_delta: bool,
    /// Deltas may have bases that the receiver is known to have and that aren't in the pack.
    pub thin: bool,
    /// How hard objects that aren't stored compressed in a pack are compressed.
    pub compression: gix_zlib::Compression,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { ofs_delta: true, thin: false, compression: gix_zlib::Compression::DEFAULT }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Objects in the pack.
    pub objects: u32,
    /// How many of them as deltas.
    pub deltas: u32,
    /// How many were copied as they were stored.
    pub reused: u32,
    /// Bytes of the pack, trailer included.
    pub bytes: u64,
    /// The pack's checksum, its trailer.
    pub checksum: ObjectId,
}

/// Streams the pack of `counted` to `out`, holding one entry at a time.
///
/// # Errors
/// If an object is missing or damaged, or `out` fails.
pub fn write(
    repo: &gix::Repository,
    counted: &Counted,
    options: WriteOptions,
    out: &mut dyn io::Write,
) -> Result<Written, Error> {
    let store = PackStore::new(repo.objects.store_ref().path().to_owned());
    write_with(repo, &store, counted, options, out)
}

pub(crate) fn write_with(
    repo: &gix::Repository,
    store: &PackStore,
    counted: &Counted,
    options: WriteOptions,
    out: &mut dyn io::Write,
) -> Result<Written, Error> {
    let _ = (repo, store, counted, options, out);
    todo!()
}
