//! Placeholder for sync.
