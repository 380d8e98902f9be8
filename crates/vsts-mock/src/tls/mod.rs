//! TLS for HTTP: rustls, with certificates of the server's own authority.
//!
//! The [`authority`] is made once and kept in the data directory; the certificates that it signs live in memory and are
//! made anew with every start (`leaves`), so that none is ever out of date or lacks a name. Sessions are resumed by
//! ticket, and HTTP/1.1 is the one protocol that is offered.

mod authority;
mod leaves;
mod names;
mod outgoing;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::limits::TLS_HANDSHAKE;
use authority::Authority;
use leaves::Leaves;
use names::Names;
pub(crate) use outgoing::Trust;

/// Below the data directory.
const FOLDER: &str = "tls";

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file or its folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The attempted action.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The key of the certificate authority cannot be used.
    #[error("{} holds no private key that can be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The fault.
        #[source]
        source: rcgen::Error,
    },
    /// The certificate is none, or belongs to another key.
    #[error("{} is not the certificate of the key beside it; remove it to have it made again", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be signed.
    #[error("cannot sign a certificate")]
    Sign(#[from] rcgen::Error),
    /// The library refuses the settings.
    #[error("cannot set up TLS")]
    Setup(#[from] rustls::Error),
}

/// The certificate in a PEM text, as DER.
pub(crate) fn der(pem: &str) -> Result<Vec<u8>, PemError> {
    Ok(CertificateDer::from_pem_slice(pem.as_bytes())?.to_vec())
}

/// The TLS settings of a listener.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    ca_pem: Arc<str>,
    deadline: Duration,
}

impl Tls {
    /// Reads the authority in the data directory, or makes it, and gets ready to answer at an address.
    pub(crate) fn open(
        data_dir: &Path,
        bound: SocketAddr,
        external_url: Option<&str>,
        clock: &Clock,
    ) -> Result<Self, TlsError> {
        let authority = Authority::load_or_make(&data_dir.join(FOLDER))?;
        let ca_pem = authority.pem().into();
        let leaves = Leaves::new(authority, Names::new(bound.ip(), external_url), clock.clone())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(leaves));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A ticket costs the server no memory, and its client no second key exchange.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem, deadline: TLS_HANDSHAKE })
    }

    /// The certificate that clients have to trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Shakes hands, if the client does so in time.
    pub(crate) async fn shake_hands(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let shaken = tokio::time::timeout(self.deadline, self.acceptor.accept(stream)).await;
        shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut tls = Tls::open(dir.path(), address, None, &Clock::system()).expect("certificates");
        tls.deadline = Duration::from_millis(20);
        let _silent = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        let Err(error) = tls.shake_hands(stream).await else { panic!("a handshake") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
