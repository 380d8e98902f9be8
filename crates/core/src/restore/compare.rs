//! Compares two trees and lists the changes from one to the other.

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::tree::{EntryKind, EntryMode},
};

use super::Change;
use crate::{
    checkout::{Error, difference, listing::Entry, path},
    large::Tree,
};

/// Returns the changes from tree `from` to tree `to`, by path, and the paths at which `to` has another repository's
/// commit. Every path that `to` brings in is checked.
pub(super) fn compare(repo: &Repository, from: Tree, to: Tree) -> Result<(Vec<Change>, Vec<BString>), Error> {
    let (mut changes, mut commits) = (Vec::new(), Vec::new());
    difference::walk(repo, from.id, to.id, &mut |difference| {
        let difference::Difference { path, name, was, is } = difference;
        if let Some((mode, _)) = is
            && let Err(why) = path::check_name(path[name..].as_bstr(), mode.is_link())
        {
            return Err(Error::UnsafePath { path, why });
        }
        if is.is_some_and(|(mode, _)| mode.is_commit()) {
            commits.push(path.clone());
        }
        let leaf = |tree, side: Option<(EntryMode, ObjectId)>| {
            side.and_then(|side| leaf(repo, tree, side)).transpose()
        };
        let (before, after) = (leaf(from, was)?, leaf(to, is)?);
        if before != after {
            changes.push(Change { path, before, after });
        }
        Ok(())
    })?;
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    commits.sort();
    Ok((changes, commits))
}

/// A file or link.
fn leaf(repo: &Repository, tree: Tree, (mode, id): (EntryMode, ObjectId)) -> Option<Result<Entry, Error>> {
    let is_leaf = !matches!(mode.kind(), EntryKind::Tree | EntryKind::Commit);
    is_leaf.then(|| Entry::of(repo, tree, mode.kind(), id))
}
