//! Placeholder for remote_url.
