//! Flash messages: the result of a change, on the page that follows it.

use std::collections::VecDeque;
use std::sync::Mutex;

/// The number of messages that are kept for pages that are still to be shown.
const KEPT: usize = 50;

/// The result of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flash {
    /// True if it went wrong.
    pub failed: bool,
    /// In one line.
    pub title: String,
    /// More, a line each.
    pub lines: Vec<String>,
    /// The backup that an undo would bring back.
    pub undo: Option<u64>,
}

impl Flash {
    /// Something was done.
    pub fn done(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// The flash messages of one start, by numbers that only count.
#[derive(Debug, Default)]
pub struct FlashMessages(Mutex<(u64, VecDeque<(u64, Flash)>)>);

impl FlashMessages {
    /// Keeps a message; gives its number.
    pub fn push(&self, flash: Flash) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.0 += 1;
        let number = kept.0;
        kept.1.push_back((number, flash));
        if kept.1.len() > KEPT {
            kept.1.pop_front();
        }
        number
    }

    /// The message of that number. It stays: a page may be loaded again.
    pub fn find(&self, number: u64) -> Option<Flash> {
        let kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.1.iter().find(|(found, _)| *found == number).map(|(_, flash)| flash.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let messages = FlashMessages::default();
        let first = messages.push(Flash::done("first"));
        assert_eq!(messages.find(first).unwrap().title, "first");
        let mut last = first;
        for n in 0..KEPT {
            last = messages.push(Flash::done(n.to_string()));
        }
        assert_eq!(messages.find(first), None);
        assert_eq!(messages.find(last).unwrap().title, (KEPT - 1).to_string());
    }
}
