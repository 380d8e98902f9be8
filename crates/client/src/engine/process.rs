//! The engine of hosts without a scheduler: the node's azml is a process of its own there, in a session that no connection
//! holds.

use azml_core::history::HistoryRepo;

use super::node::{JobState, Node};
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
    fn node(&self) -> &Node {
        &self.node
    }

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

    fn cancel(&self, handles: &[Handle]) -> Result<(), Error> {
        self.node.cancel(handles)
    }
}
