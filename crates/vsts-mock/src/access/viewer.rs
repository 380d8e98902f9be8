//! Decides what one principal may know of, for many things at once: lists of thousands of repositories work out the
//! principal's groups a single time.

use std::sync::Arc;

use uuid::Uuid;

use super::evaluate::{self, Identities, Memberships, Setting};
use super::{Permission, Principal, Target, check_credential, token};
use crate::directory::{Directory, Repo};

/// A principal who looks at the directory.
#[derive(Clone, Debug)]
pub(crate) struct Viewer<'a> {
    pub(super) directory: &'a Directory,
    pub(super) principal: &'a Principal,
    /// Nobody's are none.
    memberships: Option<Arc<Memberships>>,
}

impl<'a> Viewer<'a> {
    pub(crate) fn new(directory: &'a Directory, principal: &'a Principal) -> Self {
        let memberships = principal.user.map(|user| Arc::new(Memberships::of(directory, user)));
        Self { directory, principal, memberships }
    }

    /// The principal's identities with regard to a target in that account and project; none for nobody, and for a token
    /// that is not for this account.
    pub(super) fn identities(&self, account: Uuid, project: Option<Uuid>) -> Option<Identities> {
        let memberships = self.memberships.as_ref().filter(|_| self.is_for(account))?;
        Some(Identities::at(memberships, account, project))
    }

    /// Returns whether the credential is good for the account.
    fn is_for(&self, account: Uuid) -> bool {
        let token = self.principal.token.and_then(|token| self.directory.tokens.get(&token));
        token.is_none_or(|token| token.accounts.is_empty() || token.accounts.contains(&account))
    }

    /// Returns whether the principal may know that the target exists.
    pub(crate) fn sees(&self, target: Target<'_>) -> bool {
        match target {
            Target::Repo(repo) | Target::Ref(repo, _) => self.reads(repo),
            Target::Project(project) => {
                self.belongs_to(project.account, Some(project.id))
                    || self.directory.repos_of(project.id).any(|repo| self.reads(repo))
            }
            Target::Account(account) => {
                self.belongs_to(account.id, None)
                    || self
                        .directory
                        .projects_of(account.id)
                        .any(|project| self.sees(Target::Project(project)))
            }
        }
    }

    /// Returns whether a list shows the repository, where disabled ones are shown as well.
    pub(crate) fn lists(&self, repo: &Repo) -> bool {
        check_credential(self.directory, self.principal).is_ok()
            && self.principal.ceiling.contains(Permission::GenericRead)
            && self.reads(repo)
    }

    /// Returns whether the principal may read what is in the repository.
    pub(crate) fn may_read(&self, repo: &Repo) -> bool {
        !repo.is_disabled && self.lists(repo)
    }

    fn reads(&self, repo: &Repo) -> bool {
        let Some(identities) = self.identities(repo.account, Some(repo.project)) else {
            return repo.public;
        };
        let token = token::repository(repo.project, repo.id);
        match evaluate::setting(self.directory, &identities, repo.account, &token, Permission::GenericRead) {
            Setting::Allowed => true,
            Setting::Denied => false,
            Setting::Unset => repo.public,
        }
    }

    pub(super) fn belongs_to(&self, account: Uuid, project: Option<Uuid>) -> bool {
        self.is_for(account)
            && self.memberships.as_ref().is_some_and(|memberships| memberships.belong(account, project))
    }
}
