//! Checking everything that azml keeps of a project, and mending what can be mended from what is whole.
//!
//! The order: the repository itself ([`open`]), then ([`check`]) the restore journal, the stat index, packs and loose
//! objects, refs, run records, and at last whether all that the refs reach is here. Nothing that is damaged is deleted:
//! it is moved to `azml/damaged/`, so that a person can still look at it. What nothing here can bring back is named,
//! and its ids are given to the caller, who may fetch them.
//!
//! With [`Effort::Look`] nothing is written at all.

mod damaged;
mod large;
mod objects;
mod places;
mod reach;
mod records;
mod refs;
mod take;

pub use self::{places::open, take::take_objects};

use std::{collections::BTreeMap, fmt};

use gix::{ObjectId, actor};

use crate::{
    history,
    history::HistoryRepo,
    io_error::IoError,
    large::{Oid, Pointer},
    run,
};

/// Why a check could not be carried out. What is found wrong is no error but a [`Problem`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The history repository can't be used at all.
    #[error(transparent)]
    History(#[from] history::Error),
    /// Records can't be written anew.
    #[error(transparent)]
    Runs(#[from] run::Error),
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// The changes that a check may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Nothing: it is named.
    Look,
    /// Repairs that lose nothing, whatever may still be fetched from elsewhere.
    Mend,
    /// Also what is left once nothing more can be brought: a ref whose commit is gone gets the newest that is here.
    LastResort,
}

impl Effort {
    fn mends(self) -> bool {
        self >= Self::Mend
    }
}

/// The outcome of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is mended, and this is how.
    Mended(String),
    /// It would be mended, had that been asked for.
    Found,
    /// It stays, and this is what a person can do.
    Left(String),
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, ref or run with the problem.
    pub subject: String,
    /// The fault.
    pub trouble: String,
    /// The outcome.
    pub outcome: Outcome,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.trouble)
    }
}

/// The things that were checked, and the problems found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Packs.
    pub packs: usize,
    /// Objects in packs and as files of their own.
    pub objects: u64,
    /// Large files that are here.
    pub large: usize,
    /// Large files that snapshots need and that are at the remote alone.
    pub large_elsewhere: usize,
    /// Snapshots that are here.
    pub snapshots: usize,
    /// Run records.
    pub runs: usize,
    /// The problems, in the order in which they were found.
    pub problems: Vec<Problem>,
    /// Objects that refs reach and that are not here: the caller may fetch them and check again.
    pub missing: Vec<ObjectId>,
    /// Large files that snapshots need and that are not here, or damaged.
    pub large_missing: Vec<Pointer>,
}

impl Report {
    /// Returns whether nothing is wrong any more.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty()
            && self.large_missing.is_empty()
            && self.problems.iter().all(|problem| matches!(problem.outcome, Outcome::Mended(_)))
    }

    fn add(&mut self, subject: impl Into<String>, trouble: impl Into<String>, outcome: Outcome) {
        self.problems.push(Problem { subject: subject.into(), trouble: trouble.into(), outcome });
    }
}

/// The large files that the snapshots on this computer need, wherever their bytes are.
pub fn large_files(history: &HistoryRepo) -> Vec<Pointer> {
    let needed = reach::check(history, &mut Report::default());
    needed.into_iter().map(|(oid, (size, _))| Pointer { oid, size }).collect()
}

/// The large files that the trees of some commits have, with their bytes.
pub fn large_files_of(
    history: &HistoryRepo,
    commits: impl IntoIterator<Item = ObjectId>,
) -> BTreeMap<Oid, u64> {
    reach::large_of(history, commits)
}

/// Checks a project's history, and mends what can be mended with that effort; `by` makes commits that are needed
/// for it. Gives the repository as it is after that.
pub fn check(
    history: &HistoryRepo,
    effort: Effort,
    by: &actor::Signature,
) -> Result<(HistoryRepo, Report), Error> {
    // Nobody adds a snapshot while objects are moved about.
    let mend = effort.mends();
    let lock = mend.then(|| history.lock()).transpose()?;
    let mut report = Report::default();
    places::journal(history, mend, &mut report)?;
    places::stat_index(history, mend, &mut report)?;
    objects::check(history, mend, &mut report)?;
    // What was moved away is not to be read from a mapped file any more.
    let large_from = history.large_from();
    let mut history = HistoryRepo::open(history.root(), *history.id())?;
    history.set_large_from(large_from);
    drop(lock);
    refs::check(&history, effort, &mut report)?;
    records::check(&history, mend, by, &mut report)?;
    let large = reach::check(&history, &mut report);
    large::check(&history, large, mend, &mut report)?;
    if (!report.missing.is_empty() || !report.large_missing.is_empty()) && mend {
        // It says that files are stored which may not be.
        places::forget_stat_index(&history)?;
    }
    Ok((history, report))
}
