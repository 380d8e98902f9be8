//! The credentials for Git hosts: their sources, and the order of these.
//!
//! 1. the token given for this command (`--vststoken`, `AZML_VSTS_TOKEN`), to the origins that it is for ([`Binding`]);
//! 2. the login kept for exactly that scheme, host and port ([`TokenStore`]);
//! 3. Git's own ways, in Git's own order: user name and password of the URL; `~/.netrc`; the credential helpers of the
//!    user's Git configuration; an askpass program; the terminal. `http.extraHeader` with an `Authorization` of its own
//!    takes their place.
//!
//! A token or a login that is refused is told as that, and nothing else is tried; so is a helper's answer.
//!
//! The first two never go over plain HTTP to another computer; what Git itself would send goes as Git sends it. To a remote
//! that a folder of another user names goes nothing.
//!
//! A secret never leaves a [`Secret`] except into the request that it is for: its `Debug` and
//! `Display` say `***`. Nothing asks on a terminal unless the caller says that there is one.

mod attempts;
mod bound;
mod credential;
mod helper;
mod keyring;
pub mod netrc;
mod origin;
mod program;
pub mod protocol;
mod provider;
mod secret;
mod store;

pub use attempts::Attempts;
pub use bound::{Binding, BoundToken, Withheld};
pub use helper::{Prompts, may_ask};
pub use keyring::Keyring;
pub use origin::Origin;
pub use provider::Provider;
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
    /// The Git configuration of credentials can't be used.
    #[error(transparent)]
    Config(#[from] crate::git_config::Error),
    /// A helper wants nobody else to be asked.
    #[error("the git credential helper '{helper}' told to quit")]
    Quit {
        /// As the configuration has it.
        helper: String,
    },
    /// The askpass program gave no answer, and there is no terminal to ask at.
    #[error("the askpass program '{program}' gave no answer")]
    Askpass {
        program: String,
        #[source]
        source: std::io::Error,
    },
    /// The question can't be put into a helper's protocol.
    #[error(transparent)]
    Protocol(#[from] protocol::ProtocolError),
}

/// The value of an `Authorization` header for a user name and a password.
fn basic(user: &str, password: &Secret) -> Secret {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", password.expose()));
    Secret::new(format!("Basic {pair}"))
}
