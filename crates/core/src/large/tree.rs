//! A tree, with what pointers in it mean.

use gix::{ObjectId, Repository};

use super::is_in_message;

/// A tree, with what pointers in it mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// Its id.
    pub id: ObjectId,
    /// True if each canonical pointer in it stands for a large file.
    pub has_large: bool,
}

impl From<ObjectId> for Tree {
    /// A tree whose pointers are texts.
    fn from(id: ObjectId) -> Self {
        Self { id, has_large: false }
    }
}

impl Tree {
    /// The tree of a commit.
    pub fn of_commit(repo: &Repository, commit: ObjectId) -> Result<Self, gix::Error> {
        let commit = repo.find_commit(commit)?;
        let id = commit.tree_id()?.detach();
        Ok(Self { id, has_large: is_in_message(commit.message_raw()?) })
    }
}
