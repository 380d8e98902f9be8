//! The timer of a connection: how long it may sign in, wait for a request, or answer one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::{Entry, Work};
use crate::config::Timeouts;

#[derive(Clone, Copy, Debug)]
struct State {
    answering: usize,
    /// When it ends, unless something is being answered.
    deadline: Instant,
}

/// Tells what happens on a connection, and hears of it.
#[derive(Clone, Debug)]
pub(super) struct IdleTimer {
    state: Arc<watch::Sender<State>>,
    idle: Duration,
    entry: Arc<Entry>,
}

impl IdleTimer {
    pub(super) fn new(timeouts: Timeouts, entry: Entry) -> Self {
        let state = State { answering: 0, deadline: Instant::now() + timeouts.handshake };
        Self { state: Arc::new(watch::Sender::new(state)), idle: timeouts.idle, entry: Arc::new(entry) }
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
pub(super) struct Beat(IdleTimer);

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

    async fn elapsed(idle_timer: &IdleTimer) -> Duration {
        let began = Instant::now();
        idle_timer.overdue().await;
        began.elapsed()
    }

    #[tokio::test]
    async fn each_state_has_its_time() {
        let timeouts = Timeouts { handshake: Duration::from_millis(30), idle: Duration::from_millis(60) };
        let room = Room { entries: 2, grace: Duration::ZERO, queue: Duration::ZERO };
        let entry = Admission::new(room).enter(Client::at([127, 0, 0, 1].into())).await;
        let idle_timer = IdleTimer::new(timeouts, entry.expect("there is room"));
        assert!(elapsed(&idle_timer).await >= timeouts.handshake / 2);
        idle_timer.signed_in();
        let beat = idle_timer.busy();
        assert!(
            tokio::time::timeout(timeouts.idle * 2, idle_timer.overdue()).await.is_err(),
            "an answer takes its time"
        );
        drop(beat);
        assert!(elapsed(&idle_timer).await >= timeouts.idle / 2);
    }
}
