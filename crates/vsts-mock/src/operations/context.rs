//! A repository, opened for one request of one principal, and what every operation in it needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use git_wire::Reader;
use git_wire::history::{Apart, Error, History, LogOptions};
use gix::ObjectId;
use tokio::runtime::Handle;

use super::refused::Refused;
use super::work::Work;
use crate::access::Principal;
use crate::app::App;
use crate::directory::{Directory, Repo};
use crate::gate::Entered;
use crate::limits::OBJECT_CACHE_BYTES;

/// A repository that the principal may read. Its methods block.
pub(crate) struct RepoContext {
    pub(crate) app: Arc<App>,
    /// The directory as it was when the request began.
    pub(crate) directory: Arc<Directory>,
    pub(crate) principal: Principal,
    pub(crate) repo: Repo,
    pub(crate) runtime: Handle,
    /// The bound on the work for this request.
    pub(crate) work: Arc<Work>,
    /// The state stays in its place while somebody works in the repository, whether the client waits for that or not.
    _inside: Entered,
}

impl RepoContext {
    /// The context of a repository that the principal may read. Call it on the runtime's own threads, inside
    /// the gate.
    pub(crate) fn new(
        app: &Arc<App>,
        directory: Arc<Directory>,
        principal: &Principal,
        repo: Repo,
        work: Arc<Work>,
    ) -> Self {
        Self {
            app: app.clone(),
            directory,
            principal: principal.clone(),
            repo,
            runtime: Handle::current(),
            work,
            _inside: app.gate.again(),
        }
    }

    /// Opens the repository for reading: objects stay readable until the reader is dropped.
    pub(crate) fn open(&self) -> Result<Reader, Refused> {
        let mut repository = self.app.state.open_repo(&self.repo)?.read();
        repository.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
        Ok(repository)
    }

    /// The commits of a walk that are `wanted`, newest first, without the first `skip` of them.
    pub(crate) fn log(
        &self,
        repository: &gix::Repository,
        options: LogOptions,
        skip: usize,
        top: usize,
        wanted: impl Fn(ObjectId) -> Result<bool, Refused>,
    ) -> Result<Vec<ObjectId>, Refused> {
        Ok(self.log_within(repository, options, skip, top, wanted, None)?.0)
    }

    /// The same, as far as they are found within a time; and whether the walk was cut.
    pub(crate) fn log_within(
        &self,
        repository: &gix::Repository,
        options: LogOptions,
        skip: usize,
        top: usize,
        wanted: impl Fn(ObjectId) -> Result<bool, Refused>,
        time: Option<Duration>,
    ) -> Result<(Vec<ObjectId>, bool), Refused> {
        let may_go_on = self.until(time);
        let mut history = self.app.histories.of(repository, &may_go_on);
        let failed = |error| self.work.history_error(error);
        let (mut found, mut passed, mut is_cut) = (Vec::new(), 0, false);
        let mut log = history.log(options).map_err(failed)?;
        while found.len() < top {
            match log.next_commit() {
                Ok(Some(id)) if wanted(id)? => {
                    if passed >= skip {
                        found.push(id);
                    }
                    passed += 1;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Error::Ended) if self.work.check().is_ok() => {
                    is_cut = true;
                    break;
                }
                Err(error) => return Err(failed(error).into()),
            }
        }
        self.wants_graph(&history);
        Ok((found, is_cut))
    }

    /// Counts the commits that each of `tips` has that `base` lacks, and the reverse.
    pub(crate) fn apart(
        &self,
        repository: &gix::Repository,
        base: ObjectId,
        tips: &[ObjectId],
    ) -> Result<Vec<Apart>, Refused> {
        Ok(self.apart_within(repository, base, tips, None)?.unwrap_or_default())
    }

    /// The same; `None` if it takes longer than a time.
    pub(crate) fn apart_within(
        &self,
        repository: &gix::Repository,
        base: ObjectId,
        tips: &[ObjectId],
        time: Option<Duration>,
    ) -> Result<Option<Vec<Apart>>, Refused> {
        let may_go_on = self.until(time);
        let walked = |history: &History<'_>| self.wants_graph(history);
        match self.app.histories.apart(repository, &may_go_on, base, tips, walked) {
            Ok(apart) => Ok(Some(apart)),
            Err(Error::Ended) if self.work.check().is_ok() => Ok(None),
            Err(error) => Err(self.work.history_error(error).into()),
        }
    }

    /// Answers whether a walk may go on: while the request may, and no longer than a time from now.
    fn until(&self, time: Option<Duration>) -> impl Fn() -> bool + use<'_> {
        let deadline = time.map(|time| Instant::now() + time);
        move || self.work.check().is_ok() && deadline.is_none_or(|deadline| Instant::now() <= deadline)
    }

    /// The merge bases of two commits, newest first.
    pub(crate) fn merge_bases(
        &self,
        repository: &gix::Repository,
        one: ObjectId,
        other: ObjectId,
    ) -> Result<Vec<ObjectId>, Refused> {
        let may_go_on = || self.work.check().is_ok();
        let mut history = self.app.histories.of(repository, &may_go_on);
        let found = history.merge_bases(one, other).map_err(|error| self.work.history_error(error))?;
        self.wants_graph(&history);
        Ok(found)
    }

    /// Asks for a commit-graph if a walk had to read many commits that are in none.
    fn wants_graph(&self, history: &History<'_>) {
        self.app.wants_graph(&self.repo, history);
    }
}
