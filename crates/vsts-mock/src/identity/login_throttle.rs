//! Failed sign-ins, counted within windows of a minute: whoever guesses is slowed down, and nobody else.
//!
//! Three things are counted: what fails from an address, for a user from an address, and for a user from anywhere. An
//! address from which a user has signed in before is *familiar* with them: then only the second count keeps them out.
//! So somebody who guesses behind a shared address, or at one user from many addresses, locks nobody out who was there
//! before. Names that no user has are counted like those of users, so that the counts don't tell who exists.
//!
//! Memory is bounded: counts are kept by a keyed hash of 16 bits, which nobody outside can aim at.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The number of failures in a window before one has to wait.
const PER_ADDRESS: u32 = 100;
const PER_USER_AND_ADDRESS: u32 = 20;
const PER_USER: u32 = 200;
/// The length of a window.
const WINDOW_SECONDS: i64 = 60;
/// The number of pairs of an address and a user that are remembered as familiar.
const FAMILIAR: usize = 10_000;

/// The kinds of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Address,
    UserAndAddress,
    User,
}

impl Kind {
    fn allowed(self) -> u32 {
        match self {
            Self::Address => PER_ADDRESS,
            Self::UserAndAddress => PER_USER_AND_ADDRESS,
            Self::User => PER_USER,
        }
    }
}

#[derive(Debug)]
struct Window {
    began: Timestamp,
    failures: u32,
}

/// An attempt to sign in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) address: IpAddr,
    /// The name that is given with a password; nothing with a token.
    pub(super) login: Option<&'a str>,
    /// The user of that name or token, if there is one.
    pub(super) user: Option<Uuid>,
}

/// The failures of late.
#[derive(Debug)]
pub(super) struct LoginThrottle {
    key: [u8; 32],
    windows: HashMap<(Kind, u16), Window>,
    familiar: HashSet<(IpAddr, Uuid)>,
}

impl LoginThrottle {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, windows: HashMap::new(), familiar: HashSet::new() }
    }

    /// Returns whether this may be tried; else the seconds after which it may.
    pub(super) fn check(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), u64> {
        let is_familiar =
            attempt.user.is_some_and(|user| self.familiar.contains(&(network(attempt.address), user)));
        let waits = self.slots(attempt).into_iter().flatten().filter_map(|slot| {
            if is_familiar && slot.0 != Kind::UserAndAddress {
                return None;
            }
            let window = self.windows.get(&slot)?;
            let age = age(window, now)?;
            (window.failures >= slot.0.allowed()).then(|| u64::try_from(WINDOW_SECONDS - age).unwrap_or(1))
        });
        waits.max().map_or(Ok(()), Err)
    }

    pub(super) fn failed(&mut self, attempt: Attempt<'_>, now: Timestamp) {
        for slot in self.slots(attempt).into_iter().flatten() {
            let window = self.windows.entry(slot).or_insert(Window { began: now, failures: 0 });
            if age(window, now).is_none() {
                *window = Window { began: now, failures: 0 };
            }
            window.failures = window.failures.saturating_add(1);
        }
    }

    pub(super) fn succeeded(&mut self, address: IpAddr, user: Uuid) {
        let pair = (network(address), user);
        if !self.familiar.contains(&pair) {
            if self.familiar.len() >= FAMILIAR {
                self.familiar.clear();
            }
            self.familiar.insert(pair);
        }
    }

    /// Returns the count in which the failure of an attempt is counted.
    fn slots(&self, attempt: Attempt<'_>) -> [Option<(Kind, u16)>; 3] {
        let address = network(attempt.address).to_string();
        let name = attempt.login.map(|login| match attempt.user {
            Some(user) => user.to_string(),
            None => login.to_lowercase(),
        });
        let slot = |kind, parts: &[&str]| {
            let mut hasher = Sha256::new();
            hasher.update(self.key);
            for part in parts {
                hasher.update(part.as_bytes());
                hasher.update(b"\0");
            }
            let hash = hasher.finalize();
            (kind, u16::from_be_bytes([hash[0], hash[1]]))
        };
        [
            Some(slot(Kind::Address, &[&address])),
            name.as_deref().map(|name| slot(Kind::UserAndAddress, &[&address, name])),
            name.as_deref().map(|name| slot(Kind::User, &[name])),
        ]
    }
}

/// The seconds since a window began; `None` if it is over, or begins in the future of a clock that went back.
fn age(window: &Window, now: Timestamp) -> Option<i64> {
    let age = now.as_second() - window.began.as_second();
    (0..WINDOW_SECONDS).contains(&age).then_some(age)
}

/// An IPv6 client has every address of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("within range")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn token(address: &str, user: Option<Uuid>) -> Attempt<'static> {
        Attempt { address: ip(address), login: None, user }
    }

    fn password(address: &str, login: &'static str, user: Option<Uuid>) -> Attempt<'static> {
        Attempt { address: ip(address), login: Some(login), user }
    }

    fn fail(attempts: &mut LoginThrottle, attempt: Attempt<'_>, times: u32) {
        for _ in 0..times {
            attempts.failed(attempt, at(5));
        }
    }

    #[test]
    fn too_many_failures_of_an_address_wait_for_the_window_to_end() {
        let mut attempts = LoginThrottle::new([7; 32]);
        let guess = token("127.0.0.1", None);
        fail(&mut attempts, guess, PER_ADDRESS - 1);
        assert_eq!(attempts.check(guess, at(25)), Ok(()));
        fail(&mut attempts, guess, 1);
        assert_eq!(attempts.check(guess, at(25)), Err(40));
        assert_eq!(attempts.check(token("10.0.0.1", None), at(25)), Ok(()));
        assert_eq!(attempts.check(guess, at(65)), Ok(()));
        attempts.failed(guess, at(65));
        assert_eq!(attempts.check(guess, at(66)), Ok(()), "a new window begins with nothing");
        fail(&mut attempts, token("2001:db8::1", None), PER_ADDRESS);
        assert!(attempts.check(token("2001:db8::2:3:4:5", None), at(6)).is_err(), "it is the same network");
        assert!(attempts.check(token("2001:db8:0:1::1", None), at(6)).is_ok());
    }

    #[test]
    fn an_attacker_locks_nobody_out_who_was_there_before() {
        let (alice, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut attempts = LoginThrottle::new([7; 32]);
        attempts.succeeded(ip("10.0.0.1"), alice);
        // Behind alice's address, by guessing tokens:
        fail(&mut attempts, token("10.0.0.1", None), PER_ADDRESS);
        assert!(attempts.check(token("10.0.0.1", None), at(6)).is_err());
        assert!(attempts.check(token("10.0.0.1", Some(bob)), at(6)).is_err(), "he was never there");
        assert!(attempts.check(token("10.0.0.1", Some(alice)), at(6)).is_ok());
        assert!(attempts.check(password("10.0.0.1", "alice", Some(alice)), at(6)).is_ok());
        // At alice's password, from many addresses:
        for last in 2..=11 {
            let address = format!("10.0.0.{last}");
            let guess = Attempt { address: ip(&address), login: Some("alice"), user: Some(alice) };
            fail(&mut attempts, guess, PER_USER_AND_ADDRESS);
            assert!(attempts.check(guess, at(6)).is_err());
        }
        assert!(attempts.check(password("10.9.9.9", "alice", Some(alice)), at(6)).is_err(), "slowed down");
        assert!(attempts.check(password("10.9.9.9", "bob", Some(bob)), at(6)).is_ok());
        assert!(attempts.check(password("10.0.0.1", "alice", Some(alice)), at(6)).is_ok());
        // At alice's password, behind her address: that pair has to wait, her tokens need not.
        fail(&mut attempts, password("10.0.0.1", "alice", Some(alice)), PER_USER_AND_ADDRESS);
        assert!(attempts.check(password("10.0.0.1", "ALICE", Some(alice)), at(6)).is_err());
        assert!(attempts.check(token("10.0.0.1", Some(alice)), at(6)).is_ok());
    }

    #[test]
    fn names_of_nobody_are_counted_like_names_of_users() {
        let mut attempts = LoginThrottle::new([7; 32]);
        for (login, user) in [("alice", Some(Uuid::from_u128(1))), ("nobody", None)] {
            let guess = password("10.0.0.1", login, user);
            fail(&mut attempts, guess, PER_USER_AND_ADDRESS);
            assert_eq!(attempts.check(guess, at(5)), Err(60), "{login}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut attempts = LoginThrottle::new([7; 32]);
        for n in 0..200_000_u32 {
            let login = n.to_string();
            let address = IpAddr::from(n.to_be_bytes());
            attempts.failed(Attempt { address, login: Some(&login), user: None }, at(5));
            attempts.succeeded(address, Uuid::from_u128(n.into()));
        }
        assert!(attempts.windows.len() <= 3 << 16 && attempts.familiar.len() <= FAMILIAR);
    }
}
