//! The blocking work for one request, and its end.
//!
//! All of it, for pages and for the REST API, runs through [`Work::run`]; files that are sent are read by
//! [`super::content::body`]. It ends when the client has gone, when
//! its time is over, or when it has walked through more than a request may; [`crate::limits`] holds the numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use git_wire::Interrupt;
use tokio::sync::Semaphore;

use crate::limits::{
    ANSWER_BYTES, CONTENT_IN_JSON_BYTES, REQUEST_ENTRIES, REQUEST_TIME, TREE_BYTES, WALK_DEPTH, WALK_ENTRIES,
    WALK_PATH_BYTES, WORK_AT_ONCE, ZIP_BYTES,
};

/// The bound that the work for a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    /// The client has closed its connection; nobody reads this.
    #[error("The client has gone.")]
    ClientGone,
    /// [`REQUEST_TIME`] is over.
    #[error(
        "It would take longer than {} seconds. Ask for less at once, or clone the repository.",
        REQUEST_TIME.as_secs()
    )]
    Time,
    /// [`WALK_ENTRIES`], or [`REQUEST_ENTRIES`].
    #[error(
        "It holds more than {WALK_ENTRIES} files and folders, the most that are listed at once. Ask for a folder in it, or \
         clone the repository."
    )]
    Entries,
    /// [`WALK_PATH_BYTES`].
    #[error(
        "The paths in it have more than {} MiB together, the most that are listed at once. Ask for a folder in it, or clone \
         the repository.",
        WALK_PATH_BYTES >> 20
    )]
    PathBytes,
    /// [`WALK_DEPTH`].
    #[error(
        "Its folders are nested more than {WALK_DEPTH} levels deep, the most that are looked through. Ask for a folder in \
         it, or clone the repository."
    )]
    Depth,
    /// [`TREE_BYTES`].
    #[error(
        "A folder in it has a list of more than {} MiB, the most that is read at once. Clone the repository to see it.",
        TREE_BYTES >> 20
    )]
    TreeBytes,
    /// [`ZIP_BYTES`].
    #[error("The files have more than {} GiB, the most that a zip file holds. Clone the repository.", (ZIP_BYTES + 1) >> 30)]
    ZipBytes,
    /// [`ANSWER_BYTES`].
    #[error("The answer has more than {} MiB. Ask for less at once, with $top and $skip.", ANSWER_BYTES >> 20)]
    AnswerBytes,
    /// [`CONTENT_IN_JSON_BYTES`].
    #[error(
        "The file has more than {} MiB, the most that is shown in JSON. Ask for it with $format=octetStream.",
        CONTENT_IN_JSON_BYTES >> 20
    )]
    ContentInJson,
}

/// Turns to do blocking work.
static TURNS: Semaphore = Semaphore::const_new(WORK_AT_ONCE);

/// The blocking work for one request: how much of it may still be done.
#[derive(Debug)]
pub(crate) struct Work {
    interrupt: Interrupt,
    deadline: Instant,
    /// Entries that may still be walked through.
    entries: AtomicU64,
    /// Entries, and bytes of their paths, that may still be put into the answer.
    listed: AtomicU64,
    listed_bytes: AtomicU64,
}

impl Work {
    /// The work for a request that begins now.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::until(Instant::now() + REQUEST_TIME))
    }

    fn until(deadline: Instant) -> Self {
        Self {
            interrupt: Interrupt::default(),
            deadline,
            entries: AtomicU64::new(REQUEST_ENTRIES),
            listed: AtomicU64::new(WALK_ENTRIES),
            listed_bytes: AtomicU64::new(WALK_PATH_BYTES),
        }
    }

    /// Does it on a thread that may block, when its turn has come. When its time is over, or the returned future is dropped,
    /// as it is when the client closes the connection, [`Work::check`] fails from then on.
    pub(crate) async fn run<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> T {
        let _ends_with_the_request = self.interrupt.set_on_drop();
        // Work whose client has gone keeps its turn until its thread has seen that.
        let turn = TURNS.acquire().await.expect("the semaphore is never closed");
        let mut running = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            task()
        });
        let in_time = tokio::time::timeout_at(self.deadline.into(), &mut running).await;
        let ended = if let Ok(ended) = in_time {
            ended
        } else {
            self.interrupt.set();
            running.await
        };
        match ended {
            Ok(outcome) => outcome,
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        }
    }

    /// Fails if the client has gone or the time is over. Every loop that a repository's content can make long asks.
    pub(crate) fn check(&self) -> Result<(), Exceeded> {
        if Instant::now() >= self.deadline {
            Err(Exceeded::Time)
        } else if self.interrupt.is_set() {
            Err(Exceeded::ClientGone)
        } else {
            Ok(())
        }
    }

    /// Counts entries of folders, or commits, that were walked through.
    pub(crate) fn take(&self, entries: u64) -> Result<(), Exceeded> {
        self.check()?;
        if spend(&self.entries, entries) { Ok(()) } else { Err(Exceeded::Entries) }
    }

    /// Counts an entry that is kept for the answer, with the bytes of its path.
    pub(crate) fn list(&self, path: usize) -> Result<(), Exceeded> {
        self.check()?;
        if !spend(&self.listed, 1) {
            Err(Exceeded::Entries)
        } else if !spend(&self.listed_bytes, path as u64) {
            Err(Exceeded::PathBytes)
        } else {
            Ok(())
        }
    }
}

/// Takes an amount off what is left, unless less is left.
fn spend(left: &AtomicU64, amount: u64) -> bool {
    left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(amount)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_be_walked_through_is_used_up() {
        let work = Work::new();
        assert_eq!(work.take(REQUEST_ENTRIES - 1), Ok(()));
        assert_eq!(work.take(2), Err(Exceeded::Entries));
        assert_eq!(work.take(1), Ok(()), "what was refused is not counted");
        assert_eq!(work.check(), Ok(()));
    }

    #[test]
    fn time_runs_out() {
        let work = Work::until(Instant::now());
        assert_eq!(work.take(1), Err(Exceeded::Time));
    }

    #[tokio::test]
    async fn work_is_told_that_its_request_has_gone() {
        let work = Work::new();
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        let seen = work.clone();
        let running = work.run(move || {
            let outcome = loop {
                if let Err(exceeded) = seen.check() {
                    break exceeded;
                }
                std::thread::yield_now();
            };
            ended.send(outcome)
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(10), running).await.is_err(),
            "it goes on by itself"
        );
        assert_eq!(has_ended.await, Ok(Exceeded::ClientGone));
    }
}
