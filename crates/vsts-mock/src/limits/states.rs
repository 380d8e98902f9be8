//! The bounds of saved states, of the standstill in which the whole state is saved or replaced, and of what a killed server left.

use std::time::Duration;

/// Saved states of one server.
pub(crate) const SAVED_STATES: usize = 100;

/// Bytes of a saved state's name.
pub(crate) const SAVED_NAME_BYTES: usize = 64;

/// Bytes of all saved states, files that they share counted in each.
pub(crate) const SAVED_BYTES: u64 = 100 << 30;

/// Files in one saved state.
pub(crate) const SAVED_FILES: u64 = 1_000_000;

/// The time that a state which is to be saved waits for the requests under way.
pub(crate) const SAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The time that requests under way have to end by themselves before their state is replaced.
pub(crate) const REPLACE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time that they have to end when they are told to.
pub(crate) const REPLACE_END: Duration = Duration::from_secs(10);

/// Waits of a second each after which a ref's lock that has stayed the same is removed: a server that was killed has left it. No
/// other process should write into the repositories.
pub(crate) const REF_LOCK_WAITS: u32 = 2;
