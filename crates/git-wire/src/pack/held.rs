//! The bytes of delta bases while a pack is taken in: in memory as far as the budget goes, in files beyond it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;
use super::delta::Base;
use crate::limits::{MAX_BASE_FILES, MAX_BASE_MEMORY};

/// The bytes of a file that are written at once.
const PIECE: usize = 1 << 16;

/// The memory held by all threads that receive one pack.
#[derive(Debug)]
pub(super) struct Budget {
    memory: AtomicU64,
    files: AtomicU64,
    inflated: AtomicU64,
    max_inflated: u64,
}

impl Budget {
    /// A budget for a pack of which no more than `max_inflated` bytes are to be made.
    pub(super) fn new(max_inflated: u64) -> Self {
        Self {
            memory: AtomicU64::new(0),
            files: AtomicU64::new(0),
            inflated: AtomicU64::new(0),
            max_inflated,
        }
    }

    /// Counts an object that is made.
    pub(super) fn make(&self, length: u64) -> Result<(), Error> {
        let before = self.inflated.fetch_add(length, Ordering::Relaxed);
        if before.saturating_add(length) > self.max_inflated {
            return Err(Error::Limit { what: "bytes in a pack, inflated", limit: self.max_inflated });
        }
        Ok(())
    }
}

/// Takes `length` from what `used` leaves of `limit`.
fn take(used: &AtomicU64, length: u64, limit: u64) -> bool {
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
        used.checked_add(length).filter(|used| *used <= limit)
    })
    .is_ok()
}

/// The bytes of an object.
#[derive(Debug)]
pub(super) struct Held<'b> {
    bytes: Bytes,
    length: u64,
    budget: &'b Budget,
}

#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    File(File),
}

impl<'b> Held<'b> {
    /// Holds `bytes`; files are made in `folder`, without names.
    pub(super) fn new(bytes: Vec<u8>, budget: &'b Budget, folder: &Path) -> Result<Self, Error> {
        let length = bytes.len() as u64;
        let mut holding = Holding::new(length, budget, folder)?;
        match &mut holding.to {
            To::Memory(room) => *room = bytes,
            To::File(file) => file.write_all(&bytes).map_err(Error::disk("write a file in", folder))?,
        }
        holding.finish().map_err(Error::disk("write a file in", folder))
    }

    /// The bytes, if they are in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match &self.bytes {
            Bytes::Memory(bytes) => Some(bytes),
            Bytes::File(_) => None,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let used = match self.bytes {
            Bytes::Memory(_) => &self.budget.memory,
            Bytes::File(_) => &self.budget.files,
        };
        used.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl Base for Held<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn copy(&self, offset: u64, count: u64, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let file = match &self.bytes {
            Bytes::Memory(bytes) => return bytes.as_slice().copy(offset, count, out),
            Bytes::File(file) => file,
        };
        let (mut offset, mut left) = (offset, count);
        let mut piece = [0; 1 << 14];
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(piece.len()).min(piece.len());
            file.read_exact_at(&mut piece[..count], offset)?;
            out(&piece[..count])?;
            offset += count as u64;
            left -= count as u64;
        }
        Ok(())
    }
}

/// Bytes that come in pieces and are going to be held.
pub(super) struct Holding<'b> {
    to: To,
    length: u64,
    budget: &'b Budget,
}

enum To {
    Memory(Vec<u8>),
    File(BufWriter<File>),
}

impl<'b> Holding<'b> {
    /// Takes room for `length` bytes; files are made in `folder`, without names.
    pub(super) fn new(length: u64, budget: &'b Budget, folder: &Path) -> Result<Self, Error> {
        let to = if take(&budget.memory, length, MAX_BASE_MEMORY) {
            To::Memory(Vec::with_capacity(usize::try_from(length).unwrap_or(0)))
        } else if take(&budget.files, length, MAX_BASE_FILES) {
            let file = tempfile::tempfile_in(folder).map_err(Error::disk("create a file in", folder));
            To::File(BufWriter::with_capacity(
                PIECE,
                file.inspect_err(|_| {
                    budget.files.fetch_sub(length, Ordering::Relaxed);
                })?,
            ))
        } else {
            return Err(Error::Bases { limit: MAX_BASE_FILES });
        };
        Ok(Self { to, length, budget })
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.to {
            To::Memory(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
            To::File(file) => file.write_all(bytes),
        }
    }

    /// All of it.
    pub(super) fn finish(mut self) -> io::Result<Held<'b>> {
        let bytes = match &mut self.to {
            To::Memory(bytes) => Bytes::Memory(std::mem::take(bytes)),
            To::File(file) => {
                file.flush()?;
                Bytes::File(file.get_ref().try_clone()?)
            }
        };
        let held = Held { bytes, length: self.length, budget: self.budget };
        // The room goes with what is held.
        self.length = 0;
        Ok(held)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let used = match self.to {
            To::Memory(_) => &self.budget.memory,
            To::File(_) => &self.budget.files,
        };
        used.fetch_sub(self.length, Ordering::Relaxed);
    }
}
