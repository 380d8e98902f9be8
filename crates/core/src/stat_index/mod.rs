//! Placeholder for stat_index.
