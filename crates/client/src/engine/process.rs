//! The engine of hosts without a scheduler: the node's azml is a process of its own there, in a session that no connection
//! holds.

use std::collections::BTreeSet;

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;

use super::node::{JobState, Node};
use super::prune::{PruneRequest, Pruned};
use super::{Engine, Error, Handle, JobSpec, State};
use crate::run::config::RunConfig;
use crate::run::target::Program;

/// Processes on a host.
#[derive(Debug)]
pub struct ProcessEngine {
    node: Node,
}

impl ProcessEngine {
    /// Processes on a node.
    pub fn new(node: Node) -> Self {
        Self { node }
    }
}

impl Engine for ProcessEngine {
    fn check(&self, config: &RunConfig, program: &Program) -> Result<(), Error> {
        self.node.check(config, program)
    }

    fn submit(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<Handle, Error> {
        let state = self.node.start_job(history, spec)?;
        Ok(Handle { node: state.node, ..self.node.handle(spec) })
    }

    fn states(&self, handles: &[Handle]) -> Result<Vec<State>, Error> {
        let state_of = |state: JobState| {
            if state.goes_on {
                State::Running { node: state.node }
            } else if state.is_started {
                State::Ended { exit: state.exit, why: None }
            } else {
                // A job that is there and was not started is one whose submit was cut off: nobody starts it any more.
                State::Unknown
            }
        };
        let states = self.node.states(handles).map(|states| states.into_iter().map(state_of).collect());
        Node::or_unreachable(states, handles.len())
    }

    fn output(&self, handle: &Handle, from: u64) -> Result<Vec<u8>, Error> {
        self.node.output(&handle.run, from)
    }

    fn cancel(&self, handles: &[Handle]) -> Result<(), Error> {
        self.node.cancel(handles)
    }

    fn results(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<BTreeSet<RunId>, Error> {
        self.node.fetch(history, handles)
    }

    fn prune(&self, request: PruneRequest) -> Result<Pruned, Error> {
        self.node.prune(request)
    }

    fn forget(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<(), Error> {
        self.node.forget(history, handles)
    }
}
