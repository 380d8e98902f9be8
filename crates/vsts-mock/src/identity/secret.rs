//! Secret texts: made, hashed, compared, and never printed.
//!
//! Whatever is compared with a secret is compared by [`equal`], whose time does not depend on how much is right. Tokens
//! are looked up by their SHA-256 instead: what the time of that tells is of the hash, of which nobody can choose the
//! beginning without trying as many secrets.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::random;

/// Lower-case letters and digits, as the service's tokens have them: 32, five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Some clients take only a text of exactly this length for a token.
const TOKEN_LENGTH: usize = 52;

/// A text that is not to be shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A new token: 52 characters, 260 random bits.
pub(crate) fn mint() -> Secret {
    let bytes: [u8; TOKEN_LENGTH] = random();
    Secret(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// Returns the hash that is stored of a token: it is long and random, so that a plain hash does.
pub(crate) fn hash(secret: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"azml token v1\0");
    hasher.update(secret.as_bytes());
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string succeeds");
        hex
    })
}

/// Compares without telling by the time how much was right.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one.as_bytes()), Sha256::digest(other.as_bytes()));
    one[..].ct_eq(&other[..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_tokens_have_the_shape_that_clients_ask_for() {
        let (one, other) = (mint(), mint());
        assert!(one != other && one == one.clone());
        assert_eq!(one.reveal().len(), 52);
        assert!(one.reveal().bytes().all(|byte| ALPHABET.contains(&byte)));
    }

    #[test]
    fn equality_is_equality() {
        assert!(equal("abc", "abc"));
        assert!(!equal("abc", "abd") && !equal("abc", "") && !equal("", "a"));
    }
}
