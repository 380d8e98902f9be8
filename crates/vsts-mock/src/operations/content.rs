//! Contents of files: opened within the server's memory budget, and read piece by piece.

use std::io::{self, Read};

use git_wire::{Content, Reader};
use gix::ObjectId;

use crate::budget::{Budget, NoRoom, Permit};

/// The reason why a file's content can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Stored(#[from] git_wire::pack::Error),
}

/// The content of a file, opened; memory that it takes is part of the server's budget until it is dropped.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) size: u64,
    content: Content,
    _permit: Option<Permit>,
}

impl Blob {
    /// Opens a file. Blocks while there is no memory for it.
    pub(crate) fn open(repository: &Reader, memory: &Budget, id: ObjectId) -> Result<Self, ContentError> {
        let stored = repository.content(id)?.ok_or(git_wire::pack::Error::Missing(id))?;
        let (size, needs) = (stored.size, stored.memory());
        let permit = if needs > 0 { Some(memory.acquire_blocking(needs)?) } else { None };
        Ok(Self { size, content: stored.open(repository)?, _permit: permit })
    }

    /// The next bytes, up to so many.
    pub(crate) fn start(&mut self, bytes: usize) -> Result<Vec<u8>, ContentError> {
        let mut start = Vec::new();
        let read = self.content.by_ref().take(bytes as u64).read_to_end(&mut start);
        read.map_err(|error| git_wire::pack::Error::Invalid(error.to_string()))?;
        Ok(start)
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}
