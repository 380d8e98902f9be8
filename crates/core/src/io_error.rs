//! The error of a file operation that failed, for all modules.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}", path.display())]
pub struct IoError {
    /// The action that was attempted.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

impl IoError {
    /// Makes the error of `action` on `path`.
    pub fn of(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self { action, path: path.to_owned(), source }
    }
}
