//! The bounds of service hooks.

use std::time::Duration;

/// Events that wait to be told to service hooks.
pub(crate) const HOOK_EVENTS: usize = 4096;

/// Deliveries of service hooks that are kept for their history.
pub(crate) const HOOK_DELIVERIES: usize = 1000;

/// Subscriptions of service hooks of one account.
pub(crate) const HOOK_SUBSCRIPTIONS: usize = 1000;

/// Bytes of one input of a subscription.
pub(crate) const HOOK_FIELD_BYTES: usize = 8 << 10;

/// Requests to service hooks at once.
pub(crate) const HOOKS_AT_ONCE: usize = 16;

/// Deliveries that wait for their turn or for another try.
pub(crate) const HOOKS_WAITING: usize = 2048;

/// The time that a receiver of service hooks may take.
pub(crate) const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// The pauses between the tries of a delivery.
pub(crate) const HOOK_PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// Bytes of a receiver's answer that are read, at most, for its status.
pub(crate) const HOOK_ANSWER_BYTES: u64 = 16 << 10;

/// Commits that the event of a push has.
pub(crate) const HOOK_COMMITS: usize = 25;
