//! A path, and whether two trees differ at it.

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};

use super::bloom::{Settings, hashes_of};
use super::commits::Commits;
use super::{Error, Graph};
use crate::limits::MAX_HASHED_FOLDERS;
use crate::pack::objects::Objects as _;

/// The entry at a path.
pub(super) type Entry = Option<(EntryKind, ObjectId)>;

/// A path in a repository.
#[derive(Debug, Clone)]
pub struct PathQuery {
    names: Vec<BString>,
    /// The hashes of the path and of the folders above it, of a deep one the outermost alone; none if filters can't be
    /// asked.
    hashes: Vec<(u32, u32)>,
    /// True if no byte of it is above 0x7f: the first version of the filters' hash is defined for no other.
    is_ascii: bool,
}

impl PathQuery {
    /// The path of these bytes, with slashes between its parts. `None` for the root.
    ///
    /// A part with U+FFFD in it also means every name that is no UTF-8 and is shown like that.
    pub fn new(path: &BStr) -> Option<Self> {
        let parts = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        Self::of_names(parts.map(BString::from).collect())
    }

    /// The path of an entry of a folder, which is `None` for the root.
    pub(super) fn below(folder: Option<&Self>, name: &BStr) -> Option<Self> {
        let mut names = folder.map(|folder| folder.names.clone()).unwrap_or_default();
        names.push(name.to_owned());
        Self::of_names(names)
    }

    fn of_names(names: Vec<BString>) -> Option<Self> {
        if names.is_empty() {
            return None;
        }
        let mut hashes = Vec::new();
        let mut whole = Vec::new();
        for name in names.iter().take(MAX_HASHED_FOLDERS) {
            if !whole.is_empty() {
                whole.push(b'/');
            }
            whole.extend_from_slice(name);
            hashes.push(hashes_of(&whole));
        }
        if names.iter().any(|name| is_lossy(name.as_bstr())) {
            hashes.clear();
        }
        // The whole path first: it tells most.
        hashes.reverse();
        let is_ascii = names.iter().all(|name| name.is_ascii());
        Some(Self { names, hashes, is_ascii })
    }

    /// Returns whether the commit at a place may have changed the path against its first parent, by its filter alone.
    pub(super) fn may_change(&self, graph: &Graph, place: u32) -> bool {
        let Some(settings) = graph.filter_settings() else { return true };
        if !self.is_ascii && settings.version != Settings::OURS.version {
            return true;
        }
        let filter = graph.filter(place);
        self.hashes.iter().all(|hashes| settings.may_contain(filter, *hashes))
    }

    /// Finds the entry at the path below a tree.
    pub(super) fn find(&self, commits: &mut Commits<'_>, tree: ObjectId) -> Result<Entry, Error> {
        let mut folder = Some(tree);
        let mut found = None;
        for name in &self.names {
            found = child(commits, folder, name.as_bstr())?;
            folder = found.and_then(folder_of);
        }
        Ok(found)
    }

    /// Returns whether two trees differ at the path. Both are followed downwards no further than they differ: most commits
    /// change something else, which shows in the first folder already.
    pub(super) fn differs(
        &self,
        commits: &mut Commits<'_>,
        before: ObjectId,
        after: ObjectId,
    ) -> Result<bool, Error> {
        let (mut before, mut after) = (Some(before), Some(after));
        for name in &self.names {
            if before == after {
                return Ok(false);
            }
            let (one, other) =
                (child(commits, before, name.as_bstr())?, child(commits, after, name.as_bstr())?);
            if one == other {
                return Ok(false);
            }
            (before, after) = (one.and_then(folder_of), other.and_then(folder_of));
            // A folder that became a file, or the reverse, is a difference at everything below that was there.
            if before.is_none() && after.is_none() {
                return Ok(std::ptr::eq(name, self.names.last().expect("a path has a part")));
            }
        }
        Ok(true)
    }
}

pub(super) fn folder_of((kind, id): (EntryKind, ObjectId)) -> Option<ObjectId> {
    (kind == EntryKind::Tree).then_some(id)
}

fn is_lossy(name: &BStr) -> bool {
    name.contains_str("\u{fffd}")
}

/// Finds a tree's entry of that name.
fn child(commits: &mut Commits<'_>, tree: Option<ObjectId>, name: &BStr) -> Result<Entry, Error> {
    let Some(tree) = tree else { return Ok(None) };
    commits.step()?;
    let mut buffer = std::mem::take(&mut commits.tree_buffer);
    commits.repo.objects.expect(&tree, Kind::Tree, &mut buffer)?;
    let is_lossy = is_lossy(name);
    let mut found = None;
    for entry in TreeRefIter::from_bytes(&buffer, tree.kind()) {
        let entry = entry.map_err(|_| crate::pack::Error::Malformed { id: tree, expected: "tree" })?;
        if entry.filename == name || is_lossy && entry.filename.to_str_lossy().as_bytes() == name.as_bytes() {
            found = Some((entry.mode.kind(), entry.oid.to_owned()));
            break;
        }
    }
    commits.tree_buffer = buffer;
    Ok(found)
}
