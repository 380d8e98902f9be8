//! A snapshot: the whole project folder as a commit on the history branch.

mod commit;
mod content;
mod files;
mod filter;
mod guard;
mod initial;
mod large;
mod leave_out;
mod message;
mod pack;
mod request;
mod scan;
mod store;
mod trees;
mod write_tree;

pub use crate::user_repo::Signature;
pub use filter::{Filter, folders};
pub use initial::{FirstCommit, InitialError, initial_commit};
pub use leave_out::LeaveOut;
pub use message::{Message, base_folder};
pub use request::{LeftOut, Limits, Observer, Progress, Request, Silent, Taken, TreeRequest, TreeTaken, Why};

use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};

use crate::{
    history::{self, HistoryRepo},
    ignore::{Held, Rules, Verdict},
    io_error::IoError,
    large::Tree,
    stat_index::StatIndex,
    user_repo::UserRepo,
};

/// Errors that stop a snapshot. The history stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files are too large to be kept for good without being asked.
    #[error("the snapshot would store too much ({} new bytes)", total)]
    TooLarge {
        /// New content in all, in bytes.
        total: u64,
        /// The ten largest new files with their sizes, the largest first.
        largest: Vec<(BString, u64)>,
        /// The lines for `.amlignore` that leave out what is too much, as few as possible.
        leave_out: Vec<LeaveOut>,
    },
    /// A home folder, the root of the file system, or no project.
    #[error("no snapshot can be taken of {}", root.display())]
    NotAProjectFolder {
        /// The folder.
        root: PathBuf,
        /// Why not.
        #[source]
        source: crate::project::Error,
    },
    /// The history repository fails.
    #[error("can't use the run history")]
    History(#[from] history::Error),
    /// The user's own repository can't be read.
    #[error("can't read the folder's own Git repository")]
    UserRepo(#[source] Box<crate::user_repo::Error>),
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Git can't do it.
    #[error("can't {action}")]
    Git {
        /// The action that was attempted.
        action: &'static str,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
}

/// Takes a snapshot: stores what is new, and commits it on the history branch unless nothing has changed.
pub fn take(history: &HistoryRepo, request: &Request, observer: &dyn Observer) -> Result<Taken, Error> {
    let wanted = TreeRequest { home: request.home.clone(), limits: request.limits, keeps_pointers: true };
    let mut draft = None;
    let taken = tree_and(history, &wanted, observer, &mut |tree| {
        draft = commit::draft(history, tree, request)?;
        Ok(draft.as_ref().map(|draft| (draft.id, gix::objs::Kind::Commit, draft.bytes.clone())))
    })?;
    if let Some(draft) = draft.as_ref().filter(|_| taken.has_large) {
        history.add_large_unpushed(&commit::new_large(history, taken.tree(), draft)?)?;
    }
    let (commit, is_new) = commit::commit(history, taken.tree(), request, draft.as_ref())?;
    let TreeTaken { tree, files, changed, has_large, bytes_new, left_out } = taken;
    Ok(Taken { commit, tree, is_new, files, changed, has_large, bytes_new, left_out })
}

/// Stores the folder as a tree, without a commit: what [`take`] does first. A restore plans with it. Who only asks does so
/// through [`HistoryRepo::for_question`], and nothing stays.
pub fn tree(
    history: &HistoryRepo,
    request: &TreeRequest,
    observer: &dyn Observer,
) -> Result<TreeTaken, Error> {
    tree_and(history, request, observer, &mut |_| Ok(None))
}

/// [`tree()`], with one more object that is made of the tree and stored with the rest.
fn tree_and(
    history: &HistoryRepo,
    request: &TreeRequest,
    observer: &dyn Observer,
    extra: &mut dyn FnMut(Tree) -> Result<Option<write_tree::Extra>, Error>,
) -> Result<TreeTaken, Error> {
    let root = history.root();
    crate::project::check_folder(root, request.home.as_deref())
        .map_err(|source| Error::NotAProjectFolder { root: root.to_owned(), source })?;
    let user = history.user_repo().map_err(|source| Error::UserRepo(Box::new(source)))?;
    let scratch = history.workspace()?;
    let index = open_index(history);
    let target = write_tree::Target {
        root,
        objects_folder: history.objects_folder(),
        objects: open_objects(&history.objects_folder())?,
        scratch: scratch.path(),
        began: scratch.began()?,
        rules: rules_of(history, user)?,
        user,
        limits: request.limits,
        attributes: user,
        large: large::Rules::of(history, user),
        takes_large: true,
        is_kept: !history.is_for_question(),
        keeps_pointers: request.keeps_pointers,
        pointer_in_last: &|path| pointer_in_last(history, path),
        stored_size: &|path| size_in_last(history, path),
        last_has: &|path| last_has(history, path),
    };
    let done = write_tree::write_tree(&target, index.as_ref(), observer, extra)?;
    let path = history.stat_index_path();
    let beside = scratch.join("stat-index");
    let build = || trees::index(&done.found, &done.built, index.as_ref(), target.began).write(&beside);
    // The index says of what it knows that it is stored.
    let is_wanted = !done.built.index_is_current && (target.is_kept || done.store.is_empty());
    // The disk is waited for; the next index is made meanwhile.
    let (stored, built) = std::thread::scope(|scope| {
        let storing = scope.spawn(|| done.store.finish());
        let built = is_wanted.then(build);
        (storing.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread has failed"))), built)
    });
    stored.map_err(IoError::of("store the content of", root))?;
    // A cache: without it the next snapshot is slower, and no less right.
    if let Some(Err(error)) = built.map(|built| built.and_then(|()| put_index(&beside, &path))) {
        tracing::warn!(%error, path = %path.display(), "the stat index can't be written");
    }
    Ok(TreeTaken {
        tree: done.built.tree,
        files: done.built.files,
        has_large: done.built.has_large,
        changed: done.changed,
        bytes_new: done.bytes_new,
        left_out: done.left_out,
    })
}

/// Puts the next stat index in its place. The one before goes with the scratch folder: a rename that replaces a file makes
/// some file systems write the new one out, and nobody waits for a cache.
fn put_index(beside: &Path, path: &Path) -> std::io::Result<()> {
    use rustix::{fs, io::Errno};
    match fs::renameat_with(fs::CWD, beside, fs::CWD, path, fs::RenameFlags::EXCHANGE) {
        // There is none yet, or the file system can't do this.
        Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => std::fs::rename(beside, path),
        done => Ok(done?),
    }
}

/// The stat index, if what it knows is still stored.
fn open_index(history: &HistoryRepo) -> Option<StatIndex> {
    StatIndex::read(&history.stat_index_path()).filter(|index| commit::is_stored(history, index))
}

/// The rules of the user, with what is held back.
fn rules_of(history: &HistoryRepo, user: Option<&UserRepo>) -> Result<Rules, Error> {
    holding(history, user.map_or_else(Rules::none, UserRepo::ignore_rules))
}

/// Returns whether the last snapshot has a file or folder at a path.
fn last_has(history: &HistoryRepo, path: &BStr) -> bool {
    let tip = || history.git().find_commit(history.tip().ok()??).ok()?.tree().ok();
    let entry = tip().and_then(|tree| tree.lookup_entry(path.split(|byte| *byte == b'/')).ok()?);
    entry.is_some()
}

/// The pointer that the last snapshot has in the place of a large file.
fn pointer_in_last(history: &HistoryRepo, path: &BStr) -> Option<gix::ObjectId> {
    let git = history.git();
    let tree = Tree::of_commit(git, history.tip().ok()??).ok().filter(|tree| tree.has_large)?;
    let entry = git.find_tree(tree.id).ok()?.lookup_entry(path.split(|byte| *byte == b'/')).ok()??;
    Some(entry.object_id()).filter(|_| entry.mode().is_blob())
}

/// The size of the file that the last snapshot has at a path.
fn size_in_last(history: &HistoryRepo, path: &BStr) -> Option<u64> {
    let git = history.git();
    let tip = history.tip().ok()??;
    let tree = git.find_commit(tip).ok()?.tree().ok()?;
    let entry = tree.lookup_entry(path.split(|byte| *byte == b'/')).ok()??;
    match crate::large::pointer(git, entry.object_id()).ok()? {
        Some(pointer) => Some(pointer.size),
        None => Some(git.find_header(entry.object_id()).ok()?.size()),
    }
}

/// The rules with what is held back. What they leave out again, or an `.amlignore` takes in by name, is held back no longer.
fn holding(history: &HistoryRepo, rules: Rules) -> Result<Rules, Error> {
    let held = history.held_back()?;
    if held.is_empty() {
        return Ok(rules);
    }
    let mut lines = held.lines();
    let before = lines.len();
    for path in held.paths() {
        let (path, is_folder) = match path.strip_suffix(b"/") {
            Some(folder) => (folder.as_bstr(), true),
            None => (path.as_bstr(), false),
        };
        if rules.verdict_in(history.root(), path, is_folder) != Verdict::Included {
            lines.remove(&Held::line(path, is_folder));
        }
    }
    if lines.len() == before {
        return Ok(rules.holding(held));
    }
    history.set_held_back(&lines)?;
    Ok(rules.holding(history.held_back()?))
}

/// The objects that are stored now, whoever stored them.
fn open_objects(folder: &Path) -> Result<gix::odb::Handle, Error> {
    Ok(gix::odb::at(folder, gix::hash::Kind::Sha1).map_err(IoError::of("open the objects in", folder))?)
}

#[cfg(test)]
mod tests;
