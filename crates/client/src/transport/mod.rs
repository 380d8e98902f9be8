//! What carries the Git protocol to a remote: HTTP(S), the user's ssh, a folder of this machine, `git://`.
//!
//! [`Remote::connect`] gives a [`Connection`] whatever the URL is; what is different between them
//! stays in here. No wait for a remote is longer than a named time-out of [`TransportOptions`], and
//! no message holds a secret.

mod daemon;
mod git_config;
mod http;
mod http_agent;
mod http_error;
mod local;
mod ssh;
mod stall;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use azml_core::remote_url::{RemoteUrl, Scheme};
use git_wire::Service;
use git_wire::client::{Connection, TransportError, TransportErrorKind as Kind};

use crate::credentials::Provider;

/// How long to wait for a connection to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a conversation may be silent: no byte either way.
pub const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// What the environment and the configuration say about reaching remotes.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// How long to wait for a connection to be made.
    pub connect_timeout: Duration,
    /// How long a conversation may be silent.
    pub stall_timeout: Duration,
    /// A shell command line in place of `ssh` (`GIT_SSH_COMMAND`, else `core.sshCommand`).
    pub ssh_command: Option<OsString>,
    /// A program in place of `ssh` (`GIT_SSH`); the command line above goes before it.
    pub ssh_program: Option<OsString>,
    /// A file of PEM certificates to trust in place of the system's (`GIT_SSL_CAINFO`, else `http.sslCAInfo`).
    pub ca_file: Option<PathBuf>,
    /// Where the system's certificates are, when it is not in the usual place (`SSL_CERT_FILE`).
    pub system_ca_file: Option<PathBuf>,
    /// Whether a server's certificate has to be trusted (`GIT_SSL_NO_VERIFY`, else `http.sslVerify`, else yes).
    pub verify: Option<bool>,
    /// Whether a person sits at a terminal, so that ssh may ask.
    pub may_ask: bool,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            ssh_command: None,
            ssh_program: None,
            ca_file: None,
            system_ca_file: None,
            verify: None,
            may_ask: false,
        }
    }
}

impl TransportOptions {
    /// Fills in what is still open from the user's Git configuration, as it is for a remote at `url`.
    #[must_use]
    pub fn with_git_config(
        mut self,
        config: &gix::config::File,
        url: &RemoteUrl,
        home: Option<&Path>,
    ) -> Self {
        if self.ssh_command.is_none() {
            self.ssh_command = git_config::ssh_command(config).map(|value| {
                gix::path::from_bstr(std::borrow::Cow::Owned(value))
                    .map_or_else(|_| OsString::new(), |path| path.into_owned().into())
            });
        }
        if matches!(url.scheme(), Scheme::Http | Scheme::Https)
            && let Ok(url) = url::Url::parse(url.as_str())
        {
            self.ca_file = self.ca_file.or_else(|| git_config::path(config, "sslCAInfo", &url, home));
            self.verify = self.verify.or_else(|| git_config::boolean(config, "sslVerify", &url));
        }
        self
    }
}

/// A remote repository that can be talked to.
#[derive(Debug, Clone)]
pub struct Remote {
    url: RemoteUrl,
    auth: Provider,
    options: TransportOptions,
}

impl Remote {
    /// A remote by its URL. Nothing is contacted yet.
    pub fn new(url: RemoteUrl, auth: Provider, options: TransportOptions) -> Self {
        Self { url, auth, options }
    }

    /// Where it is. Shown without secrets.
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// An HTTP client for other requests to its host, with the same time-outs and the same trust; it follows no redirects.
    pub(crate) fn agent(&self) -> Result<ureq::Agent, TransportError> {
        http_agent::new(&self.url, &self.options)
    }

    /// Begins a conversation with one of its services.
    pub fn connect(&self, service: Service) -> Result<Box<dyn Connection>, TransportError> {
        tracing::debug!(url = %self.url, %service, "connecting");
        let refused = |what: &str| TransportError::new(Kind::Refused, format!("{} has no {what}", self.url));
        let host = || self.url.host().ok_or_else(|| refused("host"));
        Ok(match self.url.scheme() {
            Scheme::Http | Scheme::Https => {
                let agent = http_agent::new(&self.url, &self.options)?;
                let base = url::Url::parse(self.url.as_str()).map_err(|error| {
                    TransportError::new(Kind::Refused, format!("{} is no URL", self.url)).with_source(error)
                })?;
                Box::new(http::Http::new(agent, base, self.url.userinfo(), service, self.auth.clone()))
            }
            Scheme::Ssh => {
                let address = ssh::Address {
                    user: self.url.userinfo().map(|info| info.user.clone()),
                    host: host()?.to_owned(),
                    port: self.url.port(),
                    path: ssh_path(self.url.path()).to_owned(),
                };
                Box::new(ssh::Ssh::connect(&address, service, &self.options)?)
            }
            Scheme::Git => {
                let path = self.url.path();
                Box::new(daemon::connect(host()?, self.url.port(), ssh_path(path), service, &self.options)?)
            }
            Scheme::File => {
                let path = self.url.local_path().ok_or_else(|| refused("path"))?;
                Box::new(local::Local::connect(&path, service)?)
            }
        })
    }
}

/// The failure of a request that got no answer.
pub(crate) fn request_failed(base: &url::Url, error: ureq::Error) -> TransportError {
    http_error::of_request(base, error)
}

/// `ssh://host/~user/x` means a path below the user's home folder, as Git has it.
fn ssh_path(path: &str) -> &str {
    if path.starts_with("/~") { &path[1..] } else { path }
}
