//! Git LFS: the server that a remote has for large files, over HTTP and HTTPS or over SSH itself.
//!
//! No configuration that comes with a repository's content is read: the server is the remote, or the one that the history
//! repository's own configuration names.

mod http;
mod ssh;
mod timed;

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use azml_core::large::Pointer;
use git_wire::Service;
use git_wire::client::{TransportError, TransportErrorKind as Kind};
use lfs_wire::batch::{Action, Actions, Operation};

pub use self::timed::Timed;
use super::Remote;
use super::http::Http;
use super::ssh::{Address, Ssh};
use crate::limits;

/// Why large files can't be exchanged with a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server has no Git LFS.
    #[error("{host} has no Git LFS ({why})")]
    NotThere {
        /// The server.
        host: String,
        /// Its answer.
        why: String,
    },
    /// It can't be reached, or refuses.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// The actions for one object, or why there are none.
pub type Planned = (Pointer, Result<Actions, String>);

/// The Git LFS server of a remote.
pub enum Lfs {
    Http(Box<http::Api>),
    Ssh(Arc<ssh::Sessions>),
}

/// Transfers objects, from any thread.
#[derive(Clone)]
pub enum Transfers {
    Http(http::Transfers),
    Ssh(Arc<ssh::Sessions>),
}

impl Lfs {
    /// The server below a repository's URL.
    pub(super) fn of_repository(http: Http) -> Self {
        Self::Http(Box::new(http::Api::of_repository(http)))
    }

    /// The server at a URL of its own.
    pub(super) fn at(http: Http) -> Self {
        Self::Http(Box::new(http::Api::at(http)))
    }

    /// The server of an SSH remote: over SSH itself if it knows `git-lfs-transfer`, else the one that `git-lfs-authenticate`
    /// tells of.
    pub(super) fn over_ssh(
        address: &Address,
        remote: &Remote,
        service: Service,
    ) -> Result<Self, TransportError> {
        let operation = if service == Service::ReceivePack { "upload" } else { "download" };
        match ssh::Sessions::open(address, operation, &remote.options) {
            Ok(sessions) => return Ok(Self::Ssh(Arc::new(sessions))),
            // The same host is not asked in vain twice.
            Err(error) if matches!(error.kind, Kind::Unreachable | Kind::TimedOut | Kind::Refused) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "no git-lfs-transfer"),
        }
        let answer = Ssh::lfs_authenticate(address, operation, &remote.options)?;
        http::Api::told(&answer, remote, service).map(|api| Self::Http(Box::new(api)))
    }

    /// Asks what to do with objects; gives for each its actions, or why there are none.
    pub fn batch(
        &mut self,
        operation: Operation,
        pointers: &[Pointer],
        reference: &str,
    ) -> Result<Vec<Planned>, Error> {
        match self {
            Self::Http(api) => api.batch(operation, pointers, reference),
            Self::Ssh(sessions) => Ok(sessions.batch(pointers, reference)?),
        }
    }

    /// For the transfers that actions name.
    pub fn transfers(&self) -> Transfers {
        match self {
            Self::Http(api) => Transfers::Http(api.transfers()),
            Self::Ssh(sessions) => Transfers::Ssh(Arc::clone(sessions)),
        }
    }
}

impl Transfers {
    /// The most transfers at once.
    pub fn at_once(&self) -> usize {
        match self {
            Self::Http(_) => limits::LFS_AT_ONCE,
            Self::Ssh(_) => limits::LFS_SSH_AT_ONCE,
        }
    }

    /// Sends an object, which is opened if the server lacks it; afterwards the server has it whole.
    pub fn upload(
        &self,
        actions: &Actions,
        pointer: &Pointer,
        open: &dyn Fn() -> Result<File, String>,
    ) -> Result<(), String> {
        match self {
            Self::Http(http) => http.upload(actions, pointer, open),
            Self::Ssh(sessions) => sessions.upload(actions, pointer, open),
        }
    }

    /// Begins to receive an object, from byte `have` on if the server can; gives the byte that the answer begins with, and
    /// the answer.
    pub fn download(
        &self,
        action: &Action,
        pointer: &Pointer,
        have: u64,
    ) -> Result<(u64, Box<dyn Read>), String> {
        match self {
            Self::Http(http) => {
                let (start, content) = http.download(action, pointer, have)?;
                Ok((start, Box::new(content)))
            }
            Self::Ssh(sessions) => Ok((0, Box::new(ssh::Sessions::download(sessions, action, pointer)?))),
        }
    }
}
