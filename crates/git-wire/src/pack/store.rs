//! Stored packs as the pack builder reads them: where an entry lies and how long it is, without inflating it.

use std::path::PathBuf;

/// All packs of a repository, opened once and kept.
#[derive(Debug)]
pub(crate) struct PackStore {
    objects: PathBuf,
}

impl PackStore {
    /// The packs below the folder `objects` and its alternates; nothing is read yet.
    pub(crate) fn new(objects: PathBuf) -> Self {
        Self { objects }
    }
}
