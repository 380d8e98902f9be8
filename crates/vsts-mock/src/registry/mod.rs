//! The rules by which the directory changes: for the seed, the admin API, REST and pages alike.
//!
//! Each function checks its input, then puts and removes records in a [`Change`]; the caller commits. None of them asks who
//! is calling: [`crate::operations`] authorises.

mod acl;
mod change;
mod experimentation;
mod find;
mod fork;
mod groups;
mod hierarchy;
mod import;
pub(crate) mod pointers;
mod pull_requests;
mod tokens;
mod users;
pub(crate) mod work_items;

use std::path::PathBuf;

use thiserror::Error;

pub(crate) use acl::{EntryInput, ListPath, Wish};
pub(crate) use change::ProjectInput;
pub(crate) use experimentation::{DEFAULT_GROUP, Details, WorkspaceInput};
pub(crate) use hierarchy::{DEFAULT_PROCESS, RepoInput};
pub(crate) use tokens::{TokenInput, TokenUpdate};
pub(crate) use users::{KeyInput, Password, UserInput};
pub use work_items::WorkItemError;

use crate::directory::name::NameError;
use crate::faults::FaultError;
use crate::identity::ssh_key::SshKeyError;
use crate::state::{Change, SavedError, StateError};

/// Why an operation is refused.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The name is not a legal one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The thing spoken of is not there.
    #[error("there is no {what} named {name:?}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// Its name, as given.
        name: String,
    },
    /// Something of that name is there already.
    #[error("there is a {what} named {name:?} already")]
    Exists {
        /// The kind of thing.
        what: &'static str,
        /// Its name, as given.
        name: String,
    },
    /// Something is in it still.
    #[error("the {what} {name:?} cannot be deleted while {by} is in it")]
    InUse {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The contents.
        by: String,
    },
    /// A value makes no sense.
    #[error("{field}: {message}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// The fault.
        message: String,
    },
    /// The public key is refused.
    #[error("the SSH key cannot be registered")]
    Key(#[from] SshKeyError),
    /// The repository's folder could not be made.
    #[error("cannot make the repository {name:?}")]
    Repository {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work item is not made or changed.
    #[error(transparent)]
    WorkItem(#[from] WorkItemError),
    /// The import failed.
    #[error("cannot import {}: {message}", path.display())]
    Import {
        /// From where.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The state of that name is not saved or gone back to.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The whole state cannot be saved or replaced while so much works with it.
    #[error(
        "{requests} requests are still under way after the time that they have to end; nothing has changed. Try again"
    )]
    Busy {
        /// The number of requests, and of pieces of the server's own work.
        requests: usize,
    },
    /// The state cannot be changed.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<FaultError> for RegistryError {
    fn from(FaultError { field, message }: FaultError) -> Self {
        Self::Value { field, message }
    }
}

impl RegistryError {
    pub(crate) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound { what, name: name.to_owned() }
    }

    pub(crate) fn exists(what: &'static str, name: &str) -> Self {
        Self::Exists { what, name: name.to_owned() }
    }

    pub(crate) fn value(field: &'static str, message: impl Into<String>) -> Self {
        Self::Value { field, message: message.into() }
    }

    /// The error and its causes in one line, for a place that has only one.
    pub(crate) fn in_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// An id that nothing else has, nor will have again.
pub(crate) fn random_id() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(crate::clock::random()).into_uuid()
}

/// Removes everything.
pub(crate) fn clear(change: &mut Change<'_>) {
    let repos: Vec<_> =
        change.directory.repos.keys().chain(change.directory.deleted_repos.keys()).copied().collect();
    for repo in repos {
        change.discard_repo(repo);
    }
    change.clear();
}

#[cfg(test)]
mod tests;
