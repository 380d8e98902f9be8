//! Placeholder for history.
