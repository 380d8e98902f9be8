//! What is said once on the page that follows a change.

use std::collections::VecDeque;
use std::sync::Mutex;

/// So many are kept for pages that are still to be shown.
const KEPT: usize = 50;

/// What has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Whether it went wrong.
    pub failed: bool,
    /// In one line.
    pub title: String,
    /// More, a line each.
    pub lines: Vec<String>,
    /// The backup that an undo would bring back.
    pub undo: Option<u64>,
}

impl Note {
    /// Something was done.
    pub fn done(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// The notes of one start, by numbers that only count.
#[derive(Debug, Default)]
pub struct Notes(Mutex<(u64, VecDeque<(u64, Note)>)>);

impl Notes {
    /// Keeps a note; gives its number.
    pub fn keep(&self, note: Note) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.0 += 1;
        let number = kept.0;
        kept.1.push_back((number, note));
        if kept.1.len() > KEPT {
            kept.1.pop_front();
        }
        number
    }

    /// The note of that number. It stays: a page may be loaded again.
    pub fn find(&self, number: u64) -> Option<Note> {
        let kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.1.iter().find(|(found, _)| *found == number).map(|(_, note)| note.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let notes = Notes::default();
        let first = notes.keep(Note::done("first"));
        assert_eq!(notes.find(first).unwrap().title, "first");
        let mut last = first;
        for n in 0..KEPT {
            last = notes.keep(Note::done(n.to_string()));
        }
        assert_eq!(notes.find(first), None);
        assert_eq!(notes.find(last).unwrap().title, (KEPT - 1).to_string());
    }
}
