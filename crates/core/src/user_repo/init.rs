//! Making the user's repository, and its first commit.

use std::path::Path;

use gix::{ObjectId, bstr::BString};
use jiff::Timestamp;

use super::{Error, Signature, UserRepo, failed};
use crate::{git_files, refs};

/// The Workbench's message of the first commit of a project.
const MESSAGE: &str = "Initial commit\n";

impl UserRepo {
    /// `git init` in `root`, with branch `master`, whatever the user's configuration calls a first branch.
    pub fn init(root: &Path) -> Result<Self, Error> {
        if Self::open_at(root)?.is_some() {
            return Err(Error::Exists { root: root.to_owned() });
        }
        git_files::check_globals()?;
        let branch = format!("init.defaultBranch={}", refs::master().shorten());
        let options = gix::open::Options::default().config_overrides([branch]);
        let create = gix::create::Options::default();
        gix::ThreadSafeRepository::init_opts(root, gix::create::Kind::WithWorktree, create, options)
            .map_err(failed("make a repository", root))?;
        let git = gix::open(root.join(".git")).map_err(failed("open the new repository", root))?;
        Ok(Self { git, root: root.to_owned(), work_tree: root.to_owned(), prefix: BString::default() })
    }

    /// Commits a tree as `Initial commit` of a repository without commits, with an index that leaves `git status` clean.
    pub(crate) fn commit_first(
        &self,
        tree: ObjectId,
        author: &Signature,
        time: Timestamp,
    ) -> Result<ObjectId, Error> {
        let author = author.at(time);
        let mut time = gix::date::parse::TimeBuf::default();
        let signature = author.to_ref(&mut time);
        self.write_index(&tree)?;
        let none: [ObjectId; 0] = [];
        let commit = self
            .git
            .commit_as(signature, signature, "HEAD", MESSAGE, tree, none)
            .map_err(self.failed("commit"))?;
        Ok(commit.detach())
    }
}
