//! Placeholder for snapshot.
