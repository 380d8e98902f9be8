//! send-pack: asks for ref updates and sends the objects that the remote lacks for them.

use gix::ObjectId;
use gix::refs::FullName;

use super::{Connection, Error, Progress, RemoteRef};

/// One ref to change at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushUpdate {
    /// The ref's full name there.
    pub name: FullName,
    /// What it is expected to hold; `None`: it must not exist.
    pub old: Option<ObjectId>,
    /// What it shall hold; `None` deletes it.
    pub new: Option<ObjectId>,
}

/// What to push.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The refs to change.
    pub updates: Vec<PushUpdate>,
    /// All or none, where the server offers it.
    pub atomic: bool,
    /// Objects that the remote is known to have, beside the tips of its refs.
    pub exclude: Vec<ObjectId>,
}

/// What the server says about a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushReport {
    /// Every ref of the request, accepted or refused in the server's own words.
    pub refs: Vec<(FullName, Result<(), String>)>,
    /// Whether the pack was stored.
    pub unpack: Result<(), String>,
    /// Objects sent.
    pub objects: u64,
    /// Bytes sent, the pack's and the commands'.
    pub bytes_sent: u64,
}

impl PushReport {
    /// Whether everything that was asked for was done.
    pub fn is_ok(&self) -> bool {
        self.unpack.is_ok() && self.refs.iter().all(|(_, result)| result.is_ok())
    }
}

/// A conversation with the receive-pack of a remote repository.
pub struct PushSession<'c> {
    #[expect(dead_code, reason = "filled next")]
    connection: &'c mut dyn Connection,
    refs: Vec<RemoteRef>,
}

impl<'c> PushSession<'c> {
    /// Learns what the server can do and lists its refs.
    pub fn start(connection: &'c mut dyn Connection) -> Result<Self, Error> {
        let _ = connection;
        todo!()
    }

    /// All refs of the remote repository, by name.
    pub fn refs(&self) -> &[RemoteRef] {
        &self.refs
    }

    /// Sends the objects that the remote lacks and asks for the ref updates.
    pub fn push(
        &mut self,
        repository: &gix::Repository,
        request: &PushRequest,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<PushReport, Error> {
        let _ = (repository, request, progress);
        todo!()
    }
}
