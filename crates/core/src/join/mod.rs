//! Placeholder for join.
