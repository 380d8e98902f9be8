//! The transports of the Git protocol: HTTP(S), the user's ssh, a folder of this machine, `git://`.
//!
//! [`Remote::connect`] gives a [`Connection`] whatever the URL is; what is different between them
//! stays in here. No wait for a remote is longer than a named time-out of [`TransportOptions`], and
//! no message holds a secret.

mod daemon;
pub(crate) mod host;
mod http;
mod http_agent;
mod http_error;
mod http_options;
mod http_proxy;
pub(crate) mod lfs;
mod local;
mod ssh;
mod stall;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azml_core::remote_url::{RemoteUrl, Scheme};
use git_wire::Service;
use git_wire::client::{Connection, TransportError, TransportErrorKind as Kind};
use url::Url;

pub use http_options::HttpVariables;

use crate::credentials::Provider;
use crate::git_config::{self, Direction, GitConfig};

/// The time to wait for a connection to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a conversation may be silent: no byte either way.
pub const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// The options for reaching remotes, from the environment and the configuration.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// The time to wait for a connection to be made.
    pub connect_timeout: Duration,
    /// The time that a conversation may be silent.
    pub stall_timeout: Duration,
    /// A shell command line in place of `ssh` (`GIT_SSH_COMMAND`, else `core.sshCommand`).
    pub ssh_command: Option<OsString>,
    /// A program in place of `ssh` (`GIT_SSH`); the command line above goes before it.
    pub ssh_program: Option<OsString>,
    /// The options that that program takes (`GIT_SSH_VARIANT`, else `ssh.variant`).
    pub ssh_variant: Option<String>,
    /// Options of OpenSSH, as `-o` takes them.
    pub ssh_options: Vec<String>,
    /// The environment's settings of HTTP.
    pub http: HttpVariables,
    /// The user's Git configuration.
    pub git: Arc<GitConfig>,
    /// True if a person sits at a terminal, so that ssh may ask.
    pub may_ask: bool,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            ssh_command: None,
            ssh_program: None,
            ssh_variant: None,
            ssh_options: Vec::new(),
            http: HttpVariables::default(),
            git: Arc::default(),
            may_ask: false,
        }
    }
}

impl TransportOptions {
    /// Takes in the user's Git configuration, which counts less than what is set already.
    pub fn with_git_config(mut self, config: Arc<GitConfig>) -> Result<Self, git_config::Error> {
        if self.ssh_command.is_none()
            && let Some(entry) = config.last("core", "sshcommand")
        {
            self.ssh_command = Some(OsStr::from_bytes(entry.text()?).to_owned());
        }
        if self.ssh_variant.is_none()
            && let Some(entry) = config.last("ssh", "variant")
        {
            self.ssh_variant = Some(entry.str()?.to_ascii_lowercase());
        }
        self.git = config;
        Ok(self)
    }

    /// Returns the options for HTTP at a URL. A proxy's password that is not set is asked of whom `auth` knows.
    fn http(
        &self,
        url: &Url,
        user: Option<&str>,
        remote: &str,
        auth: &Provider,
    ) -> Result<http_options::HttpOptions, TransportError> {
        let mut found =
            http_options::HttpOptions::new(&self.git, &self.http, url, user, remote).map_err(unusable)?;
        if let Some(proxy) = &mut found.proxy
            && let (Some(user), None) = (&proxy.user, &proxy.password)
        {
            let (protocol, host) = (proxy.protocol.to_string().to_lowercase(), proxy.address());
            proxy.password = auth.proxy_password(&protocol, &host, user).map_err(|error| {
                TransportError::new(Kind::Unauthorized, format!("no password for the proxy {host}: {error}"))
                    .with_source(error)
            })?;
        }
        Ok(found)
    }
}

fn ssh_address(url: &RemoteUrl) -> Result<ssh::Address, TransportError> {
    let refused = || TransportError::new(Kind::Refused, format!("{url} has no host"));
    Ok(ssh::Address {
        user: url.userinfo().map(|info| info.user.clone()),
        host: url.host().ok_or_else(refused)?.to_owned(),
        port: url.port(),
        path: ssh_path(url.path()).to_owned(),
    })
}

fn direction_of(service: Service) -> Direction {
    match service {
        Service::UploadPack => Direction::Fetch,
        Service::ReceivePack => Direction::Push,
    }
}

fn unusable(error: git_config::Error) -> TransportError {
    TransportError::new(Kind::Refused, error.to_string()).with_source(error)
}

/// A remote repository that can be talked to.
#[derive(Debug, Clone)]
pub struct Remote {
    url: RemoteUrl,
    auth: Provider,
    options: TransportOptions,
    large_files_at: Option<Box<Self>>,
}

impl Remote {
    /// A remote by its URL. Nothing is contacted yet.
    pub fn new(url: RemoteUrl, auth: Provider, options: TransportOptions) -> Self {
        Self { url, auth, options, large_files_at: None }
    }

    /// The URL as the user wrote it. Shown without secrets.
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// The URL after `url.<base>.insteadOf` and `pushInsteadOf`.
    fn rewritten(&self, direction: Direction) -> Result<RemoteUrl, TransportError> {
        let text = self.options.git.rewrite(self.url.expose(), direction).map_err(unusable)?;
        if matches!(text, Cow::Borrowed(_)) && self.url.scheme() != Scheme::Other {
            return Ok(self.url.clone());
        }
        RemoteUrl::parse(&text).map_err(|error| {
            let message = match text {
                Cow::Borrowed(_) => error.to_string(),
                Cow::Owned(_) => {
                    format!("what url.<base>.insteadOf makes of {} is no URL: {error}", self.url)
                }
            };
            TransportError::new(Kind::Refused, message).with_source(error)
        })
    }

    /// The same remote, whose large files are somewhere else.
    pub fn with_large_files_at(mut self, other: Self) -> Self {
        self.large_files_at = Some(Box::new(other));
        self
    }

    fn of_large_files(&self) -> &Self {
        self.large_files_at.as_deref().unwrap_or(self)
    }

    /// The Git folder that has large files, of a remote that is a folder of this machine.
    pub(crate) fn folder(&self, service: Service) -> Result<Option<PathBuf>, TransportError> {
        let url = self.of_large_files().rewritten(direction_of(service))?;
        match url.local_path().filter(|_| url.scheme() == Scheme::File) {
            Some(path) => local::find(&path).map(Some),
            None => Ok(None),
        }
    }

    /// The Git LFS server of a remote over HTTP, HTTPS or SSH.
    pub(crate) fn lfs(&self, service: Service) -> Result<Option<lfs::Lfs>, TransportError> {
        let remote = self.of_large_files();
        let url = remote.rewritten(direction_of(service))?;
        match url.scheme() {
            Scheme::Http | Scheme::Https => {
                let auth = remote.auth.clone();
                let http = http::Http::new(&url, &remote.url, service, auth, &remote.options)?;
                let is_own = self.large_files_at.is_none();
                Ok(Some(if is_own { lfs::Lfs::of_repository(http) } else { lfs::Lfs::at(http) }))
            }
            Scheme::Ssh => lfs::Lfs::over_ssh(&ssh_address(&url)?, remote, service).map(Some),
            _ => Ok(None),
        }
    }

    /// An HTTP client for other requests to its host, with the same time-outs and the same trust; it follows no redirects.
    pub(crate) fn agent(&self) -> Result<ureq::Agent, TransportError> {
        let (base, user, _) = http::parts(&self.url)?;
        let http = self.options.http(&base, user.as_deref(), self.url.as_str(), &self.auth)?;
        http_agent::new(&base, &http, &self.options)
    }

    /// Begins a conversation with one of its services.
    pub fn connect(&self, service: Service) -> Result<Box<dyn Connection>, TransportError> {
        tracing::debug!(url = %self.url, %service, "connecting");
        let url = self.rewritten(direction_of(service))?;
        let refused = |what: &str| TransportError::new(Kind::Refused, format!("{url} has no {what}"));
        let host = || url.host().ok_or_else(|| refused("host"));
        Ok(match url.scheme() {
            Scheme::Http | Scheme::Https => {
                Box::new(http::Http::new(&url, &self.url, service, self.auth.clone(), &self.options)?)
            }
            Scheme::Ssh => Box::new(ssh::Ssh::connect(&ssh_address(&url)?, service, &self.options)?),
            Scheme::Git => {
                let path = url.path();
                Box::new(daemon::connect(host()?, url.port(), ssh_path(path), service, &self.options)?)
            }
            Scheme::File => {
                let path = url.local_path().ok_or_else(|| refused("path"))?;
                Box::new(local::Local::connect(&path, service)?)
            }
            Scheme::Other => return Err(refused("scheme that azml speaks")),
        })
    }
}

/// The failure of a request that got no answer.
pub(crate) fn request_failed(base: &Url, error: ureq::Error) -> TransportError {
    http_error::of_request(base, error)
}

/// `ssh://host/~user/x` means a path below the user's home folder, as Git has it.
fn ssh_path(path: &str) -> &str {
    if path.starts_with("/~") { &path[1..] } else { path }
}
