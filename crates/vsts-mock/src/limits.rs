//! The bounds on everything that a client can make large, many or long; the one place that holds these numbers.

/// HTTP connections that are open at once; more wait.
pub(crate) const HTTP_CONNECTIONS: usize = 1_024;

/// Git conversations that are worked on at once.
pub(crate) const GIT_CONVERSATIONS: usize = 64;
