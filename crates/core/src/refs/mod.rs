//! Placeholder for refs.
