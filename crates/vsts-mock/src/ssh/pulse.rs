//! What a connection is doing, and until when it may go on like that: signing in, waiting to be asked, or answering.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::{Entry, Work};

/// How long the server waits for those who do nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long a client may take to sign in.
    pub(crate) handshake: Duration,
    /// How long a signed-in client may ask nothing.
    pub(crate) idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(15), idle: Duration::from_mins(10) }
    }
}

#[derive(Clone, Copy, Debug)]
struct State {
    answering: usize,
    /// When it ends, unless something is being answered.
    deadline: Instant,
}

/// Tells what happens on a connection, and hears of it.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    state: Arc<watch::Sender<State>>,
    idle: Duration,
    entry: Arc<Entry>,
}

impl Pulse {
    pub(super) fn new(patience: Patience, entry: Entry) -> Self {
        let state = State { answering: 0, deadline: Instant::now() + patience.handshake };
        Self { state: Arc::new(watch::Sender::new(state)), idle: patience.idle, entry: Arc::new(entry) }
    }

    /// A key has proven who it is.
    pub(super) fn signed_in(&self) {
        self.state.send_modify(|state| state.deadline = Instant::now() + self.idle);
    }

    /// Something is being answered for as long as the beat is kept.
    pub(super) fn busy(&self) -> Beat {
        self.state.send_modify(|state| state.answering += 1);
        Beat(self.clone())
    }

    /// The server works for the connection for as long as this is kept.
    pub(super) fn work(&self) -> Work {
        self.entry.work()
    }

    /// Cancelled when the connection has to end, because others want its place.
    pub(super) fn closed(&self) -> &CancellationToken {
        self.entry.closed()
    }

    /// Returns when nothing is being answered.
    pub(super) async fn rest(&self) {
        // The sender is in `self`, so that the wait ends with what is waited for.
        let _at_rest = self.state.subscribe().wait_for(|state| state.answering == 0).await.is_ok();
    }

    /// Returns when the connection has had its time.
    pub(super) async fn overdue(&self) {
        let mut changes = self.state.subscribe();
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
        self.0.state.send_modify(|state| {
            state.answering -= 1;
            state.deadline = Instant::now() + self.0.idle;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Admission, Client, Room};

    async fn elapsed(pulse: &Pulse) -> Duration {
        let began = Instant::now();
        pulse.overdue().await;
        began.elapsed()
    }

    #[tokio::test]
    async fn each_state_has_its_time() {
        let patience = Patience { handshake: Duration::from_millis(30), idle: Duration::from_millis(60) };
        let room = Room { entries: 2, grace: Duration::ZERO, queue: Duration::ZERO };
        let entry = Admission::new(room).enter(Client::at([127, 0, 0, 1].into())).await;
        let pulse = Pulse::new(patience, entry.expect("there is room"));
        assert!(elapsed(&pulse).await >= patience.handshake / 2);
        pulse.signed_in();
        let beat = pulse.busy();
        assert!(
            tokio::time::timeout(patience.idle * 2, pulse.overdue()).await.is_err(),
            "an answer takes its time"
        );
        drop(beat);
        assert!(elapsed(&pulse).await >= patience.idle / 2);
    }
}
