//! The steps of a restore, told to whoever wants to end the process between two of them.
//!
//! A restore must survive being killed anywhere; the tests kill it everywhere. [`Steps::before`] is
//! called before each thing that changes the disk.

use std::cell::Cell;

use gix::bstr::{BStr, BString};

/// One thing that is about to be done.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Counts from 1 within one restore, undo or recovery.
    pub number: u64,
    /// The action, for a log.
    pub what: &'static str,
    /// To which path of the project folder, if to one.
    pub path: Option<&'a BStr>,
}

/// The restore is to stop dead before a step, as if it had been killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// Is called before every step.
pub trait Steps {
    /// May end the process; `Err` makes the restore return at once and clean up nothing.
    fn before(&self, step: Step<'_>) -> Result<(), Stopped>;

    /// Returns whether single steps are of interest: if not, several may be done at once.
    fn watches(&self) -> bool {
        true
    }
}

/// Lets every step happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSteps;

impl Steps for NoSteps {
    fn before(&self, _: Step<'_>) -> Result<(), Stopped> {
        Ok(())
    }

    fn watches(&self) -> bool {
        false
    }
}

/// Counts the steps of one operation.
pub(super) struct Counter<'s> {
    steps: &'s dyn Steps,
    taken: Cell<u64>,
}

impl<'s> Counter<'s> {
    pub(super) fn new(steps: &'s dyn Steps) -> Self {
        Self { steps, taken: Cell::new(0) }
    }

    /// Returns whether single steps are of interest.
    pub(super) fn watches(&self) -> bool {
        self.steps.watches()
    }

    /// To be called before `what` is done.
    pub(super) fn before(&self, what: &'static str) -> Result<(), super::Error> {
        self.tell(what, None)
    }

    /// To be called before `what` is done to `path`.
    pub(super) fn before_path(&self, what: &'static str, path: &BString) -> Result<(), super::Error> {
        self.tell(what, Some(path.as_ref()))
    }

    fn tell(&self, what: &'static str, path: Option<&BStr>) -> Result<(), super::Error> {
        let number = self.taken.get() + 1;
        self.taken.set(number);
        tracing::trace!(number, what, path = path.map(tracing::field::display), "restore step");
        self.steps
            .before(Step { number, what, path })
            .map_err(|Stopped| super::Error::Stopped { step: number })
    }
}
