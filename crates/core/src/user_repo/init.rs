//! Making the user's repository, and its first commit.

use std::path::Path;

use gix::{ObjectId, bstr::BString};
use jiff::Timestamp;

use super::{Error, Signature, UserRepo, failed, io};
use crate::{
    git_files,
    ignore::Rules,
    refs,
    snapshot::{self, Limits, Observer},
};

/// What the Workbench called the first commit of a project.
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

    /// Commits all that is in the folder and not ignored as `Initial commit` of a repository without commits, with an
    /// index that leaves `git status` clean. What a snapshot leaves out (secrets) stays untracked.
    pub fn initial_commit(
        &self,
        author: &Signature,
        time: Timestamp,
        limits: Limits,
        observer: &dyn Observer,
    ) -> Result<ObjectId, Error> {
        if self.head()?.is_some() {
            return Err(Error::Exists { root: self.root.clone() });
        }
        let scratch = tempfile::Builder::new()
            .prefix("azml-")
            .tempdir_in(self.git.git_dir())
            .map_err(io("make a folder in", self.git.git_dir()))?;
        let objects = self.git.common_dir().join("objects");
        let tree = snapshot::store_folder(
            &self.root,
            &objects,
            scratch.path(),
            Rules::of_user(Some(self)),
            limits,
            observer,
        )
        .map_err(|source| Error::Store { root: self.root.clone(), source: Box::new(source) })?;
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
