//! The few changes that azml makes to a user's repository.

use gix::{
    ObjectId,
    bstr::ByteSlice,
    refs::{
        FullName, Target,
        transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog},
    },
};

use super::{Error, UserRepo};
use crate::{refs, remote_url::RemoteUrl};

impl UserRepo {
    /// Adds the remote `origin` (without a password) and makes `master` track it. The same URL again is fine; another
    /// is refused, and nothing has changed.
    pub fn add_remote(&self, url: &RemoteUrl) -> Result<(), Error> {
        let mut config = self
            .git
            .config_file_mut(self.git.common_dir().join("config"))
            .map_err(self.failed("change the configuration"))?;
        if let Some(known) = config.string("remote.origin.url") {
            let known = known.to_str_lossy();
            let shown = RemoteUrl::parse_rewritable(&known)
                .map_or_else(|_| "(not a URL)".to_owned(), |url| url.to_string());
            if known != url.as_str() && shown != url.as_str() {
                return Err(Error::OtherRemote { root: self.root.clone(), url: shown });
            }
        }
        let wanted = [
            ("remote.origin.url", url.without_secret().as_str().to_owned()),
            ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*".to_owned()),
            ("branch.master.remote", refs::REMOTE.to_owned()),
            ("branch.master.merge", refs::MASTER.to_owned()),
        ];
        for (key, value) in wanted {
            // What the user has set stays as it is.
            if config.string(key).is_none() {
                config.set_raw_value(key, value.as_str()).map_err(self.failed("change the configuration"))?;
            }
        }
        config.commit().map_err(self.failed("change the configuration"))
    }

    /// Keeps where the remote's `master` is.
    pub fn set_remote_master(&self, tip: ObjectId) -> Result<(), Error> {
        let name = refs::tracking(refs::master().as_ref());
        self.set_ref(name, Target::Object(tip), PreviousValue::Any, "azml: the remote's master")
    }

    /// For a repository that azml has just made: makes `master` the commit `tip`, HEAD that branch, and the index its
    /// tree. The files are laid by someone else, before or after: where they are as in `tip`, `git status` is clean.
    pub fn adopt_master(&self, tip: ObjectId) -> Result<(), Error> {
        if self.head()?.is_some() {
            return Err(Error::Exists { root: self.root.clone() });
        }
        let commit = self.git.find_commit(tip).map_err(self.failed("read master's commit"))?;
        let tree = commit.tree_id().map_err(self.failed("read master's commit"))?.detach();
        self.write_index(&tree)?;
        self.set_ref(
            refs::master(),
            Target::Object(tip),
            PreviousValue::MustNotExist,
            "azml: master as it was",
        )?;
        let head = FullName::try_from("HEAD").expect("HEAD is a valid name");
        self.set_ref(head, Target::Symbolic(refs::master()), PreviousValue::Any, "azml: on master")
    }

    /// Writes the index that says "all of this tree". Its stat data is empty: Git compares the files once, and fills it in.
    pub(super) fn write_index(&self, tree: &gix::oid) -> Result<(), Error> {
        let mut index = self.git.index_from_tree(tree).map_err(self.failed("make the index"))?;
        index.write(gix::index::write::Options::default()).map_err(self.failed("write the index"))
    }

    fn set_ref(
        &self,
        name: FullName,
        new: Target,
        expected: PreviousValue,
        message: &str,
    ) -> Result<(), Error> {
        let log =
            LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: message.into() };
        self.edit_ref(RefEdit { change: Change::Update { log, expected, new }, name, deref: false })
    }

    fn edit_ref(&self, edit: RefEdit) -> Result<(), Error> {
        let by = gix::actor::SignatureRef { name: "azml".into(), email: "azml".into(), time: "0 +0000" };
        self.git.edit_references_as(Some(edit), Some(by)).map(drop).map_err(self.failed("change a ref"))
    }
}
