//! A server, and the state of one conversation that it holds.

use std::cell::Cell;

use crate::repository::Reader;
use crate::{Error, Limits, Options, Policy, Profile, ProtocolVersion, Repository, Service};

/// The server's side of conversations about one repository.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// Decides who may do what.
    pub policy: &'a dyn Policy,
    /// Limits and behaviour.
    pub options: &'a Options,
}

/// The two ends of a conversation, and its rules.
pub(crate) struct Context<'a> {
    pub(crate) repository: &'a Repository,
    /// Keeps maintenance from removing what this conversation may be reading.
    pub(crate) repo: Reader,
    pub(crate) policy: &'a dyn Policy,
    pub(crate) options: &'a Options,
    pub(crate) version: ProtocolVersion,
    /// Each request stands alone.
    pub(crate) stateless: bool,
    /// True once the client has been told why the conversation ends.
    pub(crate) error_sent: Cell<bool>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        server: Server<'a>,
        service: Service,
        version: ProtocolVersion,
        stateless: bool,
    ) -> Self {
        let Server { repository, policy, options } = server;
        let version = match (service, version, options.profile) {
            // There is no version 2 of pushing.
            (_, _, Profile::Vsts | Profile::AzureDevops) | (Service::ReceivePack, ProtocolVersion::V2, _) => {
                ProtocolVersion::V0
            }
            (_, version, Profile::Permissive) => version,
        };
        Self {
            repository,
            repo: repository.read(),
            policy,
            options,
            version,
            stateless,
            error_sent: Cell::new(false),
        }
    }
}

/// Keeps a request from filling the memory line by line.
pub(crate) struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limit: limits.max_request_bytes, left: limits.max_request_bytes }
    }

    /// Takes the bytes of one line off.
    pub(crate) fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        match self.left.checked_sub(line.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(Error::Limit { what: "bytes in a request", limit: self.limit }),
        }
        Ok(())
    }
}
