//! Maintenance of repositories in the background: one thread, one repository at a time, with less claim to the
//! processor than those who serve clients. The same thread closes repositories that nobody has used for a while, and
//! removes what killed processes have left in those that are opened.
//!
//! A push says which repository it changed; whether there is enough to do is looked at then. Work that a stopping
//! server leaves undone is found again after the next push.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use git_wire::maintenance::{self, Options};
use git_wire::{Interrupt, Repository};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::directory::OpenRepositories;
use crate::gate::{Entered, Gate};
use crate::limits::{GRAPH_THREADS, IDLE_REPOSITORIES_EVERY};

/// Nothing is ever said on the way back: that it breaks off says that the thread has ended.
#[derive(Debug)]
enum Never {}

/// Why a repository is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It was pushed to.
    Changed,
    /// A walk through its history missed a commit-graph.
    NoGraph,
}

type Request = (Reason, Repository);

/// The thread, and the way to it.
#[derive(Debug)]
pub(crate) struct Maintenance {
    line: Mutex<Option<(Sender<Request>, tokio::sync::mpsc::Receiver<Never>)>>,
    /// Ends what can wait for another time, for good or for now.
    interrupt: Interrupt,
    now: Arc<Mutex<Interrupt>>,
}

impl Maintenance {
    /// Starts the thread. What it makes is written through to the disk if it is to be `durable`.
    ///
    /// It begins with `first`, which may take a while.
    pub(crate) fn start(
        durable: bool,
        open: Arc<OpenRepositories>,
        gate: Arc<Gate>,
        first: impl FnOnce() + Send + 'static,
    ) -> Self {
        let options = Options { durable, ..Options::default() };
        let (sender, receiver) = channel();
        let (alive, ended) = tokio::sync::mpsc::channel(1);
        let (interrupt, now) = (Interrupt::default(), Arc::<Mutex<Interrupt>>::default());
        let thread = Thread {
            open,
            gate,
            runtime: Handle::current(),
            options,
            stops: interrupt.clone(),
            now: now.clone(),
        };
        let thread = std::thread::Builder::new().name("maintenance".to_owned()).spawn(move || {
            let _alive = alive;
            yield_to_clients();
            first();
            thread.work(&receiver);
        });
        let line = match thread {
            Ok(_) => Some((sender, ended)),
            Err(error) => {
                tracing::warn!(%error, "repositories won't be maintained");
                None
            }
        };
        Self { line: Mutex::new(line), interrupt, now }
    }

    /// Says that a repository has changed.
    pub(crate) fn changed(&self, repository: Repository) {
        self.send((Reason::Changed, repository));
    }

    /// Says that a walk through the history of a repository missed a commit-graph.
    pub(crate) fn wants_graph(&self, repository: Repository) {
        self.send((Reason::NoGraph, repository));
    }

    fn send(&self, request: Request) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = &*line {
            // A thread that has ended has said why.
            sender.send(request).unwrap_or_default();
        }
    }

    /// Breaks off what the thread is at: it is found again after the next push.
    pub(crate) fn break_off(&self) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).set();
    }

    /// Ends the thread, once what it is at is done, for which this waits no longer than `timeout`: a process that
    /// ends in the middle loses nothing.
    pub(crate) async fn stop(&self, timeout: Duration) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((sender, mut ended)) = line else { return };
        drop(sender);
        self.interrupt.set();
        self.break_off();
        if tokio::time::timeout(timeout, ended.recv()).await.is_err() {
            tracing::info!("stopped in the middle of maintenance, which loses nothing");
        }
    }
}

/// The thread, with all that it uses.
struct Thread {
    open: Arc<OpenRepositories>,
    /// It goes in here before it touches a repository.
    gate: Arc<Gate>,
    runtime: Handle,
    options: Options,
    stops: Interrupt,
    now: Arc<Mutex<Interrupt>>,
}

impl Thread {
    fn work(&self, changed: &Receiver<Request>) {
        let mut looked = Instant::now();
        loop {
            let received = changed.recv_timeout(IDLE_REPOSITORIES_EVERY.saturating_sub(looked.elapsed()));
            if self.stops.is_set() {
                return;
            }
            // No request waits for this: while the gate is closing, it waits as a new request does.
            let inside = self.runtime.block_on(self.gate.enter());
            let interrupt = self.begin();
            let _ends = self.interrupted_at_the_end(&inside, interrupt.clone());
            if looked.elapsed() >= IDLE_REPOSITORIES_EVERY {
                self.open.close_idle();
                looked = Instant::now();
            }
            for repository in self.open.take_unswept() {
                let removed = maintenance::sweep(&repository);
                tracing::debug!(path = %repository.git_dir().display(), removed, "swept");
            }
            let first = match received {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Many pushes to one repository are one reason to look at it.
            let mut waiting = vec![first];
            waiting.extend(changed.try_iter());
            let mut seen: Vec<(Reason, PathBuf)> = Vec::new();
            for (reason, repository) in waiting {
                let this = (reason, repository.git_dir().to_owned());
                if seen.contains(&this) || interrupt.is_set() {
                    continue;
                }
                self.look_at(reason, &repository, &interrupt);
                seen.push(this);
            }
        }
    }

    /// Interrupts work when its place inside the gate has to be given back.
    fn interrupted_at_the_end(&self, inside: &Entered, interrupt: Interrupt) -> AbortOnDropHandle<()> {
        let ended = inside.ended().clone();
        AbortOnDropHandle::new(self.runtime.spawn(async move {
            ended.cancelled().await;
            interrupt.set();
        }))
    }

    /// An interrupt for what is done next.
    fn begin(&self) -> Interrupt {
        let interrupt = Interrupt::default();
        interrupt.clone_into(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner));
        if self.stops.is_set() {
            interrupt.set();
        }
        interrupt
    }

    fn look_at(&self, reason: Reason, repository: &Repository, interrupt: &Interrupt) {
        match reason {
            Reason::Changed if maintenance::is_due(repository, &self.options) => {
                let done = maintenance::maintain_until(repository, &self.options, interrupt);
                tell(repository, done);
            }
            Reason::Changed => {}
            Reason::NoGraph => {
                let options = Options { threads: GRAPH_THREADS, ..self.options };
                let done = maintenance::write_commit_graph(repository, &options, interrupt);
                tell(repository, done);
            }
        }
    }
}

/// Tells the log what came of it.
fn tell(repository: &Repository, done: Result<impl std::fmt::Debug, maintenance::Error>) {
    let path = repository.git_dir().display();
    match done {
        Ok(report) => tracing::debug!(%path, ?report, "maintained"),
        // The repository is gone, or the server's folder with it.
        Err(error) if !repository.git_dir().exists() => tracing::debug!(%path, %error, "gone meanwhile"),
        Err(error) => {
            tracing::warn!(%path, error = &error as &dyn std::error::Error, "could not be maintained");
        }
    }
}

/// Lets whoever serves a client have the processor first.
fn yield_to_clients() {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 15) {
        tracing::debug!(%error, "maintenance is as urgent as all else");
    }
}
