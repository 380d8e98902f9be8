//! Finds the credentials of one command, and remembers those that worked.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::credential::Credential;
use super::helper::{Helpers, Prompts};
use super::protocol::Description;
use super::{BoundToken, Error, Origin, Secret, TokenStore};
use crate::git_config::GitConfig;

/// The sources of credentials of one command. Clones share what was found to work.
#[derive(Clone, Default)]
pub struct Provider {
    pub(super) token: Option<BoundToken>,
    /// The folder of another user that names the remote: nothing is sent then.
    pub(super) foreign: Option<PathBuf>,
    pub(super) store: Option<TokenStore>,
    pub(super) netrc: Option<PathBuf>,
    pub(super) helpers: Option<Arc<Helpers>>,
    proven: Arc<Mutex<Vec<(Origin, Credential)>>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("token", &self.token)
            .field("store", &self.store)
            .field("helpers", &self.helpers.is_some())
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// No source at all, beside what a URL carries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the token given for this command, without the line end that files and variables often have. An empty one
    /// counts as none.
    #[must_use]
    pub fn with_token(mut self, token: Option<BoundToken>) -> Self {
        let trimmed = token.map(|bound| BoundToken { token: bound.token.trimmed(), ..bound });
        self.token = trimmed.filter(|bound| !bound.token.is_empty());
        self
    }

    /// Sends nothing of all this if the remote is named by a folder of another user.
    #[must_use]
    pub fn withheld_from(mut self, foreign: Option<PathBuf>) -> Self {
        self.foreign = foreign;
        self
    }

    /// Returns whether nothing may be sent.
    pub fn is_withheld(&self) -> bool {
        self.foreign.is_some()
    }

    /// Adds the stored logins.
    #[must_use]
    pub fn with_store(mut self, store: TokenStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds the file that curl looks into for Git.
    #[must_use]
    pub fn with_netrc(mut self, file: Option<PathBuf>) -> Self {
        self.netrc = file;
        self
    }

    /// Adds the credential helpers that this Git configuration names, and whom Git asks beside them. `now` tells which
    /// passwords are over.
    #[must_use]
    pub fn with_git_helpers(mut self, config: Arc<GitConfig>, prompts: Prompts, now: Timestamp) -> Self {
        self.helpers = Some(Arc::new(Helpers::new(config, prompts, now)));
        self
    }

    /// The password of a user of a proxy, from Git's helpers or from a person.
    pub fn proxy_password(&self, protocol: &str, host: &str, user: &str) -> Result<Option<Secret>, Error> {
        let Some(helpers) = &self.helpers else { return Ok(None) };
        let wanted = Description {
            protocol: Some(protocol.to_owned()),
            host: Some(host.to_owned()),
            username: Some(user.to_owned()),
            ..Description::default()
        };
        Ok(helpers.fill(wanted)?.and_then(|answer| answer.password))
    }

    /// The credential that this origin has accepted in this process.
    pub(super) fn proven(&self, origin: &Origin) -> Option<Credential> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.iter().find(|(known, _)| known == origin).map(|(_, credential)| credential.clone())
    }

    /// The host took it: helpers may keep it, and this process uses it again for the same origin.
    pub(super) fn approve(&self, origin: &Origin, credential: &Credential) {
        {
            let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            if proven.iter().any(|(known, _)| known == origin) {
                return;
            }
            proven.push((origin.clone(), credential.clone()));
        }
        self.report(credential, true);
    }

    /// The host refused it: helpers forget it.
    pub(super) fn reject(&self, origin: &Origin, credential: &Credential) {
        {
            let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            proven.retain(|(known, _)| known != origin);
        }
        self.report(credential, false);
    }

    fn report(&self, credential: &Credential, accepted: bool) {
        if let (Some(helpers), Some(answer)) = (&self.helpers, &credential.answer) {
            helpers.report(answer, accepted);
        }
    }
}
