//! The client's half of the protocol: fetch-pack and send-pack over any [`Connection`].
//!
//! In reading order: a [`Connection`] carries bytes to one service of one remote repository;
//! [`FetchSession`] and [`PushSession`] speak the protocol over it, in the highest version that
//! the server has; [`Error`] tells what the transport, the server or the conversation said.
//!
//! Nothing in here opens a socket, starts a process, reads the environment or changes a ref: a
//! fetch writes a pack (and the `shallow` file), and the caller decides what refs point to.

mod advertisement;
mod connection;
mod error;
mod fetch;
mod negotiate;
mod push;
mod refs;
mod rejection;
mod report;
mod server_text;
mod shallow;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Duplex, TransportError, TransportErrorKind};
pub use error::Error;
pub use fetch::{FetchRequest, FetchSession, Fetched};
pub use push::{PushReport, PushRequest, PushSession, PushUpdate};
pub use refs::RemoteRef;
pub use rejection::Rejection;
pub use server_text::{ServerText, TextClass, is_expired_token, ssh_failure};

/// The events of a long fetch or push, reported as they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A piece of text of the server (side band 2), as it came: foreign text, to be cleaned before it is shown.
    Remote(&'a [u8]),
    /// So many bytes of the pack have come in.
    Received {
        /// Bytes so far.
        bytes: u64,
    },
    /// So many bytes of the request, the pack included, have gone out.
    Sent {
        /// Bytes so far.
        bytes: u64,
    },
}

/// This client's own name.
const AGENT: &str = concat!("git/azml-", env!("CARGO_PKG_VERSION"));

/// The capabilities that stand with every command of version 2.
fn write_command_capabilities(
    out: &mut crate::pktline::Writer<Vec<u8>>,
    offered: &crate::capability::Capabilities,
) -> std::io::Result<()> {
    if offered.contains("agent") {
        out.text(format!("agent={AGENT}"))?;
    }
    if offered.contains("object-format") {
        out.text("object-format=sha1")?;
    }
    Ok(())
}
