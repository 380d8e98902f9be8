//! The last use of each token and key since the server started.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use uuid::Uuid;

/// The last uses, by the id of the token or key.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<Uuid, Timestamp>>);

impl Uses {
    pub(crate) fn record(&self, id: Uuid, now: Timestamp) {
        self.0.lock().expect("no thread panics while it holds the lock").insert(id, now);
    }

    pub(crate) fn last(&self, id: Uuid) -> Option<Timestamp> {
        self.0.lock().expect("no thread panics while it holds the lock").get(&id).copied()
    }

    /// All last uses, to be saved.
    pub(crate) fn saved(&self) -> HashMap<Uuid, Timestamp> {
        self.0.lock().expect("no thread panics while it holds the lock").clone()
    }

    /// Puts uses that were saved in the place of these.
    pub(crate) fn restore(&self, saved: HashMap<Uuid, Timestamp>) {
        *self.0.lock().expect("no thread panics while it holds the lock") = saved;
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("no thread panics while it holds the lock").clear();
    }
}
