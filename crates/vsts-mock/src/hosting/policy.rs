//! The policy of a Git conversation: answers the engine's questions from the directory as it is at that moment.
//!
//! A right that is taken away during a long push is gone when the refs are to change. Refs that changed are journalled,
//! and who makes a branch is given it.

use std::sync::{Arc, OnceLock};

use git_wire::{Denial, Policy, RefUpdate, UpdateKind};
use tokio::runtime::Handle;

use super::{GitRefusal, PushOrigin};
use crate::access::{
    Permission, Principal, Refusal, Target, authorize, authorize_direct_push, authorize_push,
    authorize_update, creator_may_own,
};
use crate::app::App;
use crate::default_branch;
use crate::directory::{Directory, Repo};
use crate::faults::{Fault, FaultKind, MAINTENANCE};
use crate::journal::Event;
use crate::limits::REF_NAME_BYTES;
use crate::registry::RegistryError;
use crate::state::PushedRef;

/// The text of a refused push whose fault has none.
const REFUSED: &str = "A fault that was set for tests refuses this push.";

/// The rights of one principal in one repository.
pub(super) struct RepoPolicy {
    pub(super) app: Arc<App>,
    pub(super) principal: Principal,
    pub(super) repo: Repo,
    pub(super) origin: PushOrigin,
    pub(super) runtime: Handle,
    /// The fault that this push meets; asked for once, when its first ref is to change.
    pub(super) fault: OnceLock<Option<Fault>>,
}

impl RepoPolicy {
    fn ask(&self, decide: impl FnOnce(&Directory, &Repo) -> Result<(), Refusal>) -> Result<(), Denial> {
        let directory = self.app.state.directory();
        let verdict = match directory.repos.get(&self.repo.id) {
            Some(repo) => decide(&directory, repo),
            None => Err(Refusal::Invisible),
        };
        verdict.map_err(|refusal| Denial::new(GitRefusal::of(refusal, &self.repo.name)))
    }

    /// Refuses a push that meets a fault.
    fn check_fault(&self) -> Result<(), Denial> {
        let fault = self.fault.get_or_init(|| {
            if self.app.faults.is_empty() {
                return None;
            }
            let directory = self.app.state.directory();
            let account = directory.accounts.get(&self.repo.account).map(|account| account.name.as_str());
            let project = directory.projects.get(&self.repo.project).map(|project| project.name.as_str());
            let (account, project) = (account.unwrap_or_default(), project.unwrap_or_default());
            let path = format!("/{account}/{project}/_git/{}", self.repo.name);
            self.app.faults.of_push(&path, &self.principal.name)
        });
        let Some(fault) = fault else { return Ok(()) };
        Err(Denial::new(match fault.kind {
            FaultKind::StaleRef => GitRefusal::Stale,
            FaultKind::Maintenance => {
                GitRefusal::Fault(fault.message.clone().unwrap_or_else(|| MAINTENANCE.to_owned()))
            }
            _ => GitRefusal::Fault(fault.message.clone().unwrap_or_else(|| REFUSED.to_owned())),
        }))
    }

    /// Refuses a push to a branch that takes pull requests alone. Anybody who may create a branch may create it.
    fn check_branch_policies(
        &self,
        directory: &Directory,
        repo: &Repo,
        name: &str,
        kind: UpdateKind,
    ) -> Result<(), Refusal> {
        if kind == UpdateKind::Create || !name.starts_with("refs/heads/") {
            return Ok(());
        }
        let default = repo.handle.default_branch(&self.app.state.repo_path(repo.id)).ok().flatten();
        authorize_direct_push(directory, &self.principal, repo, name, default.as_deref())
    }

    fn maintain(&self) {
        self.repo.handle.forget_size();
        match self.app.state.open_repo(&self.repo) {
            Ok(repository) => self.app.maintenance.changed(repository),
            Err(error) => tracing::debug!(%error, "a repository is gone that was just pushed to"),
        }
    }

    /// The first branch of an empty repository becomes its default branch.
    fn take_default_branch(&self, updates: &[RefUpdate]) {
        let new = updates.iter().filter(|update| update.kind == UpdateKind::Create);
        let new: Vec<String> = new.map(|update| update.name.as_bstr().to_string()).collect();
        let taken = match self.app.state.open_repo(&self.repo) {
            Ok(repository) => default_branch::take_first(&repository.to_gix(), &new),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = taken {
            tracing::warn!(
                %error,
                repo = self.repo.name,
                "the first branch could not become the default"
            );
        }
    }

    /// Gives new branches to who made them, and takes back what was given on those that are gone.
    async fn pass_ownership(&self, updates: &[RefUpdate]) -> Result<(), RegistryError> {
        let Some(user) = self.principal.user else { return Ok(()) };
        let mut change = self.app.state.change().await;
        for update in updates {
            let name = update.name.as_bstr().to_string();
            match update.kind {
                UpdateKind::Create
                    if creator_may_own(&change.directory, &self.principal, &self.repo, &name) =>
                {
                    change.own_branch(user, &self.repo, &name);
                }
                UpdateKind::Delete => {
                    change.disown_branch(&self.repo, &name);
                    change.lock_ref(self.repo.id, &name, None);
                }
                _ => {}
            }
        }
        Ok(change.commit().await?)
    }
}

impl Policy for RepoPolicy {
    fn may_read(&self) -> Result<(), Denial> {
        self.ask(|directory, repo| {
            authorize(directory, &self.principal, Permission::GenericRead, Target::Repo(repo))
        })
    }

    fn may_push(&self) -> Result<(), Denial> {
        if self.origin == PushOrigin::Server {
            return Ok(());
        }
        self.ask(|directory, repo| authorize_push(directory, &self.principal, repo))
    }

    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial> {
        let name = update.name.as_bstr();
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(Denial::new(GitRefusal::NameNotUtf8));
        };
        if name.len() > REF_NAME_BYTES && update.new.is_some() {
            return Err(Denial::new(GitRefusal::NameTooLong));
        }
        if self.origin == PushOrigin::Server {
            return Ok(());
        }
        self.ask(|directory, repo| authorize_update(directory, &self.principal, repo, name, update.kind))?;
        if self.origin == PushOrigin::Client {
            self.ask(|directory, repo| self.check_branch_policies(directory, repo, name, update.kind))?;
        }
        self.check_fault()
    }

    /// A reader of a repository sees all its refs: a fetch needn't look at them to know what it may have.
    fn hides_refs(&self) -> bool {
        false
    }

    fn updated(&self, updates: &[RefUpdate]) {
        self.maintain();
        if self.origin == PushOrigin::Server {
            return;
        }
        self.take_default_branch(updates);
        let directory = self.app.state.directory();
        let name_of = |name: Option<&String>| name.cloned().unwrap_or_default();
        for update in updates {
            let change = match update.kind {
                UpdateKind::Create => "create",
                UpdateKind::FastForward => "fast-forward",
                UpdateKind::Rewrite => "rewrite",
                UpdateKind::Delete => "delete",
            };
            self.app.journal.add(
                self.app.clock.now(),
                Event::RefUpdate {
                    account: name_of(directory.accounts.get(&self.repo.account).map(|account| &account.name)),
                    project: name_of(directory.projects.get(&self.repo.project).map(|project| &project.name)),
                    repo: self.repo.name.clone(),
                    user: self.principal.name.clone(),
                    name: update.name.as_bstr().to_string(),
                    old: update.old.map(|id| id.to_string()),
                    new: update.new.map(|id| id.to_string()),
                    change,
                },
            );
        }
        let id = |id: Option<gix::ObjectId>| id.map(|id| id.to_string());
        let refs: Vec<PushedRef> = updates
            .iter()
            .map(|update| PushedRef {
                name: update.name.as_bstr().to_string(),
                old: id(update.old),
                new: id(update.new),
            })
            .collect();
        let user = self.principal.user.unwrap_or_default();
        let recorded = self.runtime.block_on(self.app.state.record_push(
            self.repo.id,
            user,
            self.app.clock.now(),
            &refs,
        ));
        if let Err(error) = recorded {
            tracing::error!(%error, "a push could not be recorded");
        }
        for repo in self.app.state.directory().pulls.targets_of(self.repo.account, self.repo.id) {
            self.app.merge_queue.add(repo);
        }
        let passes = |update: &RefUpdate| matches!(update.kind, UpdateKind::Create | UpdateKind::Delete);
        if updates.iter().any(passes)
            && let Err(error) = self.runtime.block_on(self.pass_ownership(updates))
        {
            tracing::error!(error = error.in_one_line(), "the branches' owner could not be recorded");
        }
    }
}
