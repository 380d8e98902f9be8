//! `_apis/git/repositories/…`: what is in a repository, read and written.
//!
//! One module for each resource. All of them work on a [`RepoRequest`], a repository that the caller may read, on a thread
//! that may block. What writes goes through the same engine and the same questions as a push by Git, so that it is
//! checked, journalled and noted like one.

pub(super) mod blobs;
pub(super) mod branches;
mod changes;
pub(super) mod commits;
pub(super) mod compare;
mod format;
mod history;
pub(super) mod items;
pub(super) mod pulls;
pub(super) mod pushes;
pub(super) mod refs;
mod refusal;
pub(super) mod request;
mod revision;
pub(super) mod tags;
mod tree_changes;
pub(super) mod trees;
mod write;

use format::Format;
