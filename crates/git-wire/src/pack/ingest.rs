//! Taking in a received pack: quarantine, index, check, and only then the repository.

use super::objects::IdSet;
use std::io::BufRead;
use std::path::PathBuf;

use gix::ObjectId;

use super::Error;

/// How a received pack is treated.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Bytes the pack may have.
    pub max_bytes: u64,
    /// Objects it may have.
    pub max_objects: u32,
    /// Bytes one object may have, inflated.
    pub max_object_bytes: usize,
    /// Whether commits, trees and tags are checked by Git's fsck rules.
    pub fsck: bool,
    /// What has to be there of what the received objects point to.
    pub connectivity: Connectivity,
    /// Commits whose parents may be missing: the receiver's shallow boundary.
    pub shallow: IdSet,
    /// Whether the pack is written through to the disk before it is accepted.
    pub durable: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            max_objects: u32::MAX,
            max_object_bytes: usize::MAX,
            fsck: true,
            connectivity: Connectivity::Everything,
            shallow: IdSet::default(),
            durable: true,
        }
    }
}

/// What has to be there of what received objects point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Everything.
    Everything,
    /// Nothing: a partial clone.
    Unchecked,
}

/// What has been received so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Objects.
    pub objects: u32,
    /// Objects that the pack says it has.
    pub total: u32,
    /// Bytes.
    pub bytes: u64,
}

/// A pack that has been received and found good, in a folder of its own. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Quarantine {
    folder: tempfile::TempDir,
}

/// A pack that has become part of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The pack file; `None` if the pack held no objects.
    pub path: Option<PathBuf>,
    /// Its objects, bases added to complete a thin pack included.
    pub objects: u32,
}

impl Quarantine {
    /// What was received.
    pub fn received(&self) -> Received {
        todo!()
    }

    /// Moves the pack into the repository.
    ///
    /// # Errors
    /// If the disk fails; then nothing is left.
    pub fn accept(self) -> Result<Stored, Error> {
        let _ = self.folder;
        todo!()
    }
}

/// Receives a pack for `repo` from `stream`, reading not a byte beyond it. Nothing in the repository changes before
/// [`Quarantine::accept()`], and nothing stays behind if this fails.
///
/// # Errors
/// If the stream breaks, the pack is malformed, over a limit, or incomplete, or holds objects that no repository
/// should.
pub fn ingest(
    repo: &gix::Repository,
    stream: &mut dyn BufRead,
    options: &IngestOptions,
    progress: &mut dyn FnMut(Received),
) -> Result<Quarantine, Error> {
    let _ = (repo, stream, options, progress);
    todo!()
}
