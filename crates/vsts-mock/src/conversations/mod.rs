//! Git conversations: how many are open, and which of them are worked on.
//!
//! A conversation is open from its first bytes to its end, under the rule of [`crate::admission`]. It holds a permit only
//! while the server works: when it waits for its client for more than a moment, others work with that permit. One client
//! has at most half of the permits, and the queue for them is fair, so that no client takes a way in from others.

pub(crate) mod stream;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git_wire::Interrupt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Client, Entry, Room, Work};
use crate::limits::{CLIENTS_REMEMBERED, GIT_GRACE, GIT_PAUSE, GIT_QUEUE, Limits};

/// All conversations of a server.
#[derive(Debug)]
pub(crate) struct Conversations {
    open: Arc<Admission>,
    permits: Arc<Semaphore>,
    /// Permits that one client has.
    share: usize,
    shares: Mutex<HashMap<Client, Arc<Semaphore>>>,
    longest: Duration,
}

impl Conversations {
    pub(crate) fn new(limits: &Limits) -> Self {
        let room = Room { entries: limits.git_open, grace: GIT_GRACE, queue: GIT_QUEUE };
        let permits = limits.git_conversations.max(2);
        Self {
            open: Admission::new(room),
            permits: Arc::new(Semaphore::new(permits)),
            share: permits / 2,
            shares: Mutex::default(),
            longest: Duration::from_secs(limits.git_seconds),
        }
    }

    /// Opens a conversation and begins to work on it, if need be after a while; `None` when the server is too busy for
    /// as long as one queues. It is interrupted when its time is over, and when it is told that it has `ended`. Call it on the
    /// runtime.
    pub(crate) async fn open(&self, client: Client, ended: &CancellationToken) -> Option<Arc<Turn>> {
        let entry = self.open.enter(client).await?;
        let queue = Queue { permits: self.permits.clone(), own: self.share_of(client) };
        let permits = queue.acquire().await?;
        let (interrupt, deadline) = (Interrupt::default(), Instant::now() + self.longest);
        let alarm = tokio::spawn({
            let (interrupt, ended) = (interrupt.clone(), ended.clone());
            async move {
                ended.run_until_cancelled(sleep_until(deadline)).await;
                interrupt.set();
            }
        });
        let ended = ended.clone();
        let at_work = AtWork { permits: Some(permits), work: vec![entry.work()] };
        let (at_work, alarm, runtime) = (Mutex::new(at_work), alarm.abort_handle(), Handle::current());
        Some(Arc::new(Turn { entry, queue, at_work, interrupt, deadline, ended, alarm, runtime }))
    }

    fn share_of(&self, client: Client) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() >= CLIENTS_REMEMBERED {
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        shares.entry(client).or_insert_with(|| Arc::new(Semaphore::new(self.share))).clone()
    }
}

/// The permits for which a conversation queues: one of its client's share first, so that the queue for all is short.
#[derive(Debug)]
struct Queue {
    permits: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

impl Queue {
    async fn acquire(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let acquiring = async {
            let own = self.own.clone().acquire_owned().await.ok()?;
            Some([own, self.permits.clone().acquire_owned().await.ok()?])
        };
        timeout(GIT_QUEUE, acquiring).await.ok().flatten()
    }
}

#[derive(Debug)]
struct AtWork {
    permits: Option<[OwnedSemaphorePermit; 2]>,
    work: Vec<Work>,
}

/// An open conversation. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    entry: Entry,
    queue: Queue,
    at_work: Mutex<AtWork>,
    interrupt: Interrupt,
    deadline: Instant,
    ended: CancellationToken,
    alarm: AbortHandle,
    runtime: Handle,
}

impl Turn {
    /// Ends the work on the conversation when it is set; it is when the conversation's time is over.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The connection works when the conversation does, and waits when it waits.
    pub(crate) fn join(&self, connection: Work) {
        self.at_work().work.push(connection);
    }

    /// Waits for something that the client has to do. Blocks; without a permit, once that takes a moment.
    pub(crate) fn wait<T>(&self, client: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        self.runtime.block_on(async {
            tokio::pin!(client);
            if let Ok(done) = timeout(GIT_PAUSE, &mut client).await {
                return done;
            }
            self.pause();
            let done = tokio::select! {
                done = client => done,
                () = self.entry.closed().cancelled() => Err(timed_out("others want to be served meanwhile")),
                () = self.ended.cancelled() => Err(timed_out("the server goes to another state")),
                () = sleep_until(self.deadline) => {
                    self.interrupt.set();
                    Err(timed_out("the conversation took too long"))
                }
            }?;
            self.resume().await?;
            Ok(done)
        })
    }

    fn pause(&self) {
        let mut at_work = self.at_work();
        at_work.permits = None;
        at_work.work.iter_mut().for_each(Work::pause);
    }

    async fn resume(&self) -> io::Result<()> {
        self.at_work().work.iter_mut().for_each(Work::resume);
        let permits = self.queue.acquire().await.ok_or_else(|| timed_out("the server is too busy"))?;
        self.at_work().permits = Some(permits);
        Ok(())
    }

    fn at_work(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.alarm.abort();
    }
}

fn timed_out(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversations(permits: usize) -> Conversations {
        Conversations::new(&Limits { git_conversations: permits, git_seconds: 2, ..Limits::default() })
    }

    async fn soon<T>(work: impl Future<Output = Option<T>>) -> Option<T> {
        timeout(Duration::from_millis(50), work).await.ok().flatten()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_client_has_half_of_the_permits_and_who_waits_has_none() {
        let (all, going_on) = (conversations(4), CancellationToken::new());
        let [greedy, other] = [1, 2].map(|n| Client::at([10, 0, 0, n].into()));
        let mut turns = Vec::new();
        for _ in 0..2 {
            turns.push(soon(all.open(greedy, &going_on)).await.expect("there are permits"));
        }
        assert!(soon(all.open(greedy, &going_on)).await.is_none(), "its half is taken");
        assert!(soon(all.open(other, &going_on)).await.is_some(), "the other half is not");
        let waiting = turns[0].clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        let waits = tokio::task::spawn_blocking(move || {
            waiting.wait(async { told.await.map_err(|_| timed_out("nobody tells")) })
        });
        let third = timeout(GIT_PAUSE * 10, all.open(greedy, &going_on)).await.expect("in time");
        drop(third.expect("the permit of the one that waits"));
        tell.send(7).expect("somebody waits");
        assert_eq!(waits.await.expect("no panic").expect("told"), 7);
        assert!(soon(all.open(greedy, &going_on)).await.is_none(), "it works again");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_conversation_has_its_time() {
        let all = conversations(2);
        let turn = all
            .open(Client::at([10, 0, 0, 1].into()), &CancellationToken::new())
            .await
            .expect("there are permits");
        let waiting = turn.clone();
        let waits =
            tokio::task::spawn_blocking(move || waiting.wait(std::future::pending::<io::Result<()>>()));
        let error = waits.await.expect("no panic").expect_err("its time is over");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(turn.interrupt().is_set());
    }
}
