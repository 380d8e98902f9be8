//! TLS of connections that the server itself makes, to receivers of service hooks.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// The authorities whose certificates are trusted.
#[derive(Clone)]
pub(crate) struct Trust {
    verified: TlsConnector,
    any: TlsConnector,
}

impl Trust {
    /// Trusts the authorities in a PEM text, which may be empty; a text is the fault of one that holds none.
    pub(crate) fn in_pem(pem: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| format!("it is no PEM: {error}"))?;
            roots.add(certificate).map_err(|error| format!("a certificate cannot be trusted: {error}"))?;
        }
        if roots.is_empty() && !pem.trim().is_empty() {
            return Err("it holds no certificate in PEM".to_owned());
        }
        let provider = Arc::new(ring::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .expect("the provider has the usual versions")
        };
        let verified = builder().with_root_certificates(roots).with_no_client_auth();
        let any = builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Any(provider.clone())))
            .with_no_client_auth();
        Ok(Self { verified: Arc::new(verified).into(), any: Arc::new(any).into() })
    }

    /// Shakes hands with a host. Any certificate will do if that was asked for; the connection is encrypted even so.
    pub(crate) async fn connect(
        &self,
        host: &str,
        takes_any: bool,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = if takes_any { &self.any } else { &self.verified };
        connector.connect(name, stream).await
    }
}

/// Takes any certificate, and still checks that who shows it has its key.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        assert!(Trust::in_pem("").is_ok());
        for wrong in ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Trust::in_pem(wrong).is_err(), "{wrong}");
        }
    }
}
