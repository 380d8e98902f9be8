//! The settings of a server, and the seed, the file with its first contents.

mod apply;
mod builders;
mod grants;
mod profile;
mod seed;
mod work_items;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::limits;

pub(crate) use apply::{GeneratedTokens, HashedPasswords, Origin, apply, apply_project, apply_user, line_of};
pub(crate) use grants::apply_entry;
pub use profile::{Profile, ProfileRow};
pub use seed::{
    Seed, SeedAccount, SeedEntry, SeedError, SeedGit, SeedKey, SeedProject, SeedRepo, SeedToken, SeedUser,
    SeedWorkItem, SeedWorkspace,
};

/// The time that a stopping server waits for what is in progress.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// The deadlines for an SSH client that does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// The time to sign in.
    pub(crate) handshake: Duration,
    /// The time that a signed-in client may ask nothing.
    pub(crate) idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { handshake: limits::SSH_SIGN_IN, idle: limits::SSH_SILENCE }
    }
}

/// All that is set about one server.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) seed: Seed,
    /// The folder of the state; without one, a temporary folder that goes with the server.
    pub(crate) data_dir: Option<PathBuf>,
    /// The address for HTTP, if it is served.
    pub(crate) http: Option<SocketAddr>,
    /// The address for HTTPS, if it is served.
    pub(crate) https: Option<SocketAddr>,
    /// The address of the proxy for the service's host names, if there is one.
    pub(crate) intercept: Option<SocketAddr>,
    /// The address for SSH, if it is served.
    pub(crate) ssh: Option<SocketAddr>,
    pub(crate) ssh_timeouts: Timeouts,
    /// The base of URLs in answers, if that is not the address of the listener.
    pub(crate) external_url: Option<String>,
    pub(crate) profile: Profile,
    /// The admin API's token; without one it is generated.
    pub(crate) admin_token: Option<String>,
    pub(crate) clock: Clock,
    pub(crate) drain: Duration,
}
