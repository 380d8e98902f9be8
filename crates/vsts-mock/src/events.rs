//! Events for service hooks: pushes and changes of the directory, in their order.
//!
//! The state publishes them; one worker in `http::rest::hooks` takes them.

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
    sender: mpsc::Sender<Event>,
    receiver: Mutex<Option<mpsc::Receiver<Event>>>,
}

impl Default for Events {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(HOOK_EVENTS);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Events {
    /// Adds an event; one that finds the queue full is lost, which the log says.
    pub(crate) fn publish(&self, event: Event) {
        if self.sender.try_send(event).is_err() {
            tracing::warn!("an event is not told to service hooks: {HOOK_EVENTS} others wait");
        }
    }

    /// The events; only the first caller gets them.
    pub(crate) fn take(&self) -> Option<mpsc::Receiver<Event>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
