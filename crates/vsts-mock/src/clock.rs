//! Time and randomness, as arguments: the only file that asks the system for either.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The clock; tests give one that stands still. It can be moved, to see what happens when tokens expire.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Seconds by which the clock and its clones are ahead.
    ahead: Arc<AtomicU32>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock of the caller's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), ahead: Arc::default() }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead().into());
        (self.now)().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Seconds by which the clock is ahead.
    pub(crate) fn ahead(&self) -> u32 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Moves the clock and all its clones so many seconds ahead of the time that they would tell.
    pub(crate) fn set_ahead(&self, seconds: u32) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }

    /// The same clock, which does not move with this one.
    pub(crate) fn unmoved(&self) -> Self {
        Self { now: self.now.clone(), ahead: Arc::default() }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A generator of numbers nobody can guess, for keys.
pub(crate) fn generator() -> impl russh::keys::ssh_key::rand_core::CryptoRng {
    russh::keys::key::safe_rng()
}

/// Bytes nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
