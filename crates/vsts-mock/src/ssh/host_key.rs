//! The server's own keys: made once, kept in the data directory, readable by its owner alone.
//!
//! ed25519 and ECDSA are made when they are missing; both take no time. An RSA key is used where somebody has put one
//! (`ssh-keygen -t rsa -N '' -f DIR/ssh/ssh_host_rsa_key`), for clients that know nothing else.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use thiserror::Error;

use crate::state::once::{Readers, warn_if_open, write_new};

/// File, algorithm, and whether the key is made when it is missing. The first one is what `known_hosts` names.
const KEYS: [(&str, Algorithm, bool); 3] = [
    ("ssh_host_ed25519_key", Algorithm::Ed25519, true),
    ("ssh_host_ecdsa_key", Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }, true),
    ("ssh_host_rsa_key", Algorithm::Rsa { hash: None }, false),
];
/// The port that `known_hosts` does not name.
const STANDARD_PORT: u16 = 22;

/// The reason why the server has no host key.
#[derive(Debug, Error)]
pub enum HostKeyError {
    /// A file or its folder could not be read or written.
    #[error("cannot {action} the SSH host key {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file is there, but no key in it that can be used.
    #[error("{} holds no private key that can be used", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: ssh_key::Error,
    },
}

/// Reads the keys in a folder, having made those that are missing.
pub(crate) fn load_or_make(dir: &Path) -> Result<Vec<PrivateKey>, HostKeyError> {
    make_folder(dir).map_err(io_error("create the folder of", dir))?;
    let mut keys = Vec::new();
    for (name, algorithm, is_made) in KEYS {
        let path = dir.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                warn_if_open(&path);
                let key = PrivateKey::from_openssh(text)
                    .and_then(|key| if key.is_encrypted() { Err(ssh_key::Error::Encrypted) } else { Ok(key) })
                    .map_err(|source| HostKeyError::Format { path, source })?;
                keys.push(key);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_made => {
                keys.push(make(&path, algorithm)?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("read", &path)(error)),
        }
    }
    Ok(keys)
}

/// The line for a `known_hosts` file.
pub(crate) fn known_hosts(address: SocketAddr, key: &PrivateKey) -> Option<String> {
    let host = match (address.ip(), address.port()) {
        (ip, STANDARD_PORT) => ip.to_string(),
        (ip, port) => format!("[{ip}]:{port}"),
    };
    let blob = STANDARD.encode(key.public_key().to_bytes().ok()?);
    Some(format!("{host} {} {blob}", key.algorithm()))
}

fn make(path: &Path, algorithm: Algorithm) -> Result<PrivateKey, HostKeyError> {
    let format = |source| HostKeyError::Format { path: path.to_owned(), source };
    let mut key = PrivateKey::random(&mut crate::clock::generator(), algorithm).map_err(format)?;
    key.set_comment("vsts-mock");
    let text = key.to_openssh(LineEnding::LF).map_err(format)?;
    write_new(path, text.as_bytes(), Readers::Owner).map_err(io_error("write", path))?;
    Ok(key)
}

fn make_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HostKeyError {
    let path = path.to_owned();
    move |source| HostKeyError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_are_their_owners_alone() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let folder = dir.path().join("ssh");
        let made = load_or_make(&folder).expect("keys are made");
        let read = load_or_make(&folder).expect("keys are read");
        let algorithms: Vec<_> = made.iter().map(|key| key.algorithm().to_string()).collect();
        assert_eq!(algorithms, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
        let public =
            |keys: &[PrivateKey]| keys.iter().map(|key| key.public_key().clone()).collect::<Vec<_>>();
        assert_eq!(public(&made), public(&read));
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = entry.expect("an entry").metadata().expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        let dir = tempfile::TempDir::new().expect("a folder");
        std::fs::write(dir.path().join("ssh_host_rsa_key"), "no key").expect("a file");
        let error = load_or_make(dir.path()).expect_err("no key");
        assert!(error.to_string().contains("ssh_host_rsa_key"), "{error}");
    }

    #[test]
    fn known_hosts_names_the_port_unless_it_is_the_usual_one() {
        let key = PrivateKey::random(&mut crate::clock::generator(), Algorithm::Ed25519).expect("a key");
        let rows = [
            ("127.0.0.1:2222", "[127.0.0.1]:2222 ssh-ed25519 AAAA"),
            ("127.0.0.1:22", "127.0.0.1 ssh-ed25519 AAAA"),
            ("[::1]:2222", "[::1]:2222 ssh-ed25519 AAAA"),
        ];
        for (address, expected) in rows {
            let line = known_hosts(address.parse().expect("an address"), &key).expect("a line");
            assert!(line.starts_with(expected), "{line}");
        }
    }
}
