//! fetch-pack: asks for objects by id, says what is here already, and stores the pack that comes.

mod request;
mod v0;
mod v2;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{BufReader, Read};

use gix::ObjectId;

use super::advertisement::Advertisement;
use super::negotiate::Negotiator;
use super::{Connection, Error, Progress, RemoteRef, refs, shallow};
use crate::capability::Capabilities;
use crate::limits;
use crate::pack;
use crate::pktline::{Demultiplexer, Reader};

/// The objects to fetch.
#[derive(Debug, Clone, Default)]
pub struct FetchRequest {
    /// The objects asked for. They need not be tips of refs, but not every server gives out others.
    pub wants: Vec<ObjectId>,
    /// Tips of what is here already; their ancestors are offered too, as far as needed.
    pub haves: Vec<ObjectId>,
    /// The number of commits to fetch from each tip; everything when not given.
    pub depth: Option<u32>,
    /// A partial-clone filter such as `blob:none`.
    pub filter: Option<String>,
}

/// The result of a fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Objects in the pack, the bases added to complete a thin one included.
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
    connection: &'c mut dyn Connection,
    is_v2: bool,
    capabilities: Capabilities,
    refs: Vec<RemoteRef>,
    /// Before version 2: all ids that the server names, the prefixes notwithstanding.
    advertised: HashSet<ObjectId>,
    /// Before version 2 a conversation on one stream carries one fetch.
    is_over: bool,
}

impl std::fmt::Debug for FetchSession<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchSession")
            .field("is_v2", &self.is_v2)
            .field("refs", &self.refs)
            .finish_non_exhaustive()
    }
}

impl<'c> FetchSession<'c> {
    /// Learns what the server can do and lists its refs whose names start with one of the prefixes
    /// (all, when none is given).
    pub fn start(connection: &'c mut dyn Connection, prefixes: &[&str]) -> Result<Self, Error> {
        let offer = Advertisement::read(connection)?;
        let advertised =
            offer.refs.iter().flat_map(|found| [Some(found.id), found.peeled]).flatten().collect();
        let mut session = Self {
            connection,
            is_v2: offer.is_v2,
            capabilities: offer.capabilities,
            refs: offer.refs,
            advertised,
            is_over: false,
        };
        if session.is_v2 {
            session.refs = refs::ls_refs(session.connection, &session.capabilities, prefixes)?;
        }
        // Servers may list more than was asked for.
        if !prefixes.is_empty() {
            session.refs.retain(|found| {
                prefixes.iter().any(|prefix| found.name.as_bstr().starts_with(prefix.as_bytes()))
            });
        }
        session.refs.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(session)
    }

    /// The refs that were asked for, by name.
    pub fn refs(&self) -> &[RemoteRef] {
        &self.refs
    }

    /// Returns whether another fetch can be made in this session.
    pub fn takes_more(&self) -> bool {
        !self.is_over
    }

    /// Fetches objects into the repository's `objects/pack` and keeps its `shallow` file right. Changes no refs.
    pub fn fetch(
        &mut self,
        repository: &gix::Repository,
        request: &FetchRequest,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Fetched, Error> {
        if request.wants.is_empty() {
            return Ok(Fetched::default());
        }
        let boundary = shallow::read(repository)?;
        let known = self.refs.iter().map(|found| found.id).filter(|id| repository.has_object(*id));
        let tips: Vec<_> = request.haves.iter().copied().chain(known).collect();
        let mut negotiator = Negotiator::new(repository, &boundary, tips);
        let ask = request::Ask { capabilities: &self.capabilities, request, boundary: &boundary };
        if self.is_v2 {
            return v2::fetch(self.connection, repository, &ask, &mut negotiator, progress);
        }
        v0::check(&ask, &self.advertised)?;
        if std::mem::replace(&mut self.is_over, !self.connection.is_stateless()) {
            return Err(Error::Protocol("it takes one request for each connection".to_owned()));
        }
        v0::fetch(self.connection, repository, &ask, &mut negotiator, progress)
    }
}

impl Drop for FetchSession<'_> {
    fn drop(&mut self) {
        // A server on a stream waits for more until it is told that there is none.
        if !self.connection.is_stateless()
            && !self.is_over
            && let Err(error) = self.connection.exchange(&mut b"0000".as_slice())
        {
            tracing::debug!(%error, "the server had gone already");
        }
    }
}

/// The changes of the shallow boundary that a server tells.
#[derive(Debug, Default)]
struct Boundary {
    added: Vec<ObjectId>,
    removed: Vec<ObjectId>,
}

impl Boundary {
    /// Takes one line of a shallow section.
    fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        let odd = || Error::Protocol(format!("`{}` is no line of a shallow boundary", refs::excerpt(line)));
        let (list, id) = match (line.strip_prefix(b"shallow "), line.strip_prefix(b"unshallow ")) {
            (Some(id), _) => (&mut self.added, id),
            (_, Some(id)) => (&mut self.removed, id),
            _ => return Err(odd()),
        };
        list.push(ObjectId::from_hex(id).map_err(|_| odd())?);
        Ok(())
    }
}

/// Takes in the pack that the answer goes on with, then keeps the boundary.
fn receive<'r>(
    repository: &gix::Repository,
    ask: &request::Ask<'_>,
    answer: Reader<Box<dyn Read + 'r>>,
    has_side_band: bool,
    boundary: Boundary,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, Error> {
    let mut will_be: HashSet<ObjectId> =
        ask.boundary.iter().copied().chain(boundary.added.iter().copied()).collect();
    for id in &boundary.removed {
        will_be.remove(id);
    }
    let options = pack::IngestOptions {
        fsck: true,
        connectivity: match ask.request.filter {
            Some(_) => pack::Connectivity::Unchecked,
            None => pack::Connectivity::Everything,
        },
        shallow: will_be,
        max_bytes: limits::MAX_FETCHED_PACK_BYTES,
        max_objects: limits::MAX_FETCHED_OBJECTS,
        max_object_bytes: limits::MAX_FETCHED_OBJECT_BYTES,
        max_inflated_bytes: limits::MAX_FETCHED_INFLATED_BYTES,
        ..Default::default()
    };
    let progress = RefCell::new(progress);
    let mut received =
        |so_far: pack::Received| (progress.borrow_mut())(Progress::Received { bytes: so_far.bytes });
    let failed = |error| Error::ingest(repository, error);
    let quarantine = if has_side_band {
        let tell = |text: &[u8]| (progress.borrow_mut())(Progress::Remote(text));
        let mut stream = BufReader::with_capacity(64 * 1024, Demultiplexer::new(answer, tell));
        let quarantine = pack::ingest(repository, &mut stream, &options, &mut received).map_err(failed)?;
        // To the flush, so that the next answer on this stream is read from its start.
        stream.into_inner().finish().map_err(|source| Error::read("the end of the pack", source))?;
        quarantine
    } else {
        let mut stream = BufReader::with_capacity(64 * 1024, answer.into_inner());
        pack::ingest(repository, &mut stream, &options, &mut received).map_err(failed)?
    };
    let bytes_received = quarantine.received().bytes;
    let stored = quarantine.accept().map_err(failed)?;
    shallow::update(repository, &boundary.added, &boundary.removed)?;
    Ok(Fetched {
        objects: u64::from(stored.objects),
        bytes_received,
        shallow_added: boundary.added,
        shallow_removed: boundary.removed,
    })
}
