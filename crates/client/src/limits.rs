//! The bounds of what azml takes from files, programs and hosts that it does not control, each with its unit.

/// The largest file of stored logins that is read, in bytes.
pub const TOKEN_FILE: u64 = 1 << 20;
/// The largest `.netrc` that is read, in bytes; of a longer one the beginning counts.
pub const NETRC_FILE: u64 = 1 << 20;
/// The longest answer of a credential helper or an askpass program, in bytes.
pub const HELPER_ANSWER: u64 = 1 << 20;
