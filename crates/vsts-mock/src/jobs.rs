//! Jobs: work that continues after its request has been answered. Clients poll for its progress.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use uuid::Uuid;

use crate::limits::JOBS;

/// The progress of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Queued,
    Running,
    Succeeded,
    Failed(String),
}

impl Progress {
    /// Its name in the REST API.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "inProgress",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

/// A job in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) account: Uuid,
    pub(crate) progress: Progress,
    /// The key of the name that the job is about to create: no other unfinished job may create the same.
    reserved: Option<String>,
}

#[derive(Debug, Default)]
struct Known {
    jobs: BTreeMap<Uuid, Job>,
    order: VecDeque<Uuid>,
}

/// The jobs of one server.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Known>);

impl Jobs {
    /// Adds a queued job; `None` if another unfinished job has reserved the same name.
    pub(crate) fn add(&self, id: Uuid, account: Uuid, reserved: Option<String>) -> Option<Job> {
        let mut known = self.known();
        let is_reserved = |other: &Job| {
            let is_over = matches!(other.progress, Progress::Succeeded | Progress::Failed(_));
            !is_over && other.account == account && reserved.is_some() && other.reserved == reserved
        };
        if known.jobs.values().any(is_reserved) {
            return None;
        }
        if known.order.len() == JOBS
            && let Some(oldest) = known.order.pop_front()
        {
            known.jobs.remove(&oldest);
        }
        let job = Job { account, progress: Progress::Queued, reserved };
        known.order.push_back(id);
        known.jobs.insert(id, job.clone());
        Some(job)
    }

    /// Records the progress of a job.
    pub(crate) fn set(&self, id: Uuid, progress: Progress) {
        if let Some(job) = self.known().jobs.get_mut(&id) {
            job.progress = progress;
        }
    }

    /// Removes a job that never started, and with it its reservation.
    pub(crate) fn forget(&self, id: Uuid) {
        let mut known = self.known();
        known.jobs.remove(&id);
        known.order.retain(|other| *other != id);
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<Job> {
        self.known().jobs.get(&id).cloned()
    }

    pub(crate) fn clear(&self) {
        *self.known() = Known::default();
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}
