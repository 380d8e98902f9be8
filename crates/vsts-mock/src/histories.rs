//! Walks through the histories of repositories, for pages and the REST API: their commit-graphs are kept in memory, and so
//! is how far commits are apart, which never changes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use git_wire::history::{Apart, Error, Graphs, History};
use gix::ObjectId;

use crate::limits::{COMMIT_GRAPH_BYTES, DISTANCES};

/// A cache of answers about the histories of all repositories.
#[derive(Debug)]
pub(crate) struct Histories {
    graphs: Graphs,
    apart: Mutex<Distances>,
}

impl Default for Histories {
    fn default() -> Self {
        Self { graphs: Graphs::new(COMMIT_GRAPH_BYTES), apart: Mutex::default() }
    }
}

impl Histories {
    /// The history of a repository. Its walks ask `may_go_on` whether they may.
    pub(crate) fn of<'r>(
        &self,
        repository: &'r gix::Repository,
        may_go_on: &'r dyn Fn() -> bool,
    ) -> History<'r> {
        History::new(repository, self.graphs.get(repository), may_go_on)
    }

    /// Returns the distance of each of `tips` from `base`. `walked` is called if that was not known yet.
    pub(crate) fn apart(
        &self,
        repository: &gix::Repository,
        may_go_on: &dyn Fn() -> bool,
        base: ObjectId,
        tips: &[ObjectId],
        walked: impl FnOnce(&History<'_>),
    ) -> Result<Vec<Apart>, Error> {
        // Where history is cut, the answer depends on where.
        let is_whole = matches!(repository.is_shallow(), Ok(false));
        let mut all: Vec<Option<Apart>> = {
            let mut kept = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
            tips.iter().map(|tip| kept.get((*tip, base)).filter(|_| is_whole)).collect()
        };
        let unknown: Vec<ObjectId> =
            tips.iter().zip(&all).filter(|(_, known)| known.is_none()).map(|(tip, _)| *tip).collect();
        if !unknown.is_empty() {
            let mut history = self.of(repository, may_go_on);
            let found = history.apart(base, &unknown)?;
            walked(&history);
            let mut kept = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
            for (tip, apart) in unknown.iter().zip(&found) {
                kept.insert((*tip, base), *apart);
            }
            let mut found = found.into_iter();
            all.iter_mut().filter(|known| known.is_none()).for_each(|known| *known = found.next());
        }
        Ok(all.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// Pairs of commits and how far they are apart. Of the older half, what was not asked for again goes when the newer half is full.
#[derive(Debug, Default)]
struct Distances {
    newer: HashMap<(ObjectId, ObjectId), Apart>,
    older: HashMap<(ObjectId, ObjectId), Apart>,
}

impl Distances {
    fn get(&mut self, pair: (ObjectId, ObjectId)) -> Option<Apart> {
        if let Some(apart) = self.newer.get(&pair) {
            return Some(*apart);
        }
        let apart = *self.older.get(&pair)?;
        self.insert(pair, apart);
        Some(apart)
    }

    fn insert(&mut self, pair: (ObjectId, ObjectId), apart: Apart) {
        if self.newer.len() >= DISTANCES / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(pair, apart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_bounded() {
        let id = |number: usize| {
            let mut bytes = [0; 20];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            ObjectId::from_bytes_or_panic(&bytes)
        };
        let mut kept = Distances::default();
        let first = Apart { ahead: 1, behind: 2 };
        kept.insert((id(0), id(0)), first);
        for number in 1..3 * DISTANCES {
            kept.insert((id(number), id(0)), Apart::default());
            assert_eq!(kept.get((id(0), id(0))), Some(first));
        }
        assert_eq!(kept.get((id(1), id(0))), None);
        assert!(kept.newer.len() + kept.older.len() <= DISTANCES);
    }
}
