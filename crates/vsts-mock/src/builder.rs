//! Sets up and starts a server.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{
    Config, DRAIN, Profile, Seed, SeedAccount, SeedError, SeedUser, SeedWorkspace, Timeouts,
};
use crate::faults::Fault;
use crate::http;
use crate::intercept;
use crate::listening;
use crate::operations::lfs::garbage;
use crate::operations::pull_requests;
use crate::registry::RegistryError;
use crate::server::{MockServer, Ready, StartError};
use crate::ssh::{self, SshError};
use crate::tls::{Tls, Trust};

/// Sets up a server. Made by [`MockServer::builder`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use vsts_mock::{MockServer, Profile, SeedAccount, SeedEntry, SeedProject, SeedRepo, SeedToken, SeedUser};
///
/// let guarded = SeedRepo::new("guarded")
///     .entry(SeedEntry::user("bob").deny(["GenericContribute"]).on_branch("master"));
/// let iris = SeedProject::new("iris").contributor("bob").repo(guarded);
/// let server = MockServer::builder()
///     .user(SeedUser::new("alice").token(SeedToken::new("ci").value("alicepat")))
///     .user(SeedUser::new("bob").token(SeedToken::new("reads").scope("vso.code")))
///     .account(SeedAccount::new("acme").owner("alice").project(iris))
///     .profile(Profile::Vsts)
///     .start()
///     .await?;
/// assert!(server.clone_url("acme", "iris", "guarded").ends_with("/acme/iris/_git/guarded"));
/// // Any number of servers run side by side, and know nothing of each other.
/// let other = MockServer::builder().start().await?;
/// assert_ne!(server.url(), other.url());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
    profile: Option<Profile>,
}

impl MockServer {
    /// Sets up a server: without more, an empty one on a free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        let config = Config {
            seed: Seed::default(),
            data_dir: None,
            http: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            https: None,
            intercept: None,
            ssh: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            ssh_timeouts: Timeouts::default(),
            external_url: None,
            profile: Profile::default(),
            admin_token: None,
            clock: Clock::system(),
            drain: DRAIN,
        };
        Self { config, profile: None }
    }

    /// The content that the server begins with.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.config.seed = seed;
        self
    }

    /// The content that the server begins with, as the text of a seed file.
    pub fn seed_toml(self, text: &str) -> Result<Self, SeedError> {
        Ok(self.seed(Seed::parse(text)?))
    }

    /// Adds a user to what the server begins with.
    pub fn user(mut self, user: SeedUser) -> Self {
        self.config.seed.users.push(user);
        self
    }

    /// Adds an account, with its projects and repositories, to what the server begins with.
    pub fn account(mut self, account: SeedAccount) -> Self {
        self.config.seed.accounts.push(account);
        self
    }

    /// Adds a workspace of the Experimentation service to what the server begins with.
    pub fn workspace(mut self, workspace: SeedWorkspace) -> Self {
        self.config.seed.experimentation.push(workspace);
        self
    }

    /// Adds a fault to what the server begins with: some requests go wrong on purpose.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.config.seed.faults.push(fault);
        self
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

    /// Listens there for a proxy that takes clients of the service's host names (`dev.azure.com`, `*.visualstudio.com`) to this
    /// server, and refuses all others; port 0 takes a free one. HTTPS is listened for, too. `None`, the default, has no proxy.
    pub fn intercept(mut self, address: impl Into<Option<SocketAddr>>) -> Self {
        self.config.intercept = address.into();
        self
    }

    /// Listens for SSH there; port 0, the default, takes a free one. `None` listens for no SSH.
    pub fn ssh(mut self, address: impl Into<Option<SocketAddr>>) -> Self {
        self.config.ssh = address.into();
        self
    }

    /// The time that an SSH client may take to sign in, and how long it may ask nothing afterwards; 2 minutes and 10 minutes
    /// without this.
    pub fn ssh_timeouts(mut self, handshake: Duration, idle: Duration) -> Self {
        self.config.ssh_timeouts = Timeouts { handshake, idle };
        self
    }

    /// The base of URLs in answers, for a server behind a proxy or in a container.
    pub fn external_url(mut self, url: impl Into<String>) -> Self {
        self.config.external_url = Some(url.into());
        self
    }

    /// The service that is imitated; the seed's `profile` counts without this.
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

    /// The time that a stopping server waits for requests in progress.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.config.drain = drain;
        self
    }

    /// Starts the server: when this returns, it answers.
    pub async fn start(mut self) -> Result<MockServer, StartError> {
        self.config.profile = self.profile.or(self.config.seed.profile).unwrap_or_default();
        let config = self.config;
        let wanted = [config.http, config.https, config.ssh, config.intercept];
        if let Some(address) = wanted.into_iter().flatten().find(|address| !address.ip().is_loopback())
            && !config.seed.allow_remote
        {
            return Err(StartError::Remote { address });
        }
        let external = config.external_url.as_deref().map(external_url).transpose()?;
        let trust = Trust::in_pem(&config.seed.hook_ca)
            .map_err(|message| RegistryError::value("hook_ca", message))?;
        let (mut app, generated) = App::open(&config).await.map(|(app, tokens)| (Arc::new(app), tokens))?;
        let shutdown = CancellationToken::new();
        let mut tasks = Vec::new();
        let (mut https, mut ca_pem) = (None, None);
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        if let Some(wanted) = config.https.or(config.intercept.map(|_| free)) {
            let (listener, bound) = bind(wanted)?;
            // Clients judge certificates by their own clocks.
            let clock = config.clock.unmoved();
            let tls = Tls::open(app.state.dir(), bound, external.as_deref(), &clock)?;
            https = Some(bound);
            ca_pem = Some(tls.ca_pem().to_owned());
            app = app.at(external.clone().unwrap_or_else(|| format!("https://{bound}")));
            let (router, stop) = (http::router(app.clone()), shutdown.clone().cancelled_owned());
            let listening =
                http::listen(listener, Some(tls), router, app.limits().clone(), stop, config.drain);
            tasks.push(tokio::spawn(listening));
        }
        let mut address = None;
        if let Some(wanted) = config.http {
            let (listener, bound) = bind(wanted)?;
            address = Some(bound);
            app = app.at(external.unwrap_or_else(|| format!("http://{bound}")));
            let (router, stop) = (http::router(app.clone()), shutdown.clone().cancelled_owned());
            let listening = http::listen(listener, None, router, app.limits().clone(), stop, config.drain);
            tasks.push(tokio::spawn(listening));
        }
        let (mut ssh, mut known_hosts) = (None, None);
        if let Some(wanted) = config.ssh {
            let listener = ssh::Listener::open(wanted, app.state.dir()).map_err(|error| match error {
                SshError::HostKey(error) => error.into(),
                SshError::Listen(source) => StartError::Listen { address: wanted, source },
            })?;
            let times = ssh::Times { timeouts: config.ssh_timeouts, drain: config.drain };
            (ssh, known_hosts) = (Some(listener.url()), listener.known_hosts());
            let address = listener.url().trim_start_matches("ssh://").to_owned();
            app.ssh_address.get_or_init(|| address);
            tasks.push(tokio::spawn(listener.serve(app.clone(), shutdown.clone(), times)));
        }
        let mut intercept = None;
        if let (Some(wanted), Some(https)) = (config.intercept, https) {
            let (listener, bound) = bind(wanted)?;
            intercept = Some(format!("http://{bound}"));
            tasks.push(tokio::spawn(intercept::serve(listener, https, app.clone(), shutdown.clone())));
        }
        let (sweeping, stop) = (app.clone(), shutdown.clone());
        tasks.push(tokio::spawn(async move { garbage::keep_sweeping(&sweeping, stop).await }));
        let (working, stop) = (app.clone(), shutdown.clone());
        tasks.push(tokio::spawn(async move { pull_requests::queue::keep_working(&working, stop).await }));
        let (telling, stop) = (app.clone(), shutdown.clone());
        tasks.push(tokio::spawn(async move { http::keep_telling(&telling, trust, stop).await }));
        let ready = Ready {
            event: "ready",
            http: address.map(|address| format!("http://{address}")),
            https: https.map(|address| format!("https://{address}")),
            ssh,
            intercept,
            environment: BTreeMap::new(),
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

fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: wanted, source };
    let listener = listening::bind(wanted).map_err(failed)?;
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

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("http", &self.config.http).finish_non_exhaustive()
    }
}
