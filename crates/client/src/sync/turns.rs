//! Taking turns with others who push at the same moment.
//!
//! A pusher that comes second waits for a random time before looking again, so that one join takes in all that
//! others pushed meanwhile. The range of that time follows how long a round takes here. It grows with the first lost
//! rounds and shrinks again with later ones, so that those who have waited long go before newcomers.

use std::time::Duration;

use super::{Context, Event};
use crate::limits;

/// The range of the pause after each lost round from the second on, in rounds.
const RANGES: [u32; 8] = [1, 2, 4, 8, 8, 4, 2, 1];
/// The range from then on.
const LAST_RANGE: u32 = 1;

/// The rounds of one push.
pub(super) struct Turns<'c> {
    context: Context<'c>,
    begun: Duration,
    round_begun: Duration,
    lost: usize,
}

impl<'c> Turns<'c> {
    pub(super) fn new(context: Context<'c>) -> Self {
        let now = context.pace.now();
        Self { context, begun: now, round_begun: now, lost: 0 }
    }

    /// Somebody else went first. Waits before the next round, if there is time for one: `false` if not. The first time
    /// there is no wait: mostly nobody else is at it any more.
    pub(super) fn lost(&mut self) -> bool {
        let pace = self.context.pace;
        let now = pace.now();
        let round = now.saturating_sub(self.round_begun);
        if now.saturating_sub(self.begun) >= limits::PUSH_CONTENTION {
            return false;
        }
        if let Some(before) = self.lost.checked_sub(1) {
            let range = round * RANGES.get(before).copied().unwrap_or(LAST_RANGE);
            let range = range.clamp(limits::PUSH_PAUSE_LEAST, limits::PUSH_PAUSE_MOST);
            let millis = u64::try_from(range.as_millis()).unwrap_or(u64::MAX).max(1);
            let pause = Duration::from_millis(pace.random() % millis);
            (self.context.observer)(Event::Waiting { others: self.lost + 1 });
            pace.sleep(pause);
        }
        self.lost += 1;
        self.round_begun = pace.now();
        true
    }

    /// The pushes of others that went first.
    pub(super) fn count(&self) -> usize {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::env::Pace;

    /// A clock that moves when somebody sleeps, and by a second with each look.
    #[derive(Default)]
    struct Fake {
        now: Mutex<Duration>,
        slept: Mutex<Vec<Duration>>,
    }

    impl Pace for Fake {
        fn now(&self) -> Duration {
            let mut now = self.now.lock().unwrap();
            *now += Duration::from_millis(500);
            *now
        }

        fn random(&self) -> u64 {
            u64::MAX
        }

        fn sleep(&self, time: Duration) {
            *self.now.lock().unwrap() += time;
            self.slept.lock().unwrap().push(time);
        }
    }

    #[test]
    fn pauses_grow_shrink_and_end() {
        let pace = Fake::default();
        let by = gix::actor::Signature::default();
        let events = Mutex::new(Vec::new());
        let observer = |event| events.lock().unwrap().push(event);
        let mut turns = Turns::new(Context { by: &by, observer: &observer, pace: &pace });
        assert!(turns.lost() && pace.slept.lock().unwrap().is_empty(), "the first time nobody waits");
        let mut rounds = 1;
        while turns.lost() {
            rounds += 1;
            assert!(rounds < 10_000, "it has to end");
        }
        let slept = pace.slept.lock().unwrap();
        assert!(slept[3] > slept[0] && slept[3] > slept[7], "{slept:?}");
        assert!(slept.iter().all(|pause| *pause <= limits::PUSH_PAUSE_MOST), "{slept:?}");
        assert_eq!(turns.count(), rounds);
        assert_eq!(events.lock().unwrap()[0], Event::Waiting { others: 2 });
        assert!(pace.now() >= limits::PUSH_CONTENTION && pace.now() < 2 * limits::PUSH_CONTENTION);
    }
}
