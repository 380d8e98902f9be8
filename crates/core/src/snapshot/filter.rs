//! Tells changes in the project folder that can change its next snapshot from others, for those who watch it.

use std::os::fd::AsFd;
use std::sync::Mutex;

use gix::{
    ObjectId,
    bstr::{BStr, BString},
};

use super::{Error, Silent, files, open_index, rules_of, scan};
use crate::{
    history::{FOLDER, HistoryRepo},
    ignore::{Rules, Verdict},
    io_error::IoError,
    parallel,
};

/// The folders that a snapshot looks into, by path; the first is the project folder itself, the empty path.
pub fn folders(history: &HistoryRepo) -> Result<Vec<BString>, Error> {
    let user = history.user_repo().map_err(|source| Error::UserRepo(Box::new(source)))?;
    let failed = IoError::of("open", history.root());
    let root = files::open_root(history.root()).map_err(failed)?;
    let index = open_index(history);
    let found = scan::scan(&scan::Scan {
        root: &root,
        root_path: history.root().to_owned(),
        rules: rules_of(history, user)?,
        user: Mutex::new(user.cloned()),
        index: index.as_ref(),
        trusts_folders: files::tells_changed_folders(root.as_fd()),
        threads: parallel::threads(super::write_tree::THREADS),
        observer: &Silent,
    })?;
    Ok(found.nodes.into_iter().map(|node| node.path).collect())
}

/// Tells changes that can change the next snapshot from those that can't.
pub struct Filter<'h> {
    history: &'h HistoryRepo,
    rules: Rules,
    /// The last snapshot's files.
    tree: Option<ObjectId>,
}

impl<'h> Filter<'h> {
    /// With the rules and the last snapshot of now.
    pub fn of(history: &'h HistoryRepo) -> Result<Self, Error> {
        let user = history.user_repo().map_err(|source| Error::UserRepo(Box::new(source)))?;
        let failed = |source| Error::Git { action: "read the newest snapshot", source: Box::new(source) };
        let tree = match history.tip()? {
            Some(tip) => {
                Some(history.git().find_commit(tip).and_then(|tip| tip.tree_id()).map_err(failed)?.detach())
            }
            None => None,
        };
        Ok(Self { history, rules: rules_of(history, user)?, tree })
    }

    /// Returns whether a change at this path is one of the next snapshot.
    pub fn takes_in(&self, path: &BStr, is_folder: bool) -> bool {
        let is_own =
            path.split(|byte| *byte == b'/').any(|name| name == b".git" || name == FOLDER.as_bytes());
        !is_own
            && (self.rules.verdict_in(self.history.root(), path, is_folder) != Verdict::Excluded
                || self.has(path))
    }

    /// Returns whether the last snapshot has something there: ignored, it is tracked.
    fn has(&self, path: &BStr) -> bool {
        let Some(tree) = self.tree.and_then(|tree| self.history.git().find_tree(tree).ok()) else {
            return false;
        };
        tree.lookup_entry(path.split(|byte| *byte == b'/')).ok().flatten().is_some()
    }
}
