//! Placeholder for project.
