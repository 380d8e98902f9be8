//! Events for service hooks: pushes and changes of the directory, in their order.
//!
//! The state publishes them; one worker in `http::rest::hooks` takes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::directory::Directory;
use crate::limits::HOOK_EVENTS;

/// An event.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A push was recorded, with its number in the repository.
    Pushed { repo: Uuid, push: i64 },
    /// A change was committed.
    Changed { before: Arc<Directory>, after: Arc<Directory> },
}

/// The queue of events of one server.
#[derive(Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<(u64, Event)>,
    receiver: Mutex<Option<mpsc::Receiver<(u64, Event)>>>,
    /// Counts how often the whole state was replaced: events of an earlier one are told to nobody.
    epoch: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(HOOK_EVENTS);
        Self { sender, receiver: Mutex::new(Some(receiver)), epoch: AtomicU64::new(0) }
    }
}

impl Events {
    /// Adds an event; one that finds the queue full is lost, which the log says.
    pub(crate) fn publish(&self, event: Event) {
        if self.sender.try_send((self.epoch(), event)).is_err() {
            tracing::warn!("an event is not told to service hooks: {HOOK_EVENTS} others wait");
        }
    }

    /// The number of the state that is in use; each that takes its place has another.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Has all events so far told to nobody: another state takes the place of theirs.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The events, each with the number of its state; only the first caller gets them.
    pub(crate) fn take(&self) -> Option<mpsc::Receiver<(u64, Event)>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
