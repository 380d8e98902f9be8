//! The engine of hosts without a scheduler: the node's azml is a process of its own there, in a session that no connection
//! holds.

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;

use super::node::Node;
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
        self.node.bring_job(history, spec)?;
        let state = self.node.start(spec.run.as_str())?;
        Ok(Handle { node: state.node, ..self.node.handle(spec) })
    }

    fn state(&self, handle: &Handle) -> Result<State, Error> {
        Node::or_unreachable(self.node.state(&handle.run).map(|state| {
            if state.goes_on {
                State::Running { node: state.node }
            } else if state.is_started {
                State::Ended { exit: state.exit, why: None }
            } else {
                // A job that is there and was not started is one whose submit was cut off: nobody starts it any more.
                State::Unknown
            }
        }))
    }

    fn output(&self, handle: &Handle, from: u64) -> Result<Vec<u8>, Error> {
        self.node.output(&handle.run, from)
    }

    fn cancel(&self, handle: &Handle) -> Result<(), Error> {
        self.node.cancel(&handle.run)
    }

    fn results(&self, history: &HistoryRepo, handle: &Handle) -> Result<bool, Error> {
        RunId::parse(&handle.run).map_or(Ok(false), |run| self.node.fetch(history, &run))
    }

    fn prune(&self, request: PruneRequest) -> Result<Pruned, Error> {
        self.node.prune(request)
    }

    fn forget(&self, history: &HistoryRepo, handle: &Handle) -> Result<(), Error> {
        self.node.forget(history, &handle.run)
    }
}
