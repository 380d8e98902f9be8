//! The seam between the protocol and what carries it: HTTP, SSH, TCP, or pipes in one process.
//!
//! A connection is one conversation with one service of one repository. Stateless ones (HTTP)
//! answer each request on its own; the others are one stream in each direction.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

use crate::pktline::Reader;

/// One conversation with one service of one remote repository.
pub trait Connection {
    /// The bytes that the server speaks first. For HTTP that is the body of `GET info/refs`; its
    /// `# service=` preamble is skipped by the reader of the advertisement.
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError>;

    /// Sends one whole request and returns the answer's bytes. For HTTP that is one POST; for a
    /// stream: write, flush, then read the same stream.
    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError>;

    /// Returns whether the server forgets everything between two exchanges.
    fn is_stateless(&self) -> bool;
}

/// Classifies transport failures by what a user can do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host's name did not resolve, or nothing answered there.
    Unreachable,
    /// A named time-out passed.
    TimedOut,
    /// Credentials are missing or were not accepted.
    Unauthorized,
    /// The identity is known, and may not do this.
    Forbidden,
    /// There is no such repository, or it is not shown to this identity.
    NotFound,
    /// This side refuses: an unsafe URL, a redirect to another host, an unknown scheme.
    Refused,
    /// The encrypted channel could not be set up, for example for an untrusted certificate.
    Tls,
    /// Anything else, in the server's or the system's words.
    Other,
}

/// A failure of what carries the protocol, with the server's words where it had any.
pub struct TransportError {
    /// The kind of failure.
    pub kind: TransportErrorKind,
    /// The server's words, or else what was attempted and why it failed. Never holds a secret.
    pub message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// A failure in words.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The failure of one read or write on a stream.
    pub fn from_io(what: &str, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportErrorKind::TimedOut,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable => TransportErrorKind::Unreachable,
            _ => TransportErrorKind::Other,
        };
        let message = match kind {
            TransportErrorKind::TimedOut => format!("{what} did not go on in time"),
            _ => format!("{what} failed"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A connection over one stream in each direction: SSH, TCP, pipes.
pub struct Duplex {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
}

impl Duplex {
    /// Joins the server's output and input to one conversation.
    pub fn new(reader: Box<dyn Read + Send>, writer: Box<dyn Write + Send>) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), writer }
    }

    /// Waits for the server to say something; `false`: it has hung up.
    pub fn wait(&mut self) -> Result<bool, TransportError> {
        match self.reader.fill_buf() {
            Ok(bytes) => Ok(!bytes.is_empty()),
            Err(error) => Err(TransportError::from_io("reading from the server", error)),
        }
    }

    /// Closes the direction to the server; what it still says can be read.
    pub fn into_reader(self) -> impl BufRead + Send {
        self.reader
    }

    /// Sends a request, all of it.
    pub fn send(&mut self, request: &mut dyn Read) -> Result<(), TransportError> {
        io::copy(request, &mut self.writer)
            .and_then(|_| self.writer.flush())
            .map_err(|error| TransportError::from_io("sending a request", error))
    }
}

impl Read for Duplex {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read(out)
    }
}

impl Connection for Duplex {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        self.wait()?;
        Ok(Box::new(&mut self.reader))
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        self.send(request)?;
        Ok(Box::new(&mut self.reader))
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

/// Reads packet lines off an answer, of no more than `limit` bytes. A stream that goes on is not read ahead of.
pub(super) fn lines<'r>(
    is_stateless: bool,
    answer: Box<dyn Read + 'r>,
    limit: u64,
) -> Reader<Box<dyn Read + 'r>> {
    let answer = if is_stateless { Box::new(BufReader::with_capacity(64 * 1024, answer)) } else { answer };
    Reader::limited(answer, limit)
}
