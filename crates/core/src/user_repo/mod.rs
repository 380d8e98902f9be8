//! Placeholder for user_repo.
