//! Credentials: what a request shows, and whom it proves.
//!
//! A personal access token may stand in the password of Basic credentials (whatever the user name), in the user name
//! (when the password is empty), or in Bearer. Otherwise Basic means a user's name or e-mail address and password. A
//! [`Principal`] is made of the credential that verified, never of one that was only offered.

pub(crate) mod device;
pub(crate) mod grant;
mod login_throttle;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod sessions;
pub(crate) mod ssh_key;
pub(crate) mod uses;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::access::{Permissions, Principal, ceiling_of};
use crate::directory::{Directory, Token};
use crate::limits::{AUTHORIZATION_BYTES, PASSWORDS_AT_ONCE};
use login_throttle::{Attempt, LoginThrottle};
pub(crate) use secret::Secret;

/// The administrator, where users are counted.
const ADMIN: Uuid = Uuid::nil();

/// The credential of a request.
#[derive(Debug)]
pub(crate) enum Credential {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum SignInError {
    #[error("the Authorization header is not understood")]
    Malformed,
    #[error("TF400813: The credentials are not valid.")]
    Wrong,
    #[error("Access Denied: The Personal Access Token used has expired.")]
    Expired,
    #[error(
        "TF400733: The request has been canceled: too many failed sign-ins. Try again in {retry_after} seconds."
    )]
    TooMany { retry_after: u64 },
}

impl Credential {
    /// Reads the value of an `Authorization` header.
    pub(crate) fn parse(header: &[u8]) -> Result<Self, SignInError> {
        if header.len() > AUTHORIZATION_BYTES {
            return Err(SignInError::Malformed);
        }
        let header = std::str::from_utf8(header).map_err(|_| SignInError::Malformed)?.trim();
        let (scheme, value) = header.split_once(' ').ok_or(SignInError::Malformed)?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") && !value.is_empty() {
            return Ok(Self::Bearer(Secret::new(value)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(SignInError::Malformed);
        }
        let decoded = STANDARD.decode(value).map_err(|_| SignInError::Malformed)?;
        let decoded = String::from_utf8(decoded).map_err(|_| SignInError::Malformed)?;
        let (user, password) = decoded.split_once(':').ok_or(SignInError::Malformed)?;
        if user.is_empty() && password.is_empty() {
            return Err(SignInError::Wrong);
        }
        Ok(Self::Basic { user: user.to_owned(), password: Secret::new(password) })
    }
}

/// Checks credentials; remembers failures, and passwords that it has checked before.
pub(crate) struct Authenticator {
    attempts: Mutex<LoginThrottle>,
    passwords: password::Checker,
    passwords_at_once: Arc<Semaphore>,
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        let attempts = Mutex::new(LoginThrottle::new(crate::clock::random()));
        Self {
            attempts,
            passwords: password::Checker::new(),
            passwords_at_once: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)),
        }
    }

    /// Permits for verifying passwords: whoever does so holds one.
    pub(crate) fn passwords_at_once(&self) -> Arc<Semaphore> {
        self.passwords_at_once.clone()
    }

    /// Returns whether verifying takes a moment: a password, that is, and not a token.
    pub(crate) fn takes_long(directory: &Directory, credential: &Credential) -> bool {
        match credential {
            Credential::Basic { password, .. } if !password.is_empty() => {
                directory.token_by_hash(&secret::hash(password.reveal())).is_none()
            }
            _ => false,
        }
    }

    /// Verifies a credential. Takes a moment for passwords: call it where blocking is fine.
    pub(crate) fn verify(
        &self,
        directory: &Directory,
        credential: &Credential,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, SignInError> {
        let (secret, login) = match credential {
            Credential::None => return Ok(Principal::anonymous()),
            Credential::Bearer(secret) => (secret.reveal(), None),
            Credential::Basic { user, password } if password.is_empty() => (user.as_str(), None),
            Credential::Basic { user, password } => (password.reveal(), Some(user.as_str())),
        };
        let token = directory.token_by_hash(&secret::hash(secret));
        // A token in the place of a password is one, whatever name is beside it.
        let login = login.filter(|login| token.is_none() && !login.is_empty());
        let named = login.and_then(|login| directory.user_by_login(login)).map(|user| user.id);
        let attempt = Attempt { address: peer, login, user: token.map(|token| token.user).or(named) };
        self.check(attempt, now)?;
        let verdict = match token {
            Some(token) => of_token(directory, token, now),
            None => self.of_password(directory, secret, login),
        };
        match &verdict {
            Ok(principal) => self.succeeded(peer, principal.user.unwrap_or_default()),
            // Who shows a token that has expired has not guessed it.
            Err(SignInError::Expired) => {}
            Err(_) => self.count(attempt, now),
        }
        verdict
    }

    /// Compares with the one token that is not anybody's: the admin API's.
    pub(crate) fn verify_admin(
        &self,
        expected: &Secret,
        credential: &Credential,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let secret = match credential {
            Credential::Bearer(secret) | Credential::Basic { password: secret, .. } => secret.reveal(),
            Credential::None => return Err(SignInError::Wrong),
        };
        let is_right = secret::equal(secret, expected.reveal());
        let attempt = Attempt { address: peer, login: None, user: is_right.then_some(ADMIN) };
        self.check(attempt, now)?;
        if is_right {
            self.succeeded(peer, ADMIN);
            return Ok(());
        }
        self.count(attempt, now);
        Err(SignInError::Wrong)
    }

    /// Returns whether the address may try anything that can be guessed.
    pub(crate) fn may_try(&self, peer: IpAddr, now: Timestamp) -> Result<(), SignInError> {
        self.check(Attempt { address: peer, login: None, user: None }, now)
    }

    /// Counts a wrong guess.
    pub(crate) fn failed(&self, peer: IpAddr, now: Timestamp) {
        self.count(Attempt { address: peer, login: None, user: None }, now);
    }

    fn attempts(&self) -> MutexGuard<'_, LoginThrottle> {
        self.attempts.lock().expect("no thread panics while it holds the lock")
    }

    fn check(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), SignInError> {
        let verdict = self.attempts().check(attempt, now);
        verdict.map_err(|retry_after| SignInError::TooMany { retry_after })
    }

    fn count(&self, attempt: Attempt<'_>, now: Timestamp) {
        self.attempts().failed(attempt, now);
    }

    fn succeeded(&self, peer: IpAddr, user: Uuid) {
        self.attempts().succeeded(peer, user);
    }

    fn of_password(
        &self,
        directory: &Directory,
        password: &str,
        login: Option<&str>,
    ) -> Result<Principal, SignInError> {
        let login = login.ok_or(SignInError::Wrong)?;
        let user = directory.user_by_login(login);
        let stored = user.and_then(|user| user.password_hash.as_deref());
        match (self.passwords.check(password, stored), user) {
            (true, Some(user)) => Ok(Principal {
                user: Some(user.id),
                name: user.name.clone(),
                token: None,
                key: None,
                ceiling: Permissions::ALL,
            }),
            _ => Err(SignInError::Wrong),
        }
    }
}

fn of_token(directory: &Directory, token: &Token, now: Timestamp) -> Result<Principal, SignInError> {
    if token.expires.is_some_and(|expires| expires <= now) {
        return Err(SignInError::Expired);
    }
    let user = directory.users.get(&token.user).ok_or(SignInError::Wrong)?;
    Ok(Principal {
        user: Some(user.id),
        name: user.name.clone(),
        token: Some(token.id),
        key: None,
        ceiling: ceiling_of(&token.scopes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn odd_headers_are_refused() {
        let long = [b'a'; 9000];
        let rows: [Vec<u8>; 8] = [
            b"".to_vec(),
            b"Basic".to_vec(),
            b"Basic !!!".to_vec(),
            b"Digest abc".to_vec(),
            basic(b"no colon"),
            basic(b":"),
            basic(b"\xff:\xff"),
            basic(&long),
        ];
        for row in rows {
            assert!(Credential::parse(&row).is_err(), "{}", String::from_utf8_lossy(&row));
        }
    }

    #[test]
    fn basic_and_bearer_are_read() {
        let Ok(Credential::Basic { user, password }) = Credential::parse(&basic(b"alice:a:b")) else {
            panic!("Basic credentials")
        };
        assert_eq!((user.as_str(), password.reveal()), ("alice", "a:b"));
        assert!(matches!(Credential::parse(b"bearer abc"), Ok(Credential::Bearer(_))));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let shown = format!("{:?}", Credential::parse(&basic(b"alice:hunter2")));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
