//! Shallow and partial clones: repositories that have less than their branches reach.

use std::collections::HashSet;

use gix::ObjectId;

use super::{Error, UserRepo};

/// The ways in which a repository has less than its branches reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// `git clone --depth`: older commits are elsewhere.
    Shallow,
    /// `git clone --filter`: files or folders are elsewhere.
    Partial,
}

impl UserRepo {
    /// Returns the kind of clone that the repository is, if it may lack objects.
    pub fn incomplete(&self) -> Option<Incomplete> {
        if self.git.is_shallow().unwrap_or(false) {
            return Some(Incomplete::Shallow);
        }
        let config = self.git.config_snapshot();
        let mut remotes = config.plumbing().sections_by_name("remote").into_iter().flatten();
        remotes.any(|remote| remote.value("promisor").is_some()).then_some(Incomplete::Partial)
    }

    /// Returns the reason why `tip` can't be pushed with all that it reaches. Only in a partial clone objects are looked for.
    pub fn lacks_for(&self, tip: ObjectId) -> Result<Option<Incomplete>, Error> {
        match self.incomplete() {
            Some(Incomplete::Partial) => Ok((!self.has_all(tip)?).then_some(Incomplete::Partial)),
            other => Ok(other),
        }
    }

    fn has_all(&self, tip: ObjectId) -> Result<bool, Error> {
        let mut seen = HashSet::new();
        let walk = self.git.rev_walk([tip]).all().map_err(self.failed("read the history"))?;
        for commit in walk {
            // A commit that is not here ends the walk with an error.
            let Ok(commit) = commit else { return Ok(false) };
            let Ok(tree) = commit.object().and_then(|commit| commit.tree_id()) else { return Ok(false) };
            let mut trees = vec![tree.detach()];
            while let Some(id) = trees.pop() {
                if !seen.insert(id) {
                    continue;
                }
                let Ok(tree) = self.git.find_tree(id) else { return Ok(false) };
                for entry in tree.iter() {
                    let entry = entry.map_err(self.failed("read a folder"))?;
                    if entry.mode().is_tree() {
                        trees.push(entry.oid().to_owned());
                    } else if !entry.mode().is_commit()
                        && seen.insert(entry.oid().to_owned())
                        && !self.git.has_object(entry.oid())
                    {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}
