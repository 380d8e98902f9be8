//! The user's own repository: `<project>/.git`, or the one whose work tree the project folder lies in.
//!
//! azml makes one when there is neither, and from then on reads it. What changes an existing repository is
//! named here and is nothing but: adding the remote `origin` with the tracking of `master`, and the checkout of
//! `master` in a repository that azml has just made for roaming. HEAD, index, branches and stash are never touched
//! otherwise.

mod discover;
mod identity;
mod incomplete;
mod init;
pub(crate) mod nested;
mod read;
mod tracked;
mod write;

pub use identity::{Identity, Signature, clean, identity};
pub use incomplete::Incomplete;
pub use tracked::Tracked;

use std::path::{Path, PathBuf};

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
};

use crate::io_error::IoError;

/// Failures of the user's repository.
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
        /// The action that was attempted.
        action: &'static str,
        /// The project folder.
        root: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
    /// Its format is one that azml does not read.
    #[error("the Git repository {} {}, and azml can't read that", path.display(), match .format {
        Format::Sha256 => "names its objects by SHA-256",
        Format::Reftable => "keeps its refs in a reftable",
    })]
    Format {
        /// The repository's work tree.
        path: PathBuf,
        /// Its format.
        format: Format,
    },
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// It has a remote `origin` that is another one.
    #[error("{} has a remote `origin` already: {url}", root.display())]
    OtherRemote {
        /// The project folder.
        root: PathBuf,
        /// The remote's URL, without a password.
        url: String,
    },
}

/// A format of repositories that azml does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `git init --object-format=sha256`.
    Sha256,
    /// `git init --ref-format=reftable`.
    Reftable,
}

/// The user's commit that a snapshot was taken on top of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The commit of HEAD.
    pub commit: ObjectId,
    /// The branch, in short; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The project folder's path in the commit's tree, when it is a folder of a larger repository.
    pub folder: Option<String>,
}

/// The user's repository that a project folder belongs to.
#[derive(Clone)]
pub struct UserRepo {
    git: gix::Repository,
    root: PathBuf,
    /// Not as gix has it: that may be `GIT_WORK_TREE`.
    work_tree: PathBuf,
    /// The path of the project folder in the work tree, with a slash at its end; empty at its top.
    prefix: BString,
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

    /// The path of the project folder in the work tree, with a slash at its end; empty when the project is the whole.
    pub fn prefix(&self) -> &BStr {
        self.prefix.as_bstr()
    }

    /// Returns whether the project is a folder of a larger work tree.
    pub fn is_around(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// The top of the work tree.
    pub fn work_tree(&self) -> &Path {
        &self.work_tree
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(gix::Error) -> Error + use<> {
        failed(action, &self.root)
    }
}

fn failed(action: &'static str, root: &Path) -> impl FnOnce(gix::Error) -> Error + use<> {
    let root = root.to_owned();
    move |source| Error::Git { action, root, source: Box::new(source) }
}

#[cfg(test)]
mod tests;
