//! Placeholder for run.
