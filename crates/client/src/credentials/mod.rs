//! Placeholder for credentials.
