//! From a tree to a commit on the history branch.

use gix::{
    ObjectId,
    objs::{Commit, Exists, WriteTo},
};

use super::{Error, Message, Request, content};
use crate::{
    checkout::difference,
    history::{self, HistoryRepo},
    io_error::IoError,
    large::{self, Pointer, Tree},
    stat_index::StatIndex,
};

/// A commit as it will be if nobody else commits meanwhile. It is stored, and flushed to the disk, with the snapshot's
/// other objects.
pub(super) struct Draft {
    pub(super) id: ObjectId,
    pub(super) bytes: Vec<u8>,
    parent: Option<ObjectId>,
}

/// Drafts the commit of `tree`; `None` when the newest snapshot has it.
pub(super) fn draft(history: &HistoryRepo, tree: Tree, request: &Request) -> Result<Option<Draft>, Error> {
    let parent = history.tip()?;
    if let Some(tip) = parent
        && tree_of(history, tip)? == tree.id
    {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let failed = IoError::of("write a commit into", history.path());
    object(tree, parent, request).write_to(&mut bytes).map_err(failed)?;
    let id = content::hash(gix::objs::Kind::Commit, &bytes).map_err(failed)?;
    Ok(Some(Draft { id, bytes, parent }))
}

/// Commits `tree` on top of the newest snapshot, unless that is what it is; says whether a commit was made.
///
/// The lock is held for this moment alone. Should the branch move all the same (a join of what someone else pushed), the
/// commit is made again on top of where it is now.
pub(super) fn commit(
    history: &HistoryRepo,
    tree: Tree,
    request: &Request,
    draft: Option<&Draft>,
) -> Result<(ObjectId, bool), Error> {
    let name = history.history_ref();
    let _lock = history.lock()?;
    loop {
        let tip = history.tip()?;
        if let Some(tip) = tip
            && tree_of(history, tip)? == tree.id
        {
            return Ok((tip, false));
        }
        let id = match draft {
            Some(draft) if draft.parent == tip => draft.id,
            _ => write(history, tree, tip, request)?,
        };
        match history.update_ref(&name, tip, id) {
            Err(history::Error::Moved { .. }) => {}
            done => return done.map(|()| (id, true)).map_err(Error::History),
        }
    }
}

/// The large files of a tree that the snapshot before it does not have.
pub(super) fn new_large(history: &HistoryRepo, tree: Tree, draft: &Draft) -> Result<Vec<Pointer>, Error> {
    let git = history.git();
    let failed =
        |source| Error::Git { action: "compare the snapshot with the one before", source: Box::new(source) };
    let before = match draft.parent {
        Some(parent) => Tree::of_commit(git, parent).map_err(failed)?,
        None => git.empty_tree().id.into(),
    };
    let mut blobs = Vec::new();
    // What is no large file there, being in a tree without the trailer, is one here.
    let from = if before.has_large { before.id } else { git.empty_tree().id };
    difference::walk(git, from, tree.id, &mut |difference| {
        blobs.extend(difference.is.filter(|(mode, _)| mode.is_blob()).map(|(_, id)| id));
        Ok(())
    })
    .map_err(|error| Error::Git {
        action: "compare the snapshot with the one before",
        source: Box::new(gix::Error::from_error(error)),
    })?;
    let mut found = Vec::new();
    for blob in blobs {
        found.extend(large::pointer(git, blob).map_err(failed)?);
    }
    Ok(found)
}

fn tree_of(history: &HistoryRepo, commit: ObjectId) -> Result<ObjectId, Error> {
    let failed = |source| Error::Git { action: "read the newest snapshot", source: Box::new(source) };
    let commit = history.git().find_commit(commit).map_err(failed)?;
    Ok(commit.tree_id().map_err(failed)?.detach())
}

fn object(tree: Tree, parent: Option<ObjectId>, request: &Request) -> Commit {
    let signature = request.author.at(request.time);
    let message = Message { has_large: tree.has_large, ..request.message.clone() };
    Commit {
        tree: tree.id,
        parents: parent.into_iter().collect(),
        author: signature.clone(),
        committer: signature,
        encoding: None,
        message: message.to_text().into(),
        extra_headers: Vec::new(),
    }
}

fn write(
    history: &HistoryRepo,
    tree: Tree,
    parent: Option<ObjectId>,
    request: &Request,
) -> Result<ObjectId, Error> {
    let commit = object(tree, parent, request);
    let failed = |source| Error::Git { action: "write the snapshot's commit", source: Box::new(source) };
    Ok(history.git().write_object(&commit).map_err(failed)?.detach())
}

/// Returns whether an index's content is still stored: its tree is, and with it all below.
pub(super) fn is_stored(history: &HistoryRepo, index: &StatIndex) -> bool {
    index.root_tree().is_some_and(|tree| history.git().objects.exists(&tree))
}
