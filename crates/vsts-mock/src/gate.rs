//! The gate through which everything goes that reads or changes the state over more than one step: requests, commands over
//! SSH, and the work of the server itself. Who replaces the whole state closes it, and waits until nobody is inside.
//!
//! While a gate is closing, requests wait before it, and the server's own work, for which requests inside may wait, still
//! goes in. A closed gate lets nobody in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The gate of one server.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
    /// Held by who closes the gate.
    closing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    phase: Phase,
    /// Cancelled when those inside have to end.
    ended: CancellationToken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing,
    Closed,
}

/// A place inside the gate, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    gate: Arc<Gate>,
    ended: CancellationToken,
}

/// A gate that nobody is inside of, until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed<'g> {
    gate: &'g Gate,
    _closing: tokio::sync::MutexGuard<'g, ()>,
}

/// The gate could not be closed, because so many places were held all the time. It is open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StillInside(pub(crate) usize);

impl Gate {
    /// Goes in, for a request: waits while the gate is closing or closed.
    pub(crate) async fn enter(self: &Arc<Self>) -> Entered {
        self.enter_if(|phase| phase == Phase::Open).await
    }

    /// Goes in, for work of the server itself: waits while the gate is closed.
    pub(crate) async fn enter_to_work(self: &Arc<Self>) -> Entered {
        self.enter_if(|phase| phase != Phase::Closed).await
    }

    /// One more place for a caller that is inside: for work that may outlive the caller's own place.
    pub(crate) fn again(self: &Arc<Self>) -> Entered {
        self.admit(&mut self.lock())
    }

    async fn enter_if(self: &Arc<Self>, may: impl Fn(Phase) -> bool) -> Entered {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                if may(state.phase) {
                    return self.admit(&mut state);
                }
            }
            changed.await;
        }
    }

    fn admit(self: &Arc<Self>, state: &mut State) -> Entered {
        state.inside += 1;
        Entered { gate: self.clone(), ended: state.ended.clone() }
    }

    /// Closes the gate when nobody is inside any more. Who is still inside after `timeout` is told to end where `ends` has a
    /// time for that, and the gate stays open if somebody is inside even after that time.
    pub(crate) async fn close(
        &self,
        timeout: Duration,
        ends: Option<Duration>,
    ) -> Result<Closed<'_>, StillInside> {
        let closed = Closed { gate: self, _closing: self.closing.lock().await };
        self.lock().phase = Phase::Closing;
        if tokio::time::timeout(timeout, self.emptied()).await.is_ok() {
            return Ok(closed);
        }
        if let Some(time) = ends {
            self.lock().ended.cancel();
            if tokio::time::timeout(time, self.emptied()).await.is_ok() {
                return Ok(closed);
            }
        }
        let inside = self.lock().inside;
        Err(StillInside(inside))
    }

    /// Waits until nobody is inside, and lets nobody in from then on.
    async fn emptied(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                if state.inside == 0 {
                    state.phase = Phase::Closed;
                    return;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Cancelled when the place has to be given back, because the state that it was taken in goes.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.inside -= 1;
        let is_empty = state.inside == 0;
        drop(state);
        if is_empty {
            self.gate.changed.notify_waiters();
        }
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.phase = Phase::Open;
        if state.ended.is_cancelled() {
            state.ended = CancellationToken::new();
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(30);

    async fn is_pending<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(SOON, future).await.is_err()
    }

    #[tokio::test]
    async fn who_closes_waits_for_those_inside_and_the_others_wait_meanwhile() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        let closing = gate.close(LONG, None);
        tokio::pin!(closing);
        assert!(is_pending(&mut closing).await, "somebody is inside");
        assert!(is_pending(gate.enter()).await, "a request waits");
        let work = tokio::time::timeout(LONG, gate.enter_to_work()).await.expect("work goes in");
        let more = gate.again();
        drop((inside, work));
        assert!(is_pending(&mut closing).await, "the second place is held still");
        drop(more);
        let closed = closing.await.expect("it closes");
        assert!(is_pending(gate.enter()).await && is_pending(gate.enter_to_work()).await);
        drop(closed);
        drop(gate.enter().await);
    }

    #[tokio::test]
    async fn who_stays_is_told_to_end_or_keeps_the_gate_open() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        assert_eq!(gate.close(SOON, None).await.err(), Some(StillInside(1)));
        assert!(!inside.ended().is_cancelled());
        drop(gate.enter().await);
        let ends = tokio::spawn(async move {
            inside.ended().cancelled().await;
            drop(inside);
        });
        drop(gate.close(SOON, Some(LONG)).await.expect("it has ended"));
        ends.await.expect("no panic");
        assert!(!gate.enter().await.ended().is_cancelled(), "who comes next is not told to");
    }

    #[tokio::test]
    async fn a_gate_opens_again_when_nobody_wants_it_closed_any_more() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        assert!(is_pending(gate.close(LONG, None)).await);
        drop(tokio::time::timeout(LONG, gate.enter()).await.expect("it is open"));
        drop(inside);
    }
}
