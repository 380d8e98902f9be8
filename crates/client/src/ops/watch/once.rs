//! Messages that are told once, however often they are repeated: each snapshot leaves out the same secret.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::notices::{Level, Notices, Progress, Unwatched};

/// The most different messages that are remembered.
const REMEMBERED: usize = 10_000;

/// Passes on what it has not passed on before.
pub(super) struct Once {
    to: Arc<dyn Notices>,
    told: Mutex<HashSet<String>>,
}

impl Once {
    pub(super) fn around(to: Arc<dyn Notices>) -> Self {
        Self { to, told: Mutex::default() }
    }
}

impl Notices for Once {
    fn message(&self, level: Level, text: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        if told.insert(text.to_owned()) {
            self.to.message(level, text);
        }
    }

    fn progress(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Unwatched)
    }
}
