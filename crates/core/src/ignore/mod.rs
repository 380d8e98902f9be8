//! Placeholder for ignore.
