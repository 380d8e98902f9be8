//! Engines: what runs programs elsewhere than in this azml.
//!
//! An engine starts one program, `azml node run`, on a computer (the *node*), says how it stands, and stops it. That program
//! does there what `azml experiment submit` does here from the run's folder on ([`crate::ops::node`]): it makes the folder of
//! the snapshot's commit, runs, and writes its record and what the run leaves to refs of the run's own, from where azml takes
//! them into the history ([`crate::ops::remote`]).
//!
//! Nothing is kept open and no process of azml waits: each call of [`Engine`] is short and may be made again, by any azml on any
//! computer that can reach the engine. What it needs for that is in the run's record ([`Handle`]), and no secret is in there.

mod handle;
pub mod node;
pub mod objects;
pub mod package;
mod process;
mod program;
pub mod prune;
mod ray;
mod shell;
mod slurm;
pub mod spec;

use std::collections::BTreeSet;

use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use git_wire::client::{self, TransportError};

pub use self::handle::{Handle, Task};
use self::node::Node;
pub use self::process::ProcessEngine;
use self::prune::{PruneRequest, Pruned};
pub use self::ray::RayEngine;
pub use self::slurm::SlurmEngine;
pub use self::spec::{ArraySpec, JobSpec};
use crate::context::Context;
use crate::error::CommandError;
use crate::run::config::{Compute, RunConfig};
use crate::run::target::Program;

/// Runs programs elsewhere.
///
/// The contract of every method: it takes seconds, not the time of a run; it may be repeated after any failure, also one that
/// left unknown whether it was done; it holds no state between calls beside what the handle says.
pub trait Engine: Send {
    /// The host that keeps its jobs and the project's store; [`Node`] does there what no engine does otherwise.
    fn node(&self) -> &Node;

    /// Refuses what can't be run there, before a snapshot is taken: the host does not answer, there is no room on its disk, the
    /// interpreter is missing, a resource is more than there is.
    fn check(&self, config: &RunConfig, program: &Program) -> Result<(), Error>;

    /// Brings the snapshot and the job to the node, and has the engine run it.
    ///
    /// Idempotent by run id and attempt: a job that is there already, in whatever state, is not started again. Whoever does not
    /// know whether a call succeeded makes it again.
    fn submit(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<Handle, Error>;

    /// The states of runs, in their order, by as few questions as the engine needs. A host that does not answer is
    /// [`State::Unreachable`] and no error: the runs may go on.
    fn states(&self, handles: &[Handle]) -> Result<Vec<State>, Error>;

    /// The state of one run.
    fn state(&self, handle: &Handle) -> Result<State, Error> {
        Ok(self.states(std::slice::from_ref(handle))?.pop().unwrap_or(State::Unknown))
    }

    /// Gives the bytes that the run has printed, from byte `from` on: up to a bound, and none if there is nothing new after a
    /// short wait.
    fn output(&self, handle: &Handle, from: u64) -> Result<Vec<u8>, Error> {
        self.node().output(&handle.run, from)
    }

    /// Asks for the end of runs; those that wait end at once. Done when it is asked: the states tell the rest.
    fn cancel(&self, handles: &[Handle]) -> Result<(), Error>;

    /// The most bytes of large files that a snapshot may have.
    fn takes_large(&self) -> u64 {
        u64::MAX
    }

    /// Returns whether a run that was asked to end says so: in its record, or by the engine's state.
    fn tells_cancel(&self) -> bool {
        true
    }

    /// Fetches what runs have written so far to refs of their own (`refs/azureml/inbox/<GUID>/<run>/…`) into the same refs of
    /// `history`. Returns those that have written something.
    fn results(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<BTreeSet<RunId>, Error> {
        self.node().fetch(history, handles)
    }

    /// Removes from its computers what no run there needs any more.
    fn prune(&self, request: PruneRequest) -> Result<Pruned, Error> {
        self.node().prune(request)
    }

    /// Removes what the node keeps of runs whose results are here. One that is not there is forgotten already.
    fn forget(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<(), Error> {
        self.node().forget(history, handles)
    }

    /// The engine's way to take many runs as one job, if it has one.
    fn arrays(&self) -> Option<&dyn Arrays> {
        None
    }
}

/// Runs many runs as one job of the engine's: an array.
pub trait Arrays {
    /// The index that is too high for a task of an array.
    fn end(&self) -> Result<u64, Error>;

    /// Brings the snapshot and the runs to the node, and has the engine run them as one array; gives the handles in the order of
    /// the members. Idempotent by the array's name, as [`Engine::submit`] is by a run's id.
    fn submit(&self, history: &HistoryRepo, array: &Array<'_>) -> Result<Vec<Handle>, Error>;
}

/// An array to submit.
#[derive(Debug)]
pub struct Array<'a> {
    /// Its name and its members.
    pub spec: &'a ArraySpec,
    /// The most members that run at once; without one the engine decides.
    pub at_once: Option<usize>,
    /// The job whose end it waits for.
    pub after: Option<&'a str>,
}

/// The state of a run, as its engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits; the engine's reason, if it gives one.
    Queued {
        /// The reason.
        reason: Option<String>,
    },
    /// It runs, or is being made ready.
    Running {
        /// The computer.
        node: Option<String>,
    },
    /// It is over. How it ended is in the record that it wrote; if it could write none, this is all that is known.
    Ended {
        /// The exit code of `azml node run`, which is 0 if it could write the record.
        exit: Option<i32>,
        /// The engine's word for it, if it did not end by itself: `OUT_OF_MEMORY`, `TIMEOUT`, `NODE_FAIL`.
        why: Option<String>,
    },
    /// The engine does not know it, or not any more.
    Unknown,
    /// The engine does not answer.
    Unreachable {
        /// The reason, in words.
        why: String,
    },
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its host does not answer.
    #[error("{host} can't be reached")]
    Unreachable {
        /// The host.
        host: String,
        #[source]
        source: TransportError,
    },
    /// A command on the host failed.
    #[error("`{what}` on {host} failed: {said}")]
    Command {
        /// The command, in short.
        what: String,
        /// The host.
        host: String,
        /// Its words.
        said: String,
        /// Its exit code.
        code: Option<i32>,
    },
    /// The host has no use for the azml that would be sent there.
    #[error("azml, which is built for {needs}, does not run on {host} ({found})")]
    Platform {
        /// The host.
        host: String,
        /// The host's system.
        found: String,
        /// The system that azml needs.
        needs: String,
    },
    /// The program can't run there.
    #[error("on {host}: {why}")]
    Refused {
        /// The host.
        host: String,
        /// The reason.
        why: String,
    },
    /// The answer is not one of azml's.
    #[error("azml on {host} gave an answer that this azml does not understand: {answer}")]
    Answer {
        /// The host.
        host: String,
        /// Its beginning.
        answer: String,
    },
    /// The target lacks a key.
    #[error("target of type `{kind}` has no `{key}`")]
    Key {
        /// The target's type.
        kind: String,
        /// The key of its `.compute` file.
        key: &'static str,
    },
    /// A file of a package can't be written or read.
    #[error("can't pack the run for {host}, or unpack what it left")]
    Package {
        /// The host.
        host: String,
        #[source]
        source: std::io::Error,
    },
    /// There is no engine of this kind in this azml.
    #[error("this azml has no engine `{kind}`")]
    Kind {
        /// The kind.
        kind: String,
    },
    /// The snapshot could not be sent, or the results not be fetched.
    #[error("can't exchange the run's data with {host}")]
    Exchange {
        /// The host.
        host: String,
        #[source]
        source: client::Error,
    },
    /// Large files could not be sent or fetched.
    #[error("can't exchange large files with {host}")]
    Objects {
        /// The host.
        host: String,
        #[source]
        source: objects::Error,
    },
    /// A ref was refused.
    #[error("{host} did not take {name}: {why}")]
    Ref {
        /// The host.
        host: String,
        /// The ref.
        name: String,
        /// The reason.
        why: String,
    },
    /// The history repository could not be used.
    #[error(transparent)]
    History(#[from] history::Error),
    /// azml itself can't be read, to be sent.
    #[error("can't read azml's own program, to send it")]
    Own(#[source] std::io::Error),
}

/// The place where the runs of a target go on; `None` if they are this azml's own.
pub fn place(compute: &Compute) -> Result<Option<Handle>, Error> {
    let kind = compute.kind.as_str();
    let host = match kind {
        "" | "local" => return Ok(None),
        "process" | "localdocker" | "docker" => String::new(),
        // Without a login node, this computer is one.
        "slurm" => compute.address.clone().unwrap_or_default(),
        _ => compute.address.clone().ok_or(Error::Key { kind: kind.to_owned(), key: "address" })?,
    };
    Ok(Some(Handle::new(kind, host).at(compute.azml.clone(), compute.folder.clone())))
}

/// The engine of a place, or of a run that was given to it.
pub fn of(ctx: &Context, handle: &Handle) -> Result<Box<dyn Engine>, CommandError> {
    match handle.kind.as_str() {
        "slurm" => Ok(Box::new(SlurmEngine::new(Node::of(ctx, handle)?))),
        "ray" => Ok(Box::new(RayEngine::new(ctx, handle)?)),
        "process" | "ssh" | "remote" | "cluster" | "localdocker" | "docker" | "remotedocker" => {
            Ok(Box::new(ProcessEngine::new(Node::of(ctx, handle)?)))
        }
        kind => Err(Error::Kind { kind: kind.to_owned() }.into()),
    }
}
