//! Placeholder for restore.
