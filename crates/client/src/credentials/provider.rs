//! Asks the sources of credentials in their order, and tells them how it went.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::helper::{Helpers, Receipt};
use super::{Error, Secret, TokenStore};

/// The user name that goes with a token when nothing else names one: hosts that take tokens look
/// at the password, yet some refuse an empty name.
const TOKEN_USER: &str = "azml";

/// Scheme, host and port: what a secret belongs to, and the farthest it may travel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of an http or https URL; `None` for anything else.
    pub fn parse(url: &str) -> Option<Self> {
        Self::of(&url::Url::parse(url).ok()?)
    }

    pub(crate) fn of(url: &url::Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self { scheme: url.scheme().to_owned(), host: url.host_str()?.to_owned(), port: url.port() })
    }

    /// The host with its port, if that is not the scheme's own.
    pub fn host(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host())
    }
}

/// Where a credential came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Given for this command.
    Token,
    /// Kept by `azml login`.
    Login,
    /// A Git credential helper.
    Helper,
    /// The URL itself.
    Url,
}

/// A user name and a secret for one origin.
#[derive(Clone)]
pub struct Credential {
    /// The user name, possibly one that nobody looks at.
    pub user: String,
    /// The password or token.
    pub secret: Secret,
    /// Where it came from.
    pub source: Source,
    receipt: Option<Receipt>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("user", &self.user)
            .field("secret", &self.secret)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The sources of credentials of one command. Clones share what was found to work.
#[derive(Clone, Default)]
pub struct Provider {
    token: Option<Secret>,
    store: Option<TokenStore>,
    helpers: Option<Arc<Helpers>>,
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

    /// Adds the token given for this command. An empty one counts as none.
    #[must_use]
    pub fn with_token(mut self, token: Option<Secret>) -> Self {
        self.token = token.filter(|token| !token.is_empty());
        self
    }

    /// Adds the stored logins.
    #[must_use]
    pub fn with_store(mut self, store: TokenStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds the credential helpers that this Git configuration names. `may_ask`: a person sits at a
    /// terminal, so that a prompt (an askpass program's included) is in order.
    #[must_use]
    pub fn with_git_helpers(mut self, config: gix::config::File, may_ask: bool) -> Self {
        self.helpers = Some(Arc::new(Helpers::new(config, may_ask)));
        self
    }

    /// What was accepted for this origin before, in this process.
    pub(crate) fn proven(&self, origin: &Origin) -> Option<Credential> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.iter().find(|(known, _)| known == origin).map(|(_, credential)| credential.clone())
    }

    /// The first credential that a source has for `url`, whose own user name and password are given apart.
    pub fn get(
        &self,
        url: &url::Url,
        user: Option<&str>,
        password: Option<&Secret>,
    ) -> Result<Option<Credential>, Error> {
        let Some(origin) = Origin::of(url) else { return Ok(None) };
        let found =
            |user: String, secret, source| Ok(Some(Credential { user, secret, source, receipt: None }));
        if let Some(token) = &self.token {
            return found(user.unwrap_or(TOKEN_USER).to_owned(), token.clone(), Source::Token);
        }
        if let Some(store) = &self.store
            && let Some((kept_user, token)) = store.get(&origin)?
        {
            return found(kept_user, token, Source::Login);
        }
        if let Some(helpers) = &self.helpers {
            // With a secret in the URL nobody is asked on a terminal: there is something to try.
            if let Some((user, secret, receipt)) = helpers.get(url, user, password.is_none())? {
                return Ok(Some(Credential { user, secret, source: Source::Helper, receipt: Some(receipt) }));
            }
        }
        match (user, password) {
            (user, Some(password)) => {
                found(user.unwrap_or_default().to_owned(), password.clone(), Source::Url)
            }
            // A token alone may stand in the place of the user name (https://TOKEN@host/…).
            _ => Ok(None),
        }
    }

    /// The host took it: helpers may keep it, and this process uses it again for the same origin.
    pub fn approve(&self, url: &url::Url, credential: &Credential) {
        let Some(origin) = Origin::of(url) else { return };
        {
            let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            if proven.iter().any(|(known, _)| *known == origin) {
                return;
            }
            proven.push((origin, credential.clone()));
        }
        if let (Some(helpers), Some(receipt)) = (&self.helpers, &credential.receipt) {
            helpers.tell(url, receipt, true);
        }
    }

    /// The host refused it: helpers forget it.
    pub fn reject(&self, url: &url::Url, credential: &Credential) {
        if let Some(origin) = Origin::of(url) {
            let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            proven.retain(|(known, _)| *known != origin);
        }
        if let (Some(helpers), Some(receipt)) = (&self.helpers, &credential.receipt) {
            helpers.tell(url, receipt, false);
        }
    }
}
