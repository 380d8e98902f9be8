//! SSH public keys as people paste them: one line, `algorithm base64 comment`.
//!
//! Options before the key, private keys, certificates, old or weak algorithms and more than one line are refused, each
//! with its reason.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::limits::SSH_KEY_TEXT_BYTES;

const ALGORITHMS: [&str; 5] =
    ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
const SHORTEST_RSA_BITS: usize = 2048;

/// Why a key is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SshKeyError {
    /// Somebody pasted the wrong file. The text is not repeated anywhere.
    #[error("this is a private key; register the public one (the file that ends in .pub)")]
    Private,
    /// More than one line.
    #[error("a key is one line")]
    Lines,
    /// Too long to be one.
    #[error("a key has at most {SSH_KEY_TEXT_BYTES} characters")]
    TooLong,
    /// No algorithm that is taken.
    #[error("a key begins with one of: ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256, -nistp384, -nistp521")]
    Algorithm,
    /// The middle part is not a key of that algorithm.
    #[error("the key data is not a valid {algorithm} key")]
    Data {
        /// The algorithm that it claims.
        algorithm: &'static str,
    },
    /// An RSA key that can be broken.
    #[error("an RSA key has at least {SHORTEST_RSA_BITS} bits; this one has {bits}")]
    Weak {
        /// Its size.
        bits: usize,
    },
}

/// A key in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) algorithm: &'static str,
    /// The wire form in base64.
    pub(crate) blob: String,
    /// `SHA256:…`, as ssh-keygen prints it.
    pub(crate) fingerprint: String,
}

impl PublicKey {
    pub(crate) fn parse(text: &str) -> Result<Self, SshKeyError> {
        if is_private_key(text) {
            return Err(SshKeyError::Private);
        }
        if text.len() > SSH_KEY_TEXT_BYTES {
            return Err(SshKeyError::TooLong);
        }
        let line = text.trim();
        if line.contains(['\n', '\r', '\0']) {
            return Err(SshKeyError::Lines);
        }
        let mut parts = line.split_ascii_whitespace();
        let named = parts.next().ok_or(SshKeyError::Algorithm)?;
        let algorithm =
            ALGORITHMS.into_iter().find(|algorithm| *algorithm == named).ok_or(SshKeyError::Algorithm)?;
        let bad = SshKeyError::Data { algorithm };
        let data = STANDARD.decode(parts.next().ok_or_else(|| bad.clone())?).map_err(|_| bad.clone())?;
        let fields = fields(&data).ok_or_else(|| bad.clone())?;
        let (name, rest) = fields.split_first().ok_or_else(|| bad.clone())?;
        if *name != algorithm.as_bytes() {
            return Err(bad);
        }
        check(algorithm, rest)?;
        let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&data)));
        Ok(Self { algorithm, blob: STANDARD.encode(&data), fingerprint })
    }
}

/// Returns whether a text is a private key, by the first line of a PEM, OpenSSH or PuTTY file.
pub(crate) fn is_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File")
}

fn check(algorithm: &'static str, fields: &[&[u8]]) -> Result<(), SshKeyError> {
    let bad = SshKeyError::Data { algorithm };
    match (algorithm, fields) {
        ("ssh-ed25519", [point]) if point.len() == 32 => Ok(()),
        ("ssh-rsa", [exponent, modulus]) => {
            let trimmed =
                |number: &[u8]| number.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
            let (exponent, modulus) = (trimmed(exponent), trimmed(modulus));
            let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
            if exponent == [1] || !is_odd(&exponent) || exponent.len() > 8 || !is_odd(&modulus) {
                return Err(bad);
            }
            let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
            if bits < SHORTEST_RSA_BITS { Err(SshKeyError::Weak { bits }) } else { Ok(()) }
        }
        (_, [curve, point])
            if algorithm.strip_prefix("ecdsa-sha2-").is_some_and(|name| name.as_bytes() == *curve)
                && point.first() == Some(&4) =>
        {
            let length = match *curve {
                b"nistp256" => 65,
                b"nistp384" => 97,
                _ => 133,
            };
            if point.len() == length { Ok(()) } else { Err(bad) }
        }
        _ => Err(bad),
    }
}

fn fields(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        fields.push(field);
        data = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS alice@laptop";

    fn rsa(exponent: &[u8], modulus: &[u8]) -> String {
        let mut data = Vec::new();
        for field in [b"ssh-rsa".as_slice(), exponent, modulus] {
            data.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
            data.extend(field);
        }
        format!("ssh-rsa {}", STANDARD.encode(data))
    }

    #[test]
    fn an_ordinary_key_is_taken_and_fingerprinted() {
        let key = PublicKey::parse(ED25519).expect("a good key");
        assert_eq!(key.algorithm, "ssh-ed25519");
        assert_eq!(key.fingerprint.len(), "SHA256:".len() + 43);
        assert_eq!(PublicKey::parse(&format!("  {ED25519}\n")).as_ref(), Ok(&key));
        assert!(PublicKey::parse(&rsa(&[1, 0, 1], &[0xff; 256])).is_ok());
    }

    #[test]
    fn bad_keys_are_refused_with_their_reason() {
        let data = SshKeyError::Data { algorithm: "ssh-rsa" };
        let rows = [
            (format!("command=\"id\" {ED25519}"), SshKeyError::Algorithm),
            (format!("cert-authority {ED25519}"), SshKeyError::Algorithm),
            (format!("{ED25519}\n{ED25519}"), SshKeyError::Lines),
            (format!("{ED25519} {}", "x".repeat(1 << 20)), SshKeyError::TooLong),
            ("ssh-dss AAAA".to_owned(), SshKeyError::Algorithm),
            ("ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(), SshKeyError::Algorithm),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA".to_owned(), SshKeyError::Private),
            ("PuTTY-User-Key-File-3: ssh-ed25519".to_owned(), SshKeyError::Private),
            ("---- BEGIN SSH2 PUBLIC KEY ----".to_owned(), SshKeyError::Algorithm),
            (String::new(), SshKeyError::Algorithm),
            ("ssh-rsa".to_owned(), data.clone()),
            ("ssh-rsa AAAA!".to_owned(), data.clone()),
            (ED25519.replace("ssh-ed25519", "ssh-rsa"), data.clone()),
            (rsa(&[1], &[0xff; 256]), data.clone()),
            (rsa(&[1, 0, 1], &[0xff; 128]), SshKeyError::Weak { bits: 1024 }),
        ];
        for (text, expected) in rows {
            assert_eq!(PublicKey::parse(&text), Err(expected), "{}", &text[..text.len().min(60)]);
        }
    }
}
