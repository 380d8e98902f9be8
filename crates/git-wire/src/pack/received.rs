//! The options for a received pack, and how far it has come.

use std::collections::HashSet;

use gix::ObjectId;

use crate::Interrupt;
use crate::policy::ObjectRules;

/// The options for a received pack.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Bytes the pack may have.
    pub max_bytes: u64,
    /// Objects it may have.
    pub max_objects: u32,
    /// Bytes one object may have, inflated.
    pub max_object_bytes: usize,
    /// Bytes all its objects and deltas together may have, inflated.
    pub max_inflated_bytes: u64,
    /// Ends the work when it is set.
    pub interrupt: Interrupt,
    /// The receiver's own rules for objects.
    pub rules: ObjectRules,
    /// True if commits, trees and tags are checked by Git's fsck rules.
    pub fsck: bool,
    /// The check that the objects which the received ones point to are there.
    pub connectivity: Connectivity,
    /// Commits whose parents may be missing: the receiver's shallow boundary.
    pub shallow: HashSet<ObjectId>,
    /// True if deltas may have bases that aren't in the pack: those that are in the repository are added to it.
    pub thin: bool,
    /// True if the pack is written through to the disk before it is accepted.
    pub durable: bool,
    /// A pack of fewer objects than that is taken apart into loose objects, as Git's `transfer.unpackLimit` says. They
    /// aren't written through to the disk, as Git's aren't. A pack that stands alone stays one.
    pub unpack_below: u32,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            max_objects: u32::MAX,
            max_object_bytes: usize::MAX,
            max_inflated_bytes: u64::MAX,
            interrupt: Interrupt::default(),
            rules: ObjectRules::default(),
            fsck: true,
            connectivity: Connectivity::Everything,
            shallow: HashSet::new(),
            thin: true,
            durable: true,
            unpack_below: 0,
        }
    }
}

impl IngestOptions {
    pub(super) fn is_checked(&self) -> bool {
        self.fsck || self.connectivity != Connectivity::Unchecked
    }
}

/// The objects that have to be there of those that received objects point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Everything.
    Everything,
    /// Nothing, but what isn't is gathered: who takes a push refuses the refs that reach it, and no others.
    Gathered,
    /// Nothing: a partial clone.
    Unchecked,
}

/// Counts of what has been received so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Objects.
    pub objects: u32,
    /// Objects that the pack says it has.
    pub total: u32,
    /// Bytes.
    pub bytes: u64,
}
