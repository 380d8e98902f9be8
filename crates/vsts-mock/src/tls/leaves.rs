//! The certificates that clients are shown: signed when they are first asked for, kept in memory, renewed in good time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rcgen::KeyPair;
use tokio_rustls::rustls::crypto::ring::sign::any_ecdsa_type;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};

use super::TlsError;
use super::authority::Authority;
use super::names::Names;
use crate::clock::Clock;
use crate::limits::CERTIFICATES;

/// One key, and its certificate under each name that was asked for.
pub(super) struct Leaves {
    authority: Authority,
    names: Names,
    clock: Clock,
    key: KeyPair,
    signer: Arc<dyn SigningKey>,
    made: Mutex<HashMap<Option<String>, Leaf>>,
}

struct Leaf {
    certified: Arc<CertifiedKey>,
    renewal: Timestamp,
}

impl Leaves {
    /// With a new key. The certificate for clients that name no account's host is signed at once.
    pub(super) fn new(authority: Authority, names: Names, clock: Clock) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let signer = any_ecdsa_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))?;
        let leaves = Self { authority, names, clock, key, signer, made: Mutex::default() };
        leaves.find(None)?;
        Ok(leaves)
    }

    fn find(&self, extra: Option<String>) -> Result<Arc<CertifiedKey>, rcgen::Error> {
        let now = self.clock.now();
        let mut made = self.made.lock().expect("no thread panics while it holds the lock");
        if let Some(leaf) = made.get(&extra).filter(|leaf| now < leaf.renewal) {
            return Ok(leaf.certified.clone());
        }
        let names = self.names.all(extra.as_deref());
        let (certificate, renewal) = self.authority.sign(&self.key, names, now)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate], self.signer.clone()));
        if made.len() >= CERTIFICATES {
            made.clear();
        }
        made.insert(extra, Leaf { certified: certified.clone(), renewal });
        Ok(certified)
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(self.names.extra(hello.server_name()))
            .inspect_err(|error| tracing::error!(%error, "a certificate cannot be signed"))
            .ok()
    }
}

/// Without the keys.
impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn leaves(clock: Clock) -> Leaves {
        let dir = tempfile::TempDir::new().expect("a folder");
        let authority = Authority::load_or_make(dir.path()).expect("an authority");
        let names = Names::new("127.0.0.1".parse().expect("an address"), None);
        Leaves::new(authority, names, clock).expect("a certificate")
    }

    #[test]
    fn a_certificate_is_kept_until_its_time_has_come() {
        let days = Arc::new(AtomicI64::new(20_000));
        let told = days.clone();
        let clock = Clock::new(move || {
            Timestamp::from_second(told.load(Ordering::Relaxed) * 86_400).expect("a time")
        });
        let leaves = leaves(clock);
        let find = || leaves.find(None).expect("a certificate").cert[0].clone();
        let first = find();
        days.fetch_add(100, Ordering::Relaxed);
        assert_eq!(find(), first);
        days.fetch_add(200, Ordering::Relaxed);
        assert_ne!(find(), first);
    }

    #[test]
    fn names_without_end_take_no_memory_without_end() {
        let leaves = leaves(Clock::system());
        for n in 0..2 * CERTIFICATES {
            leaves.find(Some(format!("account-{n}.localhost"))).expect("a certificate");
        }
        assert!(leaves.made.lock().expect("a lock").len() <= CERTIFICATES);
    }
}
