//! Who azml is towards a Git host: where credentials come from, and in which order.
//!
//! 1. the token given for this command (`--vststoken`, `AZML_VSTS_TOKEN`);
//! 2. the login kept for exactly that scheme, host and port ([`TokenStore`]);
//! 3. the Git credential helpers of the user's Git configuration;
//! 4. what the URL itself carries.
//!
//! A secret never leaves a [`Secret`] except into the request that it is for: its `Debug` and
//! `Display` say `***`. Nothing asks on a terminal unless the caller says that there is one.

mod helper;
mod keyring;
pub mod protocol;
mod provider;
mod secret;
mod store;

pub use keyring::{Keyring, KeyringError};
pub use provider::{Credential, Origin, Provider, Source};
pub use secret::Secret;
pub(crate) use store::day;
pub use store::{Login, Place, StoreError, TokenStore};

/// Why credentials could not be looked up. That there are none is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of stored logins can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The Git configuration names credential helpers that can't be used.
    #[error("the git credential helpers for {host} can't be asked")]
    Helper {
        /// For whom.
        host: String,
        /// The cause, without any secret.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
