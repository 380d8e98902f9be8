//! The user's own repository, `<project>/.git`.
//!
//! azml makes it when there is none, and from then on reads it. What changes an existing repository is
//! named here and is nothing but: adding the remote `origin` with the tracking of `master`, and the checkout of
//! `master` in a repository that azml has just made for roaming. HEAD, index, branches and stash are never touched
//! otherwise.

mod identity;
mod init;
mod read;
mod tracked;
mod write;

pub use identity::{Signature, identity};
pub use tracked::Tracked;

use std::path::{Path, PathBuf};

use gix::ObjectId;

/// What can go wrong with the user's repository.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a repository already.
    #[error("{} has a Git repository already", root.display())]
    Exists {
        /// The project folder.
        root: PathBuf,
    },
    /// Git can't do it.
    #[error("can't {action} in the Git repository of {}", root.display())]
    Git {
        /// What was attempted.
        action: &'static str,
        /// The project folder.
        root: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
    /// A file can't be read or written.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A folder's files can't be stored.
    #[error("can't store the files of {}", root.display())]
    Store {
        /// The project folder.
        root: PathBuf,
        /// Why not.
        #[source]
        source: Box<crate::snapshot::Error>,
    },
    /// It has a remote `origin` that is another one.
    #[error("{} has a remote `origin` already: {url}", root.display())]
    OtherRemote {
        /// The project folder.
        root: PathBuf,
        /// Where it leads, without a password.
        url: String,
    },
}

/// The user's commit that a snapshot was taken on top of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What HEAD is.
    pub commit: ObjectId,
    /// The branch, in short; `None` when HEAD is detached.
    pub branch: Option<String>,
}

/// The user's repository in a project folder.
#[derive(Clone)]
pub struct UserRepo {
    git: gix::Repository,
    root: PathBuf,
}

impl std::fmt::Debug for UserRepo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRepo").field("root", &self.root).finish_non_exhaustive()
    }
}

impl UserRepo {
    /// The repository, for reading.
    pub fn git(&self) -> &gix::Repository {
        &self.git
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(gix::Error) -> Error + use<> {
        failed(action, &self.root)
    }
}

fn failed(action: &'static str, root: &Path) -> impl FnOnce(gix::Error) -> Error + use<> {
    let root = root.to_owned();
    move |source| Error::Git { action, root, source: Box::new(source) }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests;
