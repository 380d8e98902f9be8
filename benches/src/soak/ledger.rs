//! The work that the server has acknowledged: refs and repositories that must be there, whatever was killed since.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A ref that one client alone moves.
#[derive(Debug, Default, Clone)]
struct Tip {
    /// The commit of the last push that was acknowledged.
    acknowledged: Option<String>,
    /// Commits of later pushes whose answer never came: each may be there or not.
    pending: Vec<String>,
}

/// A repository that a client made and may have deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Asked for or asked to be deleted; no answer yet.
    Unknown,
    /// Its creation was acknowledged.
    Made,
    /// Its deletion was acknowledged.
    Deleted,
}

/// Everything that was acknowledged. Each ref and each repository belongs to one client.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    tips: Mutex<BTreeMap<(String, String), Tip>>,
    repositories: Mutex<BTreeMap<String, Fate>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Notes a push before it begins.
    pub(super) fn attempt(&self, repo: &str, name: &str, id: &str) {
        let mut tips = lock(&self.tips);
        tips.entry((repo.to_owned(), name.to_owned())).or_default().pending.push(id.to_owned());
    }

    /// Notes that the push of `id` was acknowledged.
    pub(super) fn acknowledge(&self, repo: &str, name: &str, id: &str) {
        let mut tips = lock(&self.tips);
        let tip = tips.entry((repo.to_owned(), name.to_owned())).or_default();
        tip.pending.clear();
        tip.acknowledged = Some(id.to_owned());
    }

    /// The commit that was acknowledged last at a ref.
    pub(super) fn tip(&self, repo: &str, name: &str) -> Option<String> {
        lock(&self.tips).get(&(repo.to_owned(), name.to_owned()))?.acknowledged.clone()
    }

    /// Some ref of a repository with its acknowledged commit; `choice` says which.
    pub(super) fn any_tip(&self, repo: &str, choice: usize) -> Option<(String, String)> {
        let tips = lock(&self.tips);
        let known: Vec<_> = tips
            .iter()
            .filter(|((of, _), _)| of == repo)
            .filter_map(|((_, name), tip)| Some((name.clone(), tip.acknowledged.clone()?)))
            .collect();
        (!known.is_empty()).then(|| known[choice % known.len()].clone())
    }

    /// Notes what became of a repository.
    pub(super) fn set_fate(&self, repo: &str, fate: Fate) {
        lock(&self.repositories).insert(repo.to_owned(), fate);
    }

    /// The numbers of refs and of repositories that are known of.
    pub(super) fn count(&self) -> (usize, usize) {
        (lock(&self.tips).len(), lock(&self.repositories).len())
    }

    /// Compares one repository's refs, as the server has them, with what was acknowledged; returns what is wrong.
    pub(super) fn check_refs(&self, repo: &str, found: &BTreeMap<String, String>) -> Vec<String> {
        let tips = lock(&self.tips);
        let mut wrong = Vec::new();
        for ((_, name), tip) in tips.iter().filter(|((of, _), _)| of == repo) {
            let here = found.get(name);
            let is_right =
                here == tip.acknowledged.as_ref() || here.is_some_and(|here| tip.pending.contains(here));
            if !is_right {
                wrong.push(format!(
                    "{repo} {name}: acknowledged {:?}, without an answer {:?}, found {here:?}",
                    tip.acknowledged, tip.pending
                ));
            }
        }
        wrong
    }

    /// Compares the names of all repositories with what was acknowledged; returns what is wrong.
    pub(super) fn check_repositories(&self, found: &[String]) -> Vec<String> {
        let fates = lock(&self.repositories);
        let is_there = |name: &String| found.contains(name);
        let wrong = fates.iter().filter(|(name, fate)| match fate {
            Fate::Unknown => false,
            Fate::Made => !is_there(name),
            Fate::Deleted => is_there(name),
        });
        wrong
            .map(|(name, fate)| format!("repository {name}: {fate:?}, but the server's list says otherwise"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_where_it_was_acknowledged_or_where_a_push_without_an_answer_put_it() {
        let ledger = Ledger::default();
        let found = |id: Option<&str>| {
            let refs: BTreeMap<_, _> = id.map(|id| ("b".to_owned(), id.to_owned())).into_iter().collect();
            ledger.check_refs("r", &refs).is_empty()
        };
        ledger.attempt("r", "b", "1");
        assert!(found(None) && found(Some("1")) && !found(Some("2")));
        ledger.acknowledge("r", "b", "1");
        assert!(found(Some("1")) && !found(None));
        ledger.attempt("r", "b", "2");
        assert!(found(Some("1")) && found(Some("2")) && !found(None) && !found(Some("3")));
        assert_eq!(ledger.tip("r", "b").as_deref(), Some("1"));
        assert_eq!(ledger.any_tip("r", 7), Some(("b".to_owned(), "1".to_owned())));
        assert_eq!(ledger.any_tip("other", 0), None);
    }

    #[test]
    fn a_repository_is_there_from_its_creation_to_its_deletion() {
        let ledger = Ledger::default();
        let wrong = |found: &[&str]| {
            ledger.check_repositories(&found.iter().map(ToString::to_string).collect::<Vec<_>>()).len()
        };
        ledger.set_fate("a", Fate::Unknown);
        assert_eq!((wrong(&[]), wrong(&["a"])), (0, 0));
        ledger.set_fate("a", Fate::Made);
        assert_eq!((wrong(&[]), wrong(&["a"])), (1, 0));
        ledger.set_fate("a", Fate::Deleted);
        assert_eq!((wrong(&[]), wrong(&["a"])), (0, 1));
    }
}
