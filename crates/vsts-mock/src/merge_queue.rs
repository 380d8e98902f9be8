//! The repositories whose pull requests have to be looked at, because a branch has moved or somebody asked for something.
//!
//! Whoever changes refs adds the repository; one worker, in `operations`, looks after it. Who wants to see the outcome
//! waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::limits::MERGE_WAIT;

/// The queue of one server.
#[derive(Debug, Default)]
pub(crate) struct MergeQueue {
    due: Mutex<HashMap<Uuid, Due>>,
    added: Notify,
    done: Notify,
    /// True while completions stay in the queue, for tests of programs that wait for them.
    holds_completions: AtomicBool,
}

#[derive(Debug, Default)]
struct Due {
    is_running: bool,
    /// True if it was added again while it was looked after.
    is_due_again: bool,
}

impl MergeQueue {
    /// Adds a repository.
    pub(crate) fn add(&self, repo: Uuid) {
        let mut due = self.due();
        let entry = due.entry(repo).or_default();
        entry.is_due_again = entry.is_running;
        drop(due);
        self.added.notify_one();
    }

    pub(crate) fn are_completions_held(&self) -> bool {
        self.holds_completions.load(Ordering::Relaxed)
    }

    /// Keeps completions in the queue, or lets them go.
    pub(crate) fn hold_completions(&self, holds: bool) {
        self.holds_completions.store(holds, Ordering::Relaxed);
    }

    /// Waits for a repository that is due, and takes it. [`MergeQueue::finish`] has to follow.
    pub(crate) async fn next(&self) -> Uuid {
        loop {
            let next = {
                let mut due = self.due();
                let idle = due.iter_mut().find(|(_, entry)| !entry.is_running);
                idle.map(|(repo, entry)| {
                    entry.is_running = true;
                    *repo
                })
            };
            match next {
                Some(repo) => return repo,
                None => self.added.notified().await,
            }
        }
    }

    /// Says that a repository has been looked after.
    pub(crate) fn finish(&self, repo: Uuid) {
        let mut due = self.due();
        if let Some(entry) = due.get_mut(&repo) {
            if entry.is_due_again {
                *entry = Due::default();
                self.added.notify_one();
            } else {
                due.remove(&repo);
            }
        }
        drop(due);
        self.done.notify_waiters();
    }

    /// Waits until a repository is not due, for [`MERGE_WAIT`] at most.
    pub(crate) async fn settled(&self, repo: Uuid) {
        let settled = async {
            loop {
                let done = self.done.notified();
                tokio::pin!(done);
                done.as_mut().enable();
                if !self.due().contains_key(&repo) {
                    return;
                }
                done.await;
            }
        };
        _ = tokio::time::timeout(MERGE_WAIT, settled).await;
    }

    fn due(&self) -> MutexGuard<'_, HashMap<Uuid, Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
