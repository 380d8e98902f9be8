//! fetch-pack: asks for objects by id, says what is here already, and stores the pack that comes.

use gix::ObjectId;

use super::{Connection, Error, Progress, RemoteRef};

/// What to fetch.
#[derive(Debug, Clone, Default)]
pub struct FetchRequest {
    /// The objects asked for. They need not be tips of refs, but not every server gives out others.
    pub wants: Vec<ObjectId>,
    /// Tips of what is here already; their ancestors are offered too, as far as needed.
    pub haves: Vec<ObjectId>,
    /// How many commits deep to fetch; everything when not given.
    pub depth: Option<u32>,
    /// A partial-clone filter such as `blob:none`.
    pub filter: Option<String>,
}

/// What a fetch brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Objects in the pack, bases added to complete a thin one not counted.
    pub objects: u64,
    /// Bytes of the pack as received.
    pub bytes_received: u64,
    /// Commits whose parents are absent from now on.
    pub shallow_added: Vec<ObjectId>,
    /// Commits whose parents are present from now on.
    pub shallow_removed: Vec<ObjectId>,
}

/// A conversation with the upload-pack of a remote repository.
pub struct FetchSession<'c> {
    #[expect(dead_code, reason = "filled next")]
    connection: &'c mut dyn Connection,
    refs: Vec<RemoteRef>,
}

impl<'c> FetchSession<'c> {
    /// Learns what the server can do and lists its refs whose names start with one of the prefixes (all, when none is given).
    pub fn start(connection: &'c mut dyn Connection, prefixes: &[&str]) -> Result<Self, Error> {
        let _ = (connection, prefixes);
        todo!()
    }

    /// The refs that were asked for, by name.
    pub fn refs(&self) -> &[RemoteRef] {
        &self.refs
    }

    /// Fetches objects into the repository's `objects/pack` and keeps its `shallow` file right. Changes no refs.
    pub fn fetch(
        &mut self,
        repository: &gix::Repository,
        request: &FetchRequest,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Fetched, Error> {
        let _ = (repository, request, progress);
        todo!()
    }
}
