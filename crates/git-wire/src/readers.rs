//! Counts the readers of a repository, so that files are removed only when nobody who might still need them is left.
//!
//! Each conversation holds a place from its beginning to its end. Files that are of no use any more for those who begin
//! now are retired; they go when all who had begun before have ended.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The readers of one repository.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Goes up with each retirement.
    era: u64,
    /// The number of readers that began in each era.
    active: BTreeMap<u64, usize>,
    /// Files to remove when nobody is left of this era or an earlier one.
    retired: Vec<(u64, PathBuf)>,
}

impl State {
    /// Returns whether files retired in `era` may be removed.
    fn is_over(&self, era: u64) -> bool {
        self.active.first_key_value().is_none_or(|(oldest, _)| *oldest > era)
    }
}

/// A reader's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    readers: Arc<Readers>,
    era: u64,
}

impl Readers {
    /// Begins to read.
    pub(crate) fn enter(self: &Arc<Self>) -> Reading {
        let mut state = self.lock();
        let era = state.era;
        *state.active.entry(era).or_default() += 1;
        Reading { readers: Arc::clone(self), era }
    }

    /// Says that who begins from now on doesn't need `files`.
    pub(crate) fn retire(&self, files: impl IntoIterator<Item = PathBuf>) {
        let mut state = self.lock();
        let era = state.era;
        state.retired.extend(files.into_iter().map(|file| (era, file)));
        state.era += 1;
    }

    /// Returns whether a file has been retired already.
    pub(crate) fn is_retired(&self, file: &std::path::Path) -> bool {
        self.lock().retired.iter().any(|(_, retired)| retired == file)
    }

    /// Removes the retired files that nobody needs any more, waiting a while for those who might. How many went.
    pub(crate) fn remove_retired(&self, timeout: Duration) -> io::Result<usize> {
        let state = self.lock();
        let era = state.era;
        let waiting = self.left.wait_timeout_while(state, timeout, |state| {
            !state.retired.is_empty() && !state.is_over(era.saturating_sub(1))
        });
        let (mut state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let retired = std::mem::take(&mut state.retired);
        let (gone, kept) = retired.into_iter().partition::<Vec<_>, _>(|(era, _)| state.is_over(*era));
        state.retired = kept;
        drop(state);
        let mut removed = 0;
        for (_, file) in gone {
            match fs::remove_file(&file) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = self.readers.lock();
        if let Some(count) = state.active.get_mut(&self.era) {
            *count -= 1;
            if *count == 0 {
                state.active.remove(&self.era);
            }
        }
        drop(state);
        self.readers.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_when_all_who_began_before_its_retirement_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old");
        fs::write(&file, b"").unwrap();
        let readers = Arc::new(Readers::default());
        let before = readers.enter();
        readers.retire([file.clone()]);
        let after = readers.enter();
        assert_eq!(readers.remove_retired(Duration::ZERO).unwrap(), 0);
        assert!(file.exists() && readers.is_retired(&file));
        drop(before);
        assert_eq!(readers.remove_retired(Duration::ZERO).unwrap(), 1);
        assert!(!file.exists() && !readers.is_retired(&file));
        drop(after);
        readers.retire([file]);
        assert_eq!(readers.remove_retired(Duration::ZERO).unwrap(), 0, "somebody else removed it");
    }

    #[test]
    fn removing_waits_for_the_last_reader() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old");
        fs::write(&file, b"").unwrap();
        let readers = Arc::new(Readers::default());
        let reading = readers.enter();
        readers.retire([file]);
        std::thread::scope(|scope| {
            let removing = scope.spawn(|| readers.remove_retired(Duration::from_mins(5)).unwrap());
            drop(reading);
            assert_eq!(removing.join().unwrap(), 1);
        });
    }
}
