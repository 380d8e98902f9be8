//! Why a fetch or a push did not come to its end.

use std::path::PathBuf;

use gix::ObjectId;

use super::{ServerText, TransportError};
use crate::pktline::TooMuch;

/// Why a fetch or a push did not come to its end. A ref that the server refused is no error of the
/// push: it is in the [report](super::PushReport).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes did not get through.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server ended the conversation in its own words (an `ERR` line or side band 3).
    #[error("the server says: {0}")]
    Remote(ServerText),
    /// The server does not give out this object by its id; its branch has to be fetched instead.
    #[error("the server does not give out object {id} by its id")]
    NotOurRef {
        /// The object asked for.
        id: ObjectId,
    },
    /// The server does not speak the protocol, or not so that it can be followed.
    #[error("the server's answer is not understood: {0}")]
    Protocol(String),
    /// The server lacks something that this request cannot do without.
    #[error("the server does not offer `{capability}`, which this request needs")]
    Unsupported {
        /// The capability as the protocol names it.
        capability: &'static str,
    },
    /// The server sends more than anybody keeps. It is the wrong one, or it is broken, or it means harm.
    #[error(
        "the server sends more than {limit} {what}, and was not listened to any longer; check that the URL is the \
         repository's"
    )]
    TooMuch {
        /// The thing that there is too much of.
        what: &'static str,
        /// The largest number allowed.
        limit: u64,
    },
    /// Reading what the server sent failed in the middle.
    #[error("reading {what} from the server failed")]
    Read {
        /// The thing that was being read.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The local repository could not be read or written.
    #[error("{what} in the repository '{}' failed", .path.display())]
    Repository {
        /// The thing that was attempted.
        what: &'static str,
        /// The repository's Git folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The server's text on an `ERR` line or on side band 3.
    pub(super) fn remote(text: &[u8]) -> Self {
        Self::Remote(ServerText::of_error(text.trim_ascii_end()))
    }

    pub(super) fn read(what: &'static str, source: std::io::Error) -> Self {
        if let Some(message) = remote_words(&source) {
            return Self::remote(message.as_bytes());
        }
        if let Some(TooMuch { limit }) = source.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::too_much("bytes of lines", *limit);
        }
        if source.kind() == std::io::ErrorKind::TimedOut {
            return Self::Transport(TransportError::from_io(
                &format!("reading {what} from the server"),
                source,
            ));
        }
        Self::Read { what, source }
    }

    pub(super) fn too_much(what: &'static str, limit: u64) -> Self {
        Self::TooMuch { what, limit }
    }

    pub(super) fn repository(
        what: &'static str,
        repository: &gix::Repository,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Repository { what, path: repository.git_dir().to_owned(), source: source.into() }
    }

    /// A failure while a pack was taken in: the server's own words, or a broken stream, go before what that led to.
    pub(super) fn ingest(repository: &gix::Repository, error: crate::pack::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(message) = current.downcast_ref::<std::io::Error>().and_then(remote_words) {
                return Self::remote(message.as_bytes());
            }
            cause = current.source();
        }
        match error {
            crate::pack::Error::Receive(source) => Self::read("the pack", source),
            crate::pack::Error::Limit { what, limit } => Self::too_much(what, limit),
            error => Self::repository("storing the received pack", repository, error),
        }
    }
}

/// Returns the server's words on the error band, if those ended a read.
fn remote_words(error: &std::io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<crate::pktline::RemoteError>().map(|words| words.0.clone())
}
