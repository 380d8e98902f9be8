//! Making the user's repository, and its first commit.

use std::path::Path;

use gix::ObjectId;
use jiff::Timestamp;

use super::{Error, Signature, UserRepo};

impl UserRepo {
    /// `git init` in `root`, with branch `master`.
    pub fn init(root: &Path) -> Result<Self, Error> {
        let _ = root;
        todo!()
    }

    /// Commits all that is in the folder and not ignored as `Initial commit`, with an index that leaves `git status` clean.
    pub fn initial_commit(&self, author: &Signature, time: Timestamp) -> Result<ObjectId, Error> {
        let _ = (author, time);
        todo!()
    }
}
