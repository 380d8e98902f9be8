//! A repository, opened for one request of one principal, and what every operation in it needs.

use std::sync::Arc;

use git_wire::Reader;
use git_wire::history::{Apart, History, LogOptions};
use gix::ObjectId;
use tokio::runtime::Handle;

use super::refused::Refused;
use super::work::Work;
use crate::access::Principal;
use crate::app::App;
use crate::directory::{Directory, Repo};

/// Bytes of decoded objects that a reader keeps.
const OBJECT_CACHE_BYTES: usize = 4 << 20;

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
}

impl RepoContext {
    /// The context of a repository that the principal may read. Call it on the runtime's own threads.
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
        let may_go_on = || self.work.check().is_ok();
        let mut history = self.app.histories.of(repository, &may_go_on);
        let failed = |error| self.work.history_error(error);
        let (mut found, mut passed) = (Vec::new(), 0);
        let mut log = history.log(options).map_err(failed)?;
        while found.len() < top
            && let Some(id) = log.next_commit().map_err(failed)?
        {
            if wanted(id)? {
                if passed >= skip {
                    found.push(id);
                }
                passed += 1;
            }
        }
        self.wants_graph(&history);
        Ok(found)
    }

    /// Counts the commits that each of `tips` has that `base` lacks, and the reverse.
    pub(crate) fn apart(
        &self,
        repository: &gix::Repository,
        base: ObjectId,
        tips: &[ObjectId],
    ) -> Result<Vec<Apart>, Refused> {
        let may_go_on = || self.work.check().is_ok();
        let walked = |history: &History<'_>| self.wants_graph(history);
        let apart = self.app.histories.apart(repository, &may_go_on, base, tips, walked);
        Ok(apart.map_err(|error| self.work.history_error(error))?)
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
