//! Failed sign-ins, counted by address: whoever guesses is slowed down.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

/// How many failures one address has in a window before it has to wait.
const ALLOWED: u32 = 100;
/// How long a window lasts.
const WINDOW_SECONDS: i64 = 60;
/// How many addresses are remembered.
const ADDRESSES: usize = 10_000;

#[derive(Debug)]
struct Window {
    began: Timestamp,
    failures: u32,
}

/// The failures of late.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<IpAddr, Window>);

impl Attempts {
    /// Whether the address may try; else the seconds after which it may.
    pub(super) fn check(&mut self, peer: IpAddr, now: Timestamp) -> Result<(), u64> {
        let Some(window) = self.0.get(&peer) else { return Ok(()) };
        let age = now.as_second() - window.began.as_second();
        if !(0..WINDOW_SECONDS).contains(&age) {
            self.0.remove(&peer);
            Ok(())
        } else if window.failures < ALLOWED {
            Ok(())
        } else {
            Err(u64::try_from(WINDOW_SECONDS - age).expect("the window is not over"))
        }
    }

    pub(super) fn failed(&mut self, peer: IpAddr, now: Timestamp) {
        if self.0.len() >= ADDRESSES {
            self.0.retain(|_, window| now.as_second() - window.began.as_second() < WINDOW_SECONDS);
        }
        if self.0.len() < ADDRESSES || self.0.contains_key(&peer) {
            self.0.entry(peer).or_insert(Window { began: now, failures: 0 }).failures += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn too_many_failures_wait_for_the_window_to_end() {
        let mut attempts = Attempts::default();
        let (peer, other) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        let at = |second| Timestamp::from_second(second).expect("within range");
        for _ in 0..ALLOWED {
            assert_eq!(attempts.check(peer, at(5)), Ok(()));
            attempts.failed(peer, at(5));
        }
        assert_eq!(attempts.check(peer, at(25)), Err(40));
        assert_eq!(attempts.check(other, at(25)), Ok(()));
        assert_eq!(attempts.check(peer, at(65)), Ok(()));
    }
}
