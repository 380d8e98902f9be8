//! A running server, as a value: started with a builder, stopped when it is dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, DRAIN, GeneratedTokens, Profile, Seed, SeedError};
use crate::http;
use crate::registry::RegistryError;
use crate::ssh::{self, Patience, SshError, host_key::HostKeyError};
use crate::tls::{Tls, TlsError};

/// How long a stopping server waits for the maintenance of a repository.
const UPKEEP_DEADLINE: Duration = Duration::from_secs(5);

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is open to other machines, and nobody allowed that.
    #[error(
        "{address} can be reached from other machines; set allow_remote = true in the seed to listen there"
    )]
    Remote {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The SSH host keys cannot be read or made.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    /// The certificates of HTTPS cannot be read or made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The external URL is none.
    #[error("the external URL {url:?} has to begin with http:// or https:// and a host, and has no query")]
    ExternalUrl {
        /// The URL.
        url: String,
    },
    /// The state cannot be opened, or the seed not be brought into it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The seed cannot be read.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

/// What a started server says of itself: the first line on the binary's stdout.
#[derive(Clone, Serialize)]
pub struct Ready {
    event: &'static str,
    /// Where HTTP is answered.
    pub http: Option<String>,
    /// Where HTTPS is answered.
    pub https: Option<String>,
    /// Where SSH is answered.
    pub ssh: Option<String>,
    /// The certificate authority of HTTPS, as PEM.
    pub ca_pem: Option<String>,
    /// The line for a `known_hosts` file.
    pub known_hosts: Option<String>,
    /// What the admin API wants as Bearer.
    pub admin_token: String,
    /// The tokens that the seed had generated: by user, by the token's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: GeneratedTokens,
    /// The process.
    pub pid: u32,
    /// This crate's version.
    pub version: &'static str,
}

/// Sets up a server. Made by [`MockServer::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
    profile: Option<Profile>,
}

impl Builder {
    fn new() -> Self {
        let config = Config {
            seed: Seed::default(),
            data_dir: None,
            http: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            https: None,
            ssh: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            patience: Patience::default(),
            external_url: None,
            profile: Profile::default(),
            admin_token: None,
            clock: Clock::system(),
            drain: DRAIN,
        };
        Self { config, profile: None }
    }

    /// What the server begins with.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.config.seed = seed;
        self
    }

    /// What the server begins with, as the text of a seed file.
    pub fn seed_toml(self, text: &str) -> Result<Self, SeedError> {
        Ok(self.seed(Seed::parse(text)?))
    }

    /// Keeps the state in this folder; without it the state goes with the server.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.data_dir = Some(dir.into());
        self
    }

    /// Listens for HTTP there; port 0, the default, takes a free one. `None` listens for no HTTP.
    pub fn http(mut self, address: impl Into<Option<SocketAddr>>) -> Self {
        self.config.http = address.into();
        self
    }

    /// Listens for HTTPS there; port 0 takes a free one. `None`, the default, listens for no HTTPS.
    pub fn https(mut self, address: impl Into<Option<SocketAddr>>) -> Self {
        self.config.https = address.into();
        self
    }

    /// Listens for SSH there; port 0, the default, takes a free one. `None` listens for no SSH.
    pub fn ssh(mut self, address: impl Into<Option<SocketAddr>>) -> Self {
        self.config.ssh = address.into();
        self
    }

    /// How long an SSH client may take to sign in, and how long it may ask nothing afterwards; 15 seconds and 10 minutes
    /// without this.
    pub fn ssh_patience(mut self, handshake: Duration, idle: Duration) -> Self {
        self.config.patience = Patience { handshake, idle };
        self
    }

    /// What URLs in answers begin with, for a server behind a proxy or in a container.
    pub fn external_url(mut self, url: impl Into<String>) -> Self {
        self.config.external_url = Some(url.into());
        self
    }

    /// Which service is imitated; the seed's `profile` counts without this.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The admin API's token; generated without this.
    pub fn admin_token(mut self, token: impl Into<String>) -> Self {
        self.config.admin_token = Some(token.into());
        self
    }

    /// Tells the server the time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.config.clock = clock;
        self
    }

    /// How long a stopping server waits for requests in progress.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.config.drain = drain;
        self
    }

    /// Starts the server: when this returns, it answers.
    pub async fn start(mut self) -> Result<MockServer, StartError> {
        self.config.profile = self.profile.or(self.config.seed.profile).unwrap_or_default();
        let config = self.config;
        let wanted = [config.http, config.https, config.ssh];
        if let Some(address) = wanted.into_iter().flatten().find(|address| !address.ip().is_loopback())
            && !config.seed.allow_remote
        {
            return Err(StartError::Remote { address });
        }
        let external = config.external_url.as_deref().map(external_url).transpose()?;
        let (mut app, generated) = App::open(&config).await.map(|(app, tokens)| (Arc::new(app), tokens))?;
        let shutdown = CancellationToken::new();
        let mut tasks = Vec::new();
        let (mut https, mut ca_pem) = (None, None);
        if let Some(wanted) = config.https {
            let (listener, bound) = bind(wanted).await?;
            let tls = Tls::open(app.state.dir(), bound, external.as_deref(), &config.clock)?;
            https = Some(format!("https://{bound}"));
            ca_pem = Some(tls.ca_pem().to_owned());
            app = app.at(external.clone().unwrap_or_else(|| format!("https://{bound}")));
            let (router, stop) = (http::router(app.clone()), shutdown.clone().cancelled_owned());
            let listening = http::listen(listener, Some(tls), router, stop, config.drain);
            tasks.push(tokio::spawn(listening));
        }
        let mut address = None;
        if let Some(wanted) = config.http {
            let (listener, bound) = bind(wanted).await?;
            address = Some(bound);
            app = app.at(external.unwrap_or_else(|| format!("http://{bound}")));
            let (router, stop) = (http::router(app.clone()), shutdown.clone().cancelled_owned());
            tasks.push(tokio::spawn(http::listen(listener, None, router, stop, config.drain)));
        }
        let (mut ssh, mut known_hosts) = (None, None);
        if let Some(wanted) = config.ssh {
            let door = ssh::Door::open(wanted, app.state.dir()).await.map_err(|error| match error {
                SshError::HostKey(error) => error.into(),
                SshError::Listen(source) => StartError::Listen { address: wanted, source },
            })?;
            let times = ssh::Times { patience: config.patience, drain: config.drain };
            (ssh, known_hosts) = (Some(door.url()), door.known_hosts());
            let address = door.url().trim_start_matches("ssh://").to_owned();
            app.ssh_address.get_or_init(|| address);
            tasks.push(tokio::spawn(door.serve(app.clone(), shutdown.clone(), times)));
        }
        let ready = Ready {
            event: "ready",
            http: address.map(|address| format!("http://{address}")),
            https,
            ssh,
            ca_pem,
            known_hosts,
            admin_token: app.admin_token.reveal().to_owned(),
            tokens: generated,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
        };
        tracing::info!(
            http = ready.http,
            https = ready.https,
            ssh = ready.ssh,
            profile = config.profile.name(),
            "ready"
        );
        Ok(MockServer { app, ready, shutdown, tasks })
    }
}

async fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn external_url(url: &str) -> Result<String, StartError> {
    let refuse = || StartError::ExternalUrl { url: url.to_owned() };
    let parsed = url::Url::parse(url).map_err(|_| refuse())?;
    let is_plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.has_host()
        && parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    if is_plain { Ok(url.trim_end_matches('/').to_owned()) } else { Err(refuse()) }
}

/// A server that runs until it is stopped or dropped. Any number of them can run in one process.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use vsts_mock::MockServer;
///
/// let server = MockServer::builder()
///     .seed_toml(
///         r#"
///         users = [{ name = "alice", tokens = [{ name = "ci" }] }]
///         [[accounts]]
///         name = "acme"
///         owner = "alice"
///         projects = [{ name = "iris" }]
///         "#,
///     )?
///     .start()
///     .await?;
/// let url = server.clone_url("acme", "iris", "iris");
/// let token = server.token("alice", "ci").expect("the seed has no value for it");
/// assert!(url.starts_with("http://127.0.0.1:"));
/// assert_eq!(token.len(), 52);
/// // git -c http.extraHeader="Authorization: Bearer $token" clone $url
/// server.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct MockServer {
    app: Arc<App>,
    ready: Ready,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl MockServer {
    /// Sets up a server: without more, an empty one on a free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What the server says of itself.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// What the server's HTTP URLs begin with, without a slash at the end; its HTTPS URLs where it listens for no HTTP.
    pub fn url(&self) -> &str {
        self.app.base_url()
    }

    /// The address from which Git clones a repository.
    pub fn clone_url(&self, account: &str, project: &str, repo: &str) -> String {
        clone_url(self.url(), account, project, repo)
    }

    /// The address from which Git clones a repository over HTTPS, if the server listens for it. What to trust is the
    /// ready line's `ca_pem`.
    pub fn https_clone_url(&self, account: &str, project: &str, repo: &str) -> Option<String> {
        Some(clone_url(self.ready.https.as_deref()?, account, project, repo))
    }

    /// The address from which Git clones a repository over SSH, if the server listens for it.
    pub fn ssh_clone_url(&self, account: &str, project: &str, repo: &str) -> Option<String> {
        let address = self.ready.ssh.as_deref()?.strip_prefix("ssh://")?;
        Some(format!("ssh://{}@{address}/{}/_git/{}", encode(account), encode(project), encode(repo)))
    }

    /// What the admin API wants as Bearer.
    pub fn admin_token(&self) -> &str {
        &self.ready.admin_token
    }

    /// The value of a token that the seed had generated.
    pub fn token(&self, user: &str, name: &str) -> Option<&str> {
        self.ready.tokens.get(user)?.get(name).map(String::as_str)
    }

    /// Goes back to the seed; tokens without a value in it are generated anew.
    pub async fn reset(&mut self) -> Result<(), RegistryError> {
        self.ready.tokens = self.app.reset().await?;
        Ok(())
    }

    /// Stops: takes no more connections, lets requests in progress end within the deadline, closes the state.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener did not end well");
            }
        }
        self.app.upkeep.stop(UPKEEP_DEADLINE).await;
        self.app.state.close().await;
    }
}

fn clone_url(base: &str, account: &str, project: &str, repo: &str) -> String {
    format!("{base}/{account}/{}/_git/{}", encode(project), encode(repo))
}

fn encode(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Without the secrets.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("http", &self.http).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("http", &self.config.http).finish_non_exhaustive()
    }
}

impl fmt::Debug for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServer").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}
