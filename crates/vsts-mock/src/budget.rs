//! One budget of memory for everything that the server holds in flight on behalf of clients: bodies of requests,
//! contents of files.
//!
//! Whoever is about to hold bytes that a client chose the number of acquires them here first and keeps the [`Permit`]
//! beside them. Waiting is fair and has an end: then the client is told to come back (503).

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::BUDGET_WAIT;

/// Bytes are counted in units of so many, because a permit's number is 32 bits wide.
const UNIT: u64 = 1 << 10;

/// So many bytes, shared by all who clone it.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    semaphore: Arc<Semaphore>,
    units: u32,
    wait: Duration,
}

/// Bytes that are held; they go back to the budget with it.
#[derive(Debug)]
pub(crate) struct Permit(OwnedSemaphorePermit);

/// The budget had no room for as long as one waits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("The server holds as much in memory for its clients as it may. Try again in a moment.")]
pub(crate) struct NoRoom;

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl Budget {
    /// A budget of so many bytes; nobody waits longer than [`BUDGET_WAIT`] for a part of it.
    pub(crate) fn new(bytes: u64) -> Self {
        Self::with_wait(bytes, BUDGET_WAIT)
    }

    fn with_wait(bytes: u64, wait: Duration) -> Self {
        let units = units(bytes);
        Self { semaphore: Arc::new(Semaphore::new(units as usize)), units, wait }
    }

    /// Waits for so many bytes. Who wants more than the whole budget gets the whole budget, and is alone with it.
    pub(crate) async fn acquire(&self, bytes: u64) -> Result<Permit, NoRoom> {
        let acquiring = self.semaphore.clone().acquire_many_owned(units(bytes).min(self.units));
        match tokio::time::timeout(self.wait, acquiring).await {
            Ok(Ok(permit)) => Ok(Permit(permit)),
            Ok(Err(_)) | Err(_) => Err(NoRoom),
        }
    }

    /// The same on a thread of the runtime that may block.
    pub(crate) fn acquire_blocking(&self, bytes: u64) -> Result<Permit, NoRoom> {
        Handle::current().block_on(self.acquire(bytes))
    }

    /// Adds so many bytes to a permit without waiting: whoever waits for more while holding some may wait for themselves.
    pub(crate) fn extend(&self, permit: &mut Permit, bytes: u64) -> Result<(), NoRoom> {
        let more = self.semaphore.clone().try_acquire_many_owned(units(bytes)).map_err(|_| NoRoom)?;
        permit.0.merge(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_is_not_given_twice_and_comes_back() {
        let budget = Budget::with_wait(10 << 10, Duration::from_millis(20));
        let mut first = budget.acquire(6 << 10).await.expect("there is room");
        assert_eq!(budget.acquire(5 << 10).await.expect_err("6 + 5 > 10"), NoRoom);
        assert_eq!(budget.extend(&mut first, 5 << 10), Err(NoRoom));
        assert_eq!(budget.extend(&mut first, 4 << 10), Ok(()));
        assert_eq!(budget.acquire(1).await.expect_err("all is held"), NoRoom);
        drop(first);
        let all = budget.acquire(1 << 40).await.expect("more than there is means all there is");
        assert_eq!(budget.acquire(1).await.expect_err("all is held"), NoRoom);
        drop(all);
    }

    #[tokio::test]
    async fn threads_that_may_block_acquire_too() {
        let budget = Budget::new(1 << 20);
        let held = budget.clone();
        let permit = tokio::task::spawn_blocking(move || held.acquire_blocking(1 << 20)).await;
        let permit = permit.expect("no panic").expect("there is room");
        let other = Budget { wait: Duration::ZERO, ..budget };
        assert_eq!(other.acquire(1).await.expect_err("all is held"), NoRoom);
        drop(permit);
        assert!(other.acquire(1).await.is_ok());
    }
}
