//! The first commit of a user's own repository: all files of the project folder, as a snapshot has them.

use std::path::PathBuf;

use gix::{ObjectId, bstr::BString};
use jiff::Timestamp;

use super::{Error, Limits, Observer, Why, large::Rules, open_objects, write_tree};
use crate::{
    io_error::IoError,
    user_repo::{self, Signature, UserRepo},
};

/// Why there is no first commit.
#[derive(Debug, thiserror::Error)]
pub enum InitialError {
    /// The user's repository fails.
    #[error(transparent)]
    Repository(#[from] user_repo::Error),
    /// The files of the folder can't be stored.
    #[error("can't store the files of {}", root.display())]
    Store {
        /// The project folder.
        root: PathBuf,
        /// The cause.
        #[source]
        source: Box<Error>,
    },
}

/// The first commit of a user's own repository.
#[derive(Debug, Clone)]
pub struct FirstCommit {
    /// Its id.
    pub id: ObjectId,
    /// Files that are not in it because they are large.
    pub large: Vec<BString>,
}

/// Commits everything in the folder that is not ignored as `Initial commit` of a repository without commits. What a snapshot
/// leaves out (secrets) stays untracked. So do files of `large_from` bytes or more, and those that the folder's attributes give
/// to Git LFS: in Git they would stay for good, and which of them it shall have is the user's to say.
pub fn initial_commit(
    user: &UserRepo,
    author: &Signature,
    time: Timestamp,
    (limits, large_from): (Limits, u64),
    observer: &dyn Observer,
) -> Result<FirstCommit, InitialError> {
    if user.head()?.is_some() {
        return Err(user_repo::Error::Exists { root: user.root().to_owned() }.into());
    }
    let (tree, large) = store_folder(user, (limits, large_from), observer)
        .map_err(|source| InitialError::Store { root: user.root().to_owned(), source: Box::new(source) })?;
    Ok(FirstCommit { id: user.commit_first(tree, author, time)?, large })
}

/// Stores the folder as a tree in the user's repository, and names the large files that are not in it.
fn store_folder(
    user: &UserRepo,
    (limits, large_from): (Limits, u64),
    observer: &dyn Observer,
) -> Result<(ObjectId, Vec<BString>), Error> {
    let (root, git_dir) = (user.root(), user.git().git_dir());
    let scratch = tempfile::Builder::new()
        .prefix("azml-")
        .tempdir_in(git_dir)
        .map_err(IoError::of("make a folder in", git_dir))?;
    let objects = user.git().common_dir().join("objects");
    let target = write_tree::Target {
        root,
        objects: open_objects(&objects)?,
        objects_folder: objects,
        scratch: scratch.path(),
        began: (0, 0),
        rules: user.ignore_rules(),
        user: None,
        limits,
        attributes: Some(user),
        large: Rules::of_user_alone(user, large_from),
        takes_large: false,
        is_kept: true,
        keeps_pointers: false,
        pointer_in_last: &|_| None,
        stored_size: &|_| None,
        last_has: &|_| false,
    };
    let done = write_tree::write_tree(&target, None, observer, &mut |_| Ok(None))?;
    done.store.finish().map_err(IoError::of("store the content of", root))?;
    let large =
        done.left_out.into_iter().filter(|left| left.why == Why::Large).map(|left| left.path).collect();
    Ok((done.built.tree, large))
}
