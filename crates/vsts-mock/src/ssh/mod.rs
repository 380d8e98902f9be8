//! The SSH front end: Git's protocol for those who sign in with a key. The only folder that knows russh.
//!
//! A connection is taken by [`listen`], which ends it when it takes too long; `connection` lets a key prove who it is and
//! each channel ask for one command, which `exec_line` reads and `address` looks up; `conversation` asks the same rules
//! as HTTP and lets the engine speak through `pipe`.

mod abortable;
mod address;
mod connection;
mod conversation;
pub(crate) mod exec_line;
pub(crate) mod host_key;
mod idle_timer;
mod lfs;
mod listen;
mod pipe;

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Timeouts;
use crate::limits::{
    SSH_ATTEMPTS, SSH_DEAD, SSH_KEEPALIVE, SSH_KEEPALIVES, SSH_MESSAGES, SSH_PACKET_BYTES, SSH_REKEY_BYTES,
    SSH_REKEY_TIME, SSH_WINDOW_BYTES,
};
use crate::listening;
use host_key::HostKeyError;

/// Fast and safe ones; Diffie-Hellman in two sizes for old clients, none in a size that costs the server much.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G14_SHA256,
    kex::DH_G16_SHA512,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];
/// Of host keys and of users' signatures: RSA never with SHA-1.
const SIGNATURES: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];
const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// The time-outs of SSH connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) timeouts: Timeouts,
    /// For what is in progress, when it stops.
    pub(crate) drain: Duration,
}

/// The reason why SSH cannot be served.
#[derive(Debug, Error)]
pub(crate) enum SshError {
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    #[error("cannot listen")]
    Listen(#[source] io::Error),
}

/// A bound listener, not yet taking connections.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    keys: Vec<PrivateKey>,
}

impl Listener {
    /// Listens, and reads or makes the keys in `data_dir`.
    pub(crate) fn open(wanted: SocketAddr, data_dir: &Path) -> Result<Self, SshError> {
        let keys = host_key::load_or_make(&data_dir.join("ssh"))?;
        let socket = listening::bind(wanted).map_err(SshError::Listen)?;
        let address = socket.local_addr().map_err(SshError::Listen)?;
        for key in &keys {
            tracing::info!(fingerprint = %key.fingerprint(HashAlg::Sha256), algorithm = %key.algorithm(), "SSH host key");
        }
        Ok(Self { socket, address, keys })
    }

    /// The base of the server's SSH URLs.
    pub(crate) fn url(&self) -> String {
        format!("ssh://{}", self.address)
    }

    /// The line for a `known_hosts` file.
    pub(crate) fn known_hosts(&self) -> Option<String> {
        host_key::known_hosts(self.address, self.keys.first()?)
    }

    /// Serves until `stop` is cancelled, then lets what is in progress end.
    pub(crate) async fn serve(self, app: Arc<App>, stop: CancellationToken, times: Times) {
        let config = Arc::new(config(self.keys, app.profile.traits().product));
        listen::serve(self.socket, config, app, stop, times).await;
    }
}

fn config(keys: Vec<PrivateKey>, product: &str) -> Config {
    let ident = format!("SSH-2.0-{}_{}", product.replace('-', "_"), env!("CARGO_PKG_VERSION"));
    Config {
        server_id: SshId::Standard(Cow::Owned(ident)),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        // Nothing is learned from how long it takes: whether a key is registered is said openly, by the protocol.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys,
        window_size: SSH_WINDOW_BYTES,
        maximum_packet_size: SSH_PACKET_BYTES,
        channel_buffer_size: 1,
        event_buffer_size: SSH_MESSAGES,
        limits: russh::Limits::new(SSH_REKEY_BYTES, SSH_REKEY_BYTES, SSH_REKEY_TIME),
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            host_key_certificates: Cow::Borrowed(&[]),
            key: Cow::Borrowed(SIGNATURES),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        max_auth_attempts: SSH_ATTEMPTS,
        inactivity_timeout: Some(SSH_DEAD),
        keepalive_interval: Some(SSH_KEEPALIVE),
        keepalive_max: SSH_KEEPALIVES,
        nodelay: true,
        ..Config::default()
    }
}
