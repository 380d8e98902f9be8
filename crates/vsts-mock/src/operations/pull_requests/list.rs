//! Lists of pull requests, by criteria.

use jiff::Timestamp;
use uuid::Uuid;

use super::super::scope::Scope;
use crate::directory::pull_request::PullStatus;
use crate::directory::{Directory, PullRequest, Repo};

/// The time that a range is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimeRange {
    #[default]
    Created,
    Closed,
}

/// The pull requests to list; a field that is `None` says nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criteria {
    pub(crate) status: Option<PullStatus>,
    pub(crate) creator: Option<Uuid>,
    pub(crate) reviewer: Option<Uuid>,
    pub(crate) source: Option<String>,
    pub(crate) target: Option<String>,
    /// The repository with the source branch.
    pub(crate) source_repo: Option<Uuid>,
    pub(crate) min: Option<Timestamp>,
    pub(crate) max: Option<Timestamp>,
    pub(crate) range: TimeRange,
    /// A part of the title, in lower case.
    pub(crate) title: Option<String>,
    /// All of these names, in lower case.
    pub(crate) labels: Vec<String>,
}

impl Criteria {
    fn selects(&self, pull: &PullRequest) -> bool {
        let time = match self.range {
            TimeRange::Created => Some(pull.created),
            TimeRange::Closed => pull.closed,
        };
        let in_range = (self.min.is_none() && self.max.is_none())
            || time.is_some_and(|time| {
                self.min.is_none_or(|min| time >= min) && self.max.is_none_or(|max| time <= max)
            });
        let labels: Vec<String> = pull.labels.iter().map(|label| label.name.to_lowercase()).collect();
        in_range
            && self.status.is_none_or(|status| status == pull.status)
            && self.creator.is_none_or(|creator| creator == pull.creator)
            && self.reviewer.is_none_or(|id| pull.reviewers.iter().any(|reviewer| reviewer.id == id))
            && self.source.as_ref().is_none_or(|source| *source == pull.source)
            && self.target.as_ref().is_none_or(|target| *target == pull.target)
            && self.source_repo.is_none_or(|repo| repo == pull.fork.unwrap_or(pull.repo))
            && self.title.as_ref().is_none_or(|title| pull.title.to_lowercase().contains(title.as_str()))
            && self.labels.iter().all(|wanted| labels.contains(wanted))
    }
}

/// The pull requests of some repositories that the criteria select, newest first.
pub(crate) fn select<'d>(
    directory: &'d Directory,
    repos: &[&'d Repo],
    criteria: &Criteria,
    (skip, top): (usize, usize),
) -> Vec<&'d PullRequest> {
    let mut all: Vec<&PullRequest> = Vec::new();
    for repo in repos {
        let own = directory.pulls.of_repo(repo.account, repo.id).filter(|pull| criteria.selects(pull));
        all.extend(own.take(skip.saturating_add(top)));
    }
    all.sort_by_key(|pull| std::cmp::Reverse(pull.id));
    all.into_iter().skip(skip).take(top).collect()
}

/// The repositories of the project, or of the one that is named, that the principal may read.
pub(crate) fn readable<'d>(directory: &'d Directory, scope: Scope<'_>, project: Uuid) -> Vec<&'d Repo> {
    directory.repos_of(project).filter(|repo| scope.may_read(directory, repo)).collect()
}
