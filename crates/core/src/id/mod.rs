//! Placeholder for id.
