//! A trust store for Java, which reads no PEM there: one certificate in a Java KeyStore (JKS).
//!
//! The format is that of OpenJDK's `sun.security.provider.JavaKeyStore`: big-endian numbers, texts with their length in
//! two bytes, and at the end the SHA-1 of a password, a salt that is the same for all, and everything before.

use gix::hash::{Kind, hasher};

/// The password of the store, which Java wants to have; it protects nothing that is secret.
pub(super) const PASSWORD: &str = "changeit";

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;
const SALT: &[u8] = b"Mighty Aphrodite";

/// A store with one trusted certificate, given as DER.
pub(super) fn trust_store(certificate: &[u8]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        let length = u16::try_from(text.len()).expect("the texts here are short");
        out.extend(length.to_be_bytes());
        out.extend(text.as_bytes());
    };
    let mut store = Vec::new();
    for number in [MAGIC, VERSION, 1, TRUSTED_CERTIFICATE] {
        store.extend(number.to_be_bytes());
    }
    text(&mut store, "vsts-mock");
    // The time at which it was added, in milliseconds.
    store.extend(0_u64.to_be_bytes());
    text(&mut store, "X.509");
    let length = u32::try_from(certificate.len()).expect("a certificate is short");
    store.extend(length.to_be_bytes());
    store.extend(certificate);
    let mut sum = hasher(Kind::Sha1);
    for unit in PASSWORD.encode_utf16() {
        sum.update(&unit.to_be_bytes());
    }
    sum.update(SALT);
    sum.update(&store);
    // The bytes are ours: nobody can have made them collide.
    if let Ok(sum) = sum.try_finalize() {
        store.extend(sum.as_bytes());
    }
    store
}
