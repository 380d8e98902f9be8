//! The few changes that azml makes to a user's repository.

use gix::ObjectId;

use super::{Error, UserRepo};
use crate::remote_url::RemoteUrl;

impl UserRepo {
    /// Adds the remote `origin` (without a password) and makes `master` track it. The same URL again is fine.
    pub fn add_remote(&self, url: &RemoteUrl) -> Result<(), Error> {
        let _ = url;
        todo!()
    }

    /// Keeps where the remote's `master` is.
    pub fn set_remote_master(&self, tip: ObjectId) -> Result<(), Error> {
        let _ = tip;
        todo!()
    }

    /// For a repository that azml has just made: makes `master` the commit `tip`, HEAD that branch, and the index its tree.
    /// The files are laid by someone else, before or after; their stat data is filled in where they are there and equal.
    pub fn adopt_master(&self, tip: ObjectId) -> Result<(), Error> {
        let _ = tip;
        todo!()
    }
}
