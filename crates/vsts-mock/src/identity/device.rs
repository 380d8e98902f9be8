//! Signing in on a page for a program elsewhere (OAuth's device flow, RFC 8628).
//!
//! The program gets a *device code*, with which it asks again and again, and a *user code* for its user, who types it on
//! the page, signs in there and allows it or not. Both are random, live for a quarter of an hour, and work once: the user
//! code until a verdict, the device code until it has been exchanged. Nothing of this outlives the process.

use std::net::IpAddr;
use std::sync::Mutex;

use jiff::Timestamp;
use uuid::Uuid;

use super::secret::{self, Secret};
use crate::clock::random;

/// The lifetime of the codes.
pub(crate) const LIFETIME_SECONDS: i64 = 900;
/// The time that a program waits between two questions, at first.
pub(crate) const INTERVAL_SECONDS: i64 = 1;
/// By how much longer it waits each time it was too quick.
const SLOWER_SECONDS: i64 = 5;
/// The time by which a question may come too early: clocks and networks are not exact.
const GRACE_MILLISECONDS: i64 = 250;
/// The time that an expired code is still reported as expired.
const REMEMBERED_SECONDS: i64 = 3600;
/// The number of codes that one address may have out.
const PER_ADDRESS: usize = 100;
/// The number of codes that may be out.
const AT_MOST: usize = 5000;
/// Letters that are not mistaken for each other, and make no words.
const USER_CODE_LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LENGTH: usize = 8;

/// The codes for a program.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) device_code: Secret,
    /// As it is shown: `ABCD-EFGH`.
    pub(crate) user_code: String,
}

/// The program that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The name of its computer.
    pub(crate) device: String,
    pub(crate) address: IpAddr,
}

/// The user's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed(Uuid),
    Declined,
}

/// Why there is no token yet, or never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotYet {
    Pending,
    SlowDown,
    Declined,
    Expired,
    /// Never given out, or exchanged already.
    Unknown,
}

struct Code {
    device_hash: String,
    /// The code that the user types, without the hyphen.
    letters: String,
    asker: Asker,
    created: Timestamp,
    interval: i64,
    polled: Option<Timestamp>,
    verdict: Option<Verdict>,
}

impl Code {
    fn age(&self, now: Timestamp) -> i64 {
        now.as_second() - self.created.as_second()
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        (0..LIFETIME_SECONDS).contains(&self.age(now))
    }
}

/// The codes that are out.
#[derive(Default)]
pub(crate) struct DeviceCodes(Mutex<Vec<Code>>);

impl DeviceCodes {
    fn codes(&self) -> std::sync::MutexGuard<'_, Vec<Code>> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }

    /// Gives out codes; none to an address that has too many.
    pub(crate) fn begin(&self, asker: Asker, now: Timestamp) -> Option<Begun> {
        let mut codes = self.codes();
        codes.retain(|code| (0..LIFETIME_SECONDS + REMEMBERED_SECONDS).contains(&code.age(now)));
        let of_address =
            codes.iter().filter(|code| code.is_alive(now) && code.asker.address == asker.address).count();
        if of_address >= PER_ADDRESS || codes.len() >= AT_MOST {
            return None;
        }
        let user_code = loop {
            let made = user_code();
            if codes.iter().all(|code| code.letters != made) {
                break made;
            }
        };
        let device_code = secret::mint();
        codes.push(Code {
            device_hash: secret::hash(device_code.reveal()),
            letters: user_code.clone(),
            asker,
            created: now,
            interval: INTERVAL_SECONDS,
            polled: None,
            verdict: None,
        });
        let (left, right) = user_code.split_at(USER_CODE_LENGTH / 2);
        Some(Begun { device_code, user_code: format!("{left}-{right}") })
    }

    /// The program behind a user code that waits for a verdict.
    pub(crate) fn asker(&self, typed: &str, now: Timestamp) -> Option<Asker> {
        let typed = normal(typed);
        let codes = self.codes();
        let waits = |code: &&Code| {
            secret::equal(&code.letters, &typed) && code.is_alive(now) && code.verdict.is_none()
        };
        codes.iter().find(waits).map(|code| code.asker.clone())
    }

    /// Records the verdict; returns false if nothing waits for it.
    pub(crate) fn decide(&self, typed: &str, verdict: Verdict, now: Timestamp) -> bool {
        let typed = normal(typed);
        let mut codes = self.codes();
        let waits = |code: &&mut Code| {
            secret::equal(&code.letters, &typed) && code.is_alive(now) && code.verdict.is_none()
        };
        match codes.iter_mut().find(waits) {
            Some(code) => {
                code.verdict = Some(verdict);
                true
            }
            None => false,
        }
    }

    /// Exchanges a device code for whom it stands, once; or says why not.
    pub(crate) fn exchange(&self, device_code: &str, now: Timestamp) -> Result<(Uuid, Asker), NotYet> {
        let hash = secret::hash(device_code);
        let mut codes = self.codes();
        let position =
            codes.iter().position(|code| secret::equal(&code.device_hash, &hash)).ok_or(NotYet::Unknown)?;
        let code = &mut codes[position];
        if !code.is_alive(now) {
            return Err(NotYet::Expired);
        }
        match code.verdict {
            Some(Verdict::Allowed(user)) => Ok((user, codes.remove(position).asker)),
            Some(Verdict::Declined) => Err(NotYet::Declined),
            None => {
                let waited = code.polled.map(|polled| now.as_millisecond() - polled.as_millisecond());
                code.polled = Some(now);
                if waited.is_some_and(|waited| waited + GRACE_MILLISECONDS < code.interval * 1000) {
                    code.interval += SLOWER_SECONDS;
                    return Err(NotYet::SlowDown);
                }
                Err(NotYet::Pending)
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.codes().clear();
    }
}

/// Normalizes a typed code: letters and digits alone.
fn normal(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn user_code() -> String {
    let mut letters = String::new();
    while letters.len() < USER_CODE_LENGTH {
        let bytes: [u8; 16] = random();
        // 240 is a multiple of 20: every letter is as likely as the others.
        let fair = bytes.iter().filter(|byte| **byte < 240);
        let more = fair.map(|byte| char::from(USER_CODE_LETTERS[usize::from(byte % 20)]));
        letters.extend(more.take(USER_CODE_LENGTH - letters.len()));
    }
    letters
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millisecond).expect("within range")
    }

    fn asker() -> Asker {
        Asker { device: "laptop".to_owned(), address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    #[test]
    fn a_code_is_pending_then_allowed_then_used_up() {
        let codes = DeviceCodes::default();
        let begun = codes.begin(asker(), at(0)).expect("a first code");
        let device = begun.device_code.reveal();
        assert_eq!(codes.exchange(device, at(1000)), Err(NotYet::Pending));
        assert_eq!(codes.exchange(device, at(1400)), Err(NotYet::SlowDown));
        assert_eq!(codes.exchange(device, at(3000)), Err(NotYet::SlowDown), "it is five seconds more now");
        let typed = begun.user_code.to_lowercase().replace('-', " ");
        assert_eq!(codes.asker(&typed, at(4000)), Some(asker()));
        assert!(codes.decide(&typed, Verdict::Allowed(Uuid::max()), at(4000)));
        assert_eq!(codes.asker(&typed, at(4000)), None, "a user code works once");
        assert!(!codes.decide(&typed, Verdict::Declined, at(4001)));
        assert_eq!(codes.exchange(device, at(4100)), Ok((Uuid::max(), asker())));
        assert_eq!(codes.exchange(device, at(4200)), Err(NotYet::Unknown), "a device code works once");
    }

    #[test]
    fn codes_are_declined_and_expire() {
        let codes = DeviceCodes::default();
        let declined = codes.begin(asker(), at(0)).expect("a code");
        let late = codes.begin(asker(), at(0)).expect("a code");
        assert!(codes.decide(&declined.user_code, Verdict::Declined, at(1)));
        assert_eq!(codes.exchange(declined.device_code.reveal(), at(2)), Err(NotYet::Declined));
        let end = LIFETIME_SECONDS * 1000;
        assert_eq!(codes.exchange(late.device_code.reveal(), at(end)), Err(NotYet::Expired));
        assert!(!codes.decide(&late.user_code, Verdict::Allowed(Uuid::max()), at(end)));
        assert_eq!(codes.exchange("nonsense", at(0)), Err(NotYet::Unknown));
    }

    #[test]
    fn an_address_has_so_many_codes_out_and_no_more() {
        let codes = DeviceCodes::default();
        for _ in 0..PER_ADDRESS {
            assert!(codes.begin(asker(), at(0)).is_some());
        }
        assert!(codes.begin(asker(), at(0)).is_none());
        assert!(codes.begin(asker(), at(LIFETIME_SECONDS * 1000)).is_some());
    }
}
