//! A running server, as a value: started with a builder, stopped when it is dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::app::App;
use crate::config::{GeneratedTokens, SeedError};
use crate::registry::RegistryError;
use crate::ssh::host_key::HostKeyError;
use crate::tls::TlsError;

/// The time that a stopping server waits for the maintenance of a repository.
const MAINTENANCE_DEADLINE: Duration = Duration::from_secs(5);

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
        /// The system's error.
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

/// The contents of the ready line, the first one on the binary's stdout.
#[derive(Clone, Serialize)]
pub struct Ready {
    pub(crate) event: &'static str,
    /// The address of the HTTP listener.
    pub http: Option<String>,
    /// The address of the HTTPS listener.
    pub https: Option<String>,
    /// The address of the SSH listener.
    pub ssh: Option<String>,
    /// The address of the proxy that takes clients of the service's host names here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intercept: Option<String>,
    /// The variables by which programs find the proxy, where the binary has made the files that they name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<&'static str, String>,
    /// The certificate authority of HTTPS, as PEM.
    pub ca_pem: Option<String>,
    /// The line for a `known_hosts` file.
    pub known_hosts: Option<String>,
    /// The admin API's Bearer token.
    pub admin_token: String,
    /// The tokens that the seed had generated: by user, by the token's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: GeneratedTokens,
    /// The process.
    pub pid: u32,
    /// This crate's version.
    pub version: &'static str,
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
    pub(crate) app: Arc<App>,
    pub(crate) ready: Ready,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

impl MockServer {
    /// The contents of the ready line.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The base of the server's HTTP URLs, without a slash at the end; of its HTTPS URLs where it serves no HTTP.
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

    /// The admin API's Bearer token.
    pub fn admin_token(&self) -> &str {
        &self.ready.admin_token
    }

    /// The value of a token that the seed had generated.
    pub fn token(&self, user: &str, name: &str) -> Option<&str> {
        self.ready.tokens.get(user)?.get(name).map(String::as_str)
    }

    /// Administers the running server, as the admin API does.
    pub fn admin(&self) -> Admin<'_> {
        Admin::of(&self.app)
    }

    /// Goes back to the seed; tokens without a value in it are generated anew.
    pub async fn reset(&mut self) -> Result<(), RegistryError> {
        self.ready.tokens = self.app.reset().await?;
        Ok(())
    }

    /// Goes back to a state that [`Admin::snapshot`] has saved. Requests under way end first; those that come meanwhile wait.
    pub async fn restore(&mut self, name: &str) -> Result<(), RegistryError> {
        self.ready.tokens = self.app.restore_state(name).await?;
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
        self.app.maintenance.stop(MAINTENANCE_DEADLINE).await;
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
