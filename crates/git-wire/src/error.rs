//! Why a conversation ended early, and how that is told to the peer.

use std::io;

use crate::pack;
use crate::pktline::DecodeError;
use crate::policy::Denial;
use crate::repository;

/// The text of [`Error::DiskFull`], which a report says, too.
pub(crate) const DISK_FULL: &str = "the server's disk is full";

/// The reason why a conversation ended. Unless the peer is gone, it has already been told by the function that
/// returns this: by an `ERR` line, by `unpack`/`ng` lines of a report, or on side-band 3.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy said no. Told verbatim.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The peer speaks in a way that this server doesn't take. Told verbatim as an `ERR` line; to a stateless request
    /// nothing has been written, so that the transport can say it in its own way.
    #[error("{0}")]
    Unfit(String),
    /// The peer sent what the protocol doesn't allow. Told as an `ERR` line.
    #[error("the request is malformed: {0}")]
    Protocol(String),
    /// The peer asks for more than a limit allows. Told as an `ERR` line.
    #[error("the request exceeds the limit of {limit} {what}")]
    Limit {
        /// The thing that there is too much of.
        what: &'static str,
        /// The largest number allowed.
        limit: u64,
    },
    /// The peer wants an object that it may not have, or that isn't there. Told as an `ERR` line, in Git's words.
    #[error("upload-pack: not our ref {0}")]
    NotOurRef(String),
    /// The repository can't be opened or read. The peer is told of a format that isn't supported; else that there is an
    /// internal error, no more.
    #[error(transparent)]
    Repository(#[from] repository::Error),
    /// A pack couldn't be built. The peer is told that there is an internal error, no more.
    #[error("couldn't build the pack")]
    Pack(#[source] pack::Error),
    /// Refs couldn't be read. The peer is told that there is an internal error, no more.
    #[error("couldn't read the refs")]
    Refs(#[source] gix::Error),
    /// There is no room left on the disk. The peer is told so.
    #[error("{DISK_FULL}")]
    DiskFull(#[source] pack::Error),
    /// The end of the conversation was asked for, by [`Options::interrupt`](crate::Options::interrupt).
    #[error("the server ended the conversation, which took too long")]
    Interrupted,
    /// The peer is gone, or the stream to it broke. Nobody is told.
    #[error("the connection broke")]
    Io(#[source] io::Error),
}

impl Error {
    /// Returns the text that the peer is told, or `None` if there's nobody to tell.
    pub fn message_to_peer(&self) -> Option<String> {
        match self {
            Self::Denied(denial) => Some(denial.to_string()),
            Self::Unfit(_)
            | Self::Protocol(_)
            | Self::Limit { .. }
            | Self::DiskFull(_)
            | Self::NotOurRef(_)
            | Self::Interrupted => Some(self.to_string()),
            Self::Repository(error) => Some(error.message_to_peer()),
            Self::Pack(_) | Self::Refs(_) => Some("internal error in the server".to_owned()),
            Self::Io(_) => None,
        }
    }

    /// A malformed request.
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Protocol(message.into())
    }
}

/// A pack that can't be sent because the peer is gone is the stream's failure.
impl From<pack::Error> for Error {
    fn from(error: pack::Error) -> Self {
        match error {
            pack::Error::Send(error) => Self::Io(error),
            pack::Error::Interrupted => Self::Interrupted,
            error if error.is_disk_full() => Self::DiskFull(error),
            error => Self::Pack(error),
        }
    }
}

/// A line that can't be one is the peer's mistake; anything else is the stream's.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<DecodeError>()) {
            Some(decode) => Self::Protocol(decode.to_string()),
            None => Self::Io(error),
        }
    }
}
