//! What a connection is doing, and until when it may go on like that: signing in, waiting to be asked, or answering.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a client may take to sign in.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long a signed-in client may ask nothing.
const IDLE: Duration = Duration::from_mins(10);

#[derive(Clone, Copy, Debug)]
struct State {
    answering: usize,
    /// When it ends, unless something is being answered.
    deadline: Instant,
}

/// Tells what happens on a connection, and hears of it.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<watch::Sender<State>>);

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State { answering: 0, deadline: Instant::now() + HANDSHAKE })))
    }

    /// A key has proven who it is.
    pub(super) fn signed_in(&self) {
        self.0.send_modify(|state| state.deadline = Instant::now() + IDLE);
    }

    /// Something is being answered for as long as the beat is kept.
    pub(super) fn busy(&self) -> Beat {
        self.0.send_modify(|state| state.answering += 1);
        Beat(self.clone())
    }

    /// Returns when nothing is being answered.
    pub(super) async fn rest(&self) {
        // The sender is in `self`, so that the wait ends with what is waited for.
        let _at_rest = self.0.subscribe().wait_for(|state| state.answering == 0).await.is_ok();
    }

    /// Returns when the connection has had its time.
    pub(super) async fn overdue(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let State { answering, deadline } = *changes.borrow_and_update();
            let past = async {
                if answering == 0 {
                    tokio::time::sleep_until(deadline).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = past => return,
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

/// Kept while something is being answered.
#[derive(Debug)]
pub(super) struct Beat(Pulse);

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| {
            state.answering -= 1;
            state.deadline = Instant::now() + IDLE;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn elapsed(pulse: &Pulse) -> Duration {
        let began = Instant::now();
        pulse.overdue().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_state_has_its_time() {
        let pulse = Pulse::new();
        assert_eq!(elapsed(&pulse).await.as_secs(), HANDSHAKE.as_secs());
        pulse.signed_in();
        assert_eq!(elapsed(&pulse).await.as_secs(), IDLE.as_secs());
        let beat = pulse.busy();
        assert!(tokio::time::timeout(IDLE * 10, pulse.overdue()).await.is_err(), "an answer takes its time");
        drop(beat);
        assert_eq!(elapsed(&pulse).await.as_secs(), IDLE.as_secs());
    }
}
