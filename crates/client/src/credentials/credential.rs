//! The credential for one host.

use super::Secret;
use super::protocol::Description;

/// The credential for a host, and the helpers to tell how it fared.
#[derive(Clone)]
pub(super) struct Credential {
    pub(super) authorization: Secret,
    /// The answer of Git's helpers, or of the person who was asked.
    pub(super) answer: Option<Description>,
}

impl Credential {
    pub(super) fn of(authorization: Secret) -> Self {
        Self { authorization, answer: None }
    }
}
