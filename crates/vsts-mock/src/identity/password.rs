//! Passwords of people: argon2id with a salt each.
//!
//! Stored as `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (the PHC form), so that the costs can rise later. A check of an
//! unknown user costs as much as one of a known user. A password that was right once is remembered for the life of the
//! process, by a hash that is keyed with the process's own secret, since Git sends it with every request.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::random;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_LENGTH: usize = 32;
const REMEMBERED: usize = 1024;

/// Returns the hash that is stored of a password.
pub(crate) fn hash(password: &str) -> String {
    let salt: [u8; 16] = random();
    let mut output = [0; HASH_LENGTH];
    derive(password, &salt, (MEMORY_KIB, PASSES, LANES), &mut output)
        .expect("the costs are within argon2's limits");
    format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )
}

fn derive(password: &str, salt: &[u8], costs: (u32, u32, u32), output: &mut [u8]) -> Option<()> {
    let params = Params::new(costs.0, costs.1, costs.2, Some(output.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, output)
        .ok()
}

fn matches(password: &str, stored: &str) -> Option<bool> {
    let mut parts = stored.strip_prefix("$argon2id$v=19$")?.split('$');
    let mut costs =
        parts.next()?.split(',').map(|cost| cost.split_once('=').and_then(|(_, n)| n.parse::<u32>().ok()));
    let costs = (costs.next()??, costs.next()??, costs.next()??);
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let expected = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let mut output = vec![0; expected.len()];
    derive(password, &salt, costs, &mut output)?;
    Some(output.ct_eq(&expected).into())
}

/// Checks passwords against what is stored of them.
pub(crate) struct Checker {
    key: [u8; 32],
    remembered: Mutex<HashSet<[u8; 32]>>,
    decoy: OnceLock<String>,
}

impl Checker {
    pub(crate) fn new() -> Self {
        Self { key: random(), remembered: Mutex::default(), decoy: OnceLock::new() }
    }

    /// Returns whether the password is the one stored; with nothing stored, false after as much work.
    pub(crate) fn check(&self, password: &str, stored: Option<&str>) -> bool {
        let Some(stored) = stored else {
            let decoy = self.decoy.get_or_init(|| hash(""));
            let _same_work = matches(password, decoy);
            return false;
        };
        let mut hasher = Sha256::new();
        for part in [self.key.as_slice(), stored.as_bytes(), b"\0", password.as_bytes()] {
            hasher.update(part);
        }
        let fingerprint: [u8; 32] = hasher.finalize().into();
        let remembered = || self.remembered.lock().expect("no thread panics while it holds the lock");
        if remembered().contains(&fingerprint) {
            return true;
        }
        let right = matches(password, stored).unwrap_or(false);
        if right {
            let mut remembered = remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(fingerprint);
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_alone_matches() {
        let (stored, checker) = (hash("correct horse"), Checker::new());
        assert!(!stored.contains("correct"));
        for _ in 0..2 {
            assert!(checker.check("correct horse", Some(&stored)));
            assert!(!checker.check("correct horsf", Some(&stored)));
        }
        assert!(!checker.check("", None));
        assert!(!checker.check("x", Some("$argon2id$v=19$m=1$broken")));
    }
}
