//! Refusals of a service, with its own message if it has one.

use git_wire::client::{TransportError, TransportErrorKind};
use serde_json::Value;

use crate::credentials::{StoreError, Withheld};
use crate::error::{CommandError, ErrorKind};

/// Why a service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Everybody on the way could read who the user is.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// The stored login can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token is none, was revoked, or nobody is signed in.
    #[error("{host} does not accept the login{}", quoted(.words.as_ref()))]
    Unauthorized { host: String, words: Option<String> },
    /// The token has ended.
    #[error("the login at {host} has expired")]
    Expired { host: String },
    /// The user may not, or not with this token.
    #[error("{host} does not allow this{}", quoted(.words.as_ref()))]
    Denied { host: String, words: Option<String> },
    /// It is not there, or not to be seen.
    #[error("{host} has no such thing{}", quoted(.words.as_ref()))]
    NotFound { host: String, words: Option<String> },
    /// Something else stands in the way.
    #[error("{host} refuses this (HTTP status {status}){}", quoted(.words.as_ref()))]
    Refused {
        host: String,
        /// The status of the answer.
        status: u16,
        words: Option<String>,
    },
    /// The answer is not what such a service says.
    #[error("{host} does not answer as such a service does: it did not say {what}")]
    Malformed {
        host: String,
        /// The missing part.
        what: &'static str,
    },
}

fn quoted(words: Option<&String>) -> String {
    words.map(|words| format!(": {words}")).unwrap_or_default()
}

impl ServiceError {
    /// The failure that an answer tells of.
    pub(super) fn of_answer(host: &str, status: u16, value: &Value) -> Self {
        let host = host.to_owned();
        let code = value["error"]["code"].as_str().unwrap_or_default();
        let words = value["error"]["message"]
            .as_str()
            .or_else(|| value["message"].as_str())
            .or_else(|| value["error_description"].as_str())
            .map(|words| words.trim().to_owned())
            .filter(|words| !words.is_empty());
        let is_over = code == "ExpiredAuthenticationToken"
            || words.as_deref().is_some_and(git_wire::client::is_expired_token);
        match status {
            401 if is_over => Self::Expired { host },
            // 203 and redirects lead to a page where people sign in.
            401 | 203 | 302 | 303 | 307 => Self::Unauthorized { host, words },
            403 => Self::Denied { host, words },
            404 | 410 => Self::NotFound { host, words },
            _ => Self::Refused { host, status, words },
        }
    }
}

impl From<ServiceError> for CommandError {
    fn from(error: ServiceError) -> Self {
        let sign_in = "sign in again: {azml} login";
        let (kind, hint) = match &error {
            ServiceError::Transport(cause) => match cause.kind {
                TransportErrorKind::Unreachable | TransportErrorKind::TimedOut => {
                    (ErrorKind::Unavailable, Some("check the URL and the network, and run the command again"))
                }
                TransportErrorKind::Tls => (
                    ErrorKind::Failed,
                    Some(
                        "if you trust the server, name its authority: git config --global http.https://HOST/.sslCAInfo CA.pem",
                    ),
                ),
                _ => (ErrorKind::Failed, None),
            },
            ServiceError::Unauthorized { .. }
            | ServiceError::Expired { .. }
            | ServiceError::Store(StoreError::Expired { .. }) => (ErrorKind::NotAllowed, Some(sign_in)),
            ServiceError::Store(StoreError::Keyring { .. }) => {
                (ErrorKind::NotAllowed, Some("unlock the keyring, or sign in again: {azml} login"))
            }
            ServiceError::Withheld(_) => {
                (ErrorKind::NotAllowed, Some("use https: {azml} login --service https://HOST"))
            }
            ServiceError::Denied { .. } => {
                (ErrorKind::NotAllowed, Some("who you are there: {azml} account show"))
            }
            ServiceError::NotFound { .. } => {
                (ErrorKind::NotFound, Some("what you can see: {azml} project list"))
            }
            ServiceError::Refused { status: 429 | 502 | 503 | 504, .. } => {
                (ErrorKind::Unavailable, Some("wait a moment, and run the command again"))
            }
            ServiceError::Store(_) | ServiceError::Refused { .. } => (ErrorKind::Failed, None),
            ServiceError::Malformed { .. } => {
                (ErrorKind::Failed, Some("is the URL right? {azml} login --service URL"))
            }
        };
        let mut error = Self::new(kind, error);
        error.hints.extend(hint.map(str::to_owned));
        error
    }
}
