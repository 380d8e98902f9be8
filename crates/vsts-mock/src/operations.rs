//! Work that goes on after the request for it has been answered: clients ask how far it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use uuid::Uuid;

/// How many are remembered; the oldest are forgotten.
const KEPT: usize = 1_000;

/// How far a piece of work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Queued,
    Running,
    Succeeded,
    Failed(String),
}

impl Progress {
    /// As the service names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "inProgress",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

/// A piece of work in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) account: Uuid,
    pub(crate) progress: Progress,
    /// What it is about to bring into being, by what that is compared by: nobody else may, meanwhile.
    reserved: Option<String>,
}

#[derive(Debug, Default)]
struct Known {
    operations: BTreeMap<Uuid, Operation>,
    order: VecDeque<Uuid>,
}

/// The work of one server.
#[derive(Debug, Default)]
pub(crate) struct Operations(Mutex<Known>);

impl Operations {
    /// Notes work that is to be done; `None` if other work will bring the same into being.
    pub(crate) fn add(&self, id: Uuid, account: Uuid, reserved: Option<String>) -> Option<Operation> {
        let mut known = self.known();
        let is_reserved = |other: &Operation| {
            let is_over = matches!(other.progress, Progress::Succeeded | Progress::Failed(_));
            !is_over && other.account == account && reserved.is_some() && other.reserved == reserved
        };
        if known.operations.values().any(is_reserved) {
            return None;
        }
        if known.order.len() == KEPT
            && let Some(oldest) = known.order.pop_front()
        {
            known.operations.remove(&oldest);
        }
        let operation = Operation { account, progress: Progress::Queued, reserved };
        known.order.push_back(id);
        known.operations.insert(id, operation.clone());
        Some(operation)
    }

    /// Notes how far it is.
    pub(crate) fn set(&self, id: Uuid, progress: Progress) {
        if let Some(operation) = self.known().operations.get_mut(&id) {
            operation.progress = progress;
        }
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<Operation> {
        self.known().operations.get(&id).cloned()
    }

    pub(crate) fn clear(&self) {
        *self.known() = Known::default();
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}
