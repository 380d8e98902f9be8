//! Walks through trees: what is below one, or what differs between two. The only code here that goes down trees.
//!
//! The number of entries below a tree does not follow from its size: twelve levels of ten entries that are all the same
//! tree are 14 objects and a million million entries. So a walk that turns out long is measured before it goes on: each
//! tree, or each pair of trees, is looked at once, whatever the number of paths that lead to it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::objs::tree::{EntryMode, EntryRef, name_order};
use gix::objs::{Kind, TreeRefIter};
use gix::{ObjectId, oid};

use super::work::{Exceeded, Work};
use crate::limits::{
    TREE_BYTES, WALK_DEPTH, WALK_ENTRIES, WALK_KEPT_BYTES, WALK_MEASURED_AFTER, WALK_PATH_BYTES,
};

/// The reason why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    #[error(transparent)]
    Git(#[from] gix::Error),
}

impl Work {
    /// Tells why a walk through history failed.
    pub(crate) fn history_error(&self, error: git_wire::history::Error) -> WalkError {
        use git_wire::history::Error;
        match error {
            Error::Ended => self.check().err().unwrap_or(Exceeded::Time).into(),
            Error::Object(error) => gix::Error::from_error(error).into(),
        }
    }
}

/// The entry at a path on one side.
pub(crate) type Side = Option<(EntryMode, ObjectId)>;

/// Reads a tree of a size that may be read.
pub(crate) fn read_tree(
    repository: &gix::Repository,
    work: &Work,
    id: ObjectId,
) -> Result<Vec<u8>, WalkError> {
    work.check()?;
    let header = repository.find_header(id)?;
    if header.kind() != Kind::Tree {
        return Err(gix::Error::from_error(NotATree(id)).into());
    }
    if header.size() > TREE_BYTES {
        return Err(Exceeded::TreeBytes.into());
    }
    Ok(std::mem::take(&mut repository.find_object(id)?.data))
}

/// An entry that calls something a folder that is none.
#[derive(Debug, thiserror::Error)]
#[error("the object {0} is not a tree")]
struct NotATree(ObjectId);

/// Calls `visit` for everything below a tree, each folder before what is in it, with its path from there.
pub(crate) fn below(
    repository: &gix::Repository,
    work: &Work,
    tree: ObjectId,
    mut visit: impl FnMut(&BStr, EntryMode, &oid) -> Result<(), Exceeded>,
) -> Result<(), WalkError> {
    differing(repository, work, None, Some(tree), |path, _, new| match new {
        Some((mode, id)) => visit(path, mode, &id),
        None => Ok(()),
    })
}

/// Calls `visit` for every path at which two trees differ, in the order of the paths; folders that are on both sides are
/// gone into and not told of.
pub(crate) fn differing(
    repository: &gix::Repository,
    work: &Work,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    mut visit: impl FnMut(&BStr, Side, Side) -> Result<(), Exceeded>,
) -> Result<(), WalkError> {
    if old == new {
        return Ok(());
    }
    let mut trees = Trees { repository, work, kept: HashMap::new(), kept_bytes: 0 };
    let mut path = BString::default();
    let (mut entries, mut path_bytes) = (0, 0);
    let mut stack = vec![trees.compare((old, new), 0)?];
    while let Some(folder) = stack.last_mut() {
        let Some(row) = folder.rows.next() else {
            stack.pop();
            continue;
        };
        path.truncate(folder.path_length);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(folder.name(&row));
        entries += 1;
        path_bytes += path.len() as u64;
        work.take(1)?;
        if entries == WALK_MEASURED_AFTER {
            Size::of(&mut trees, (old, new))?.check()?;
        }
        if path_bytes > WALK_PATH_BYTES {
            return Err(Exceeded::PathBytes.into());
        }
        let below = row.folders();
        if below.is_none_or(|pair| pair.0.is_none() || pair.1.is_none()) {
            visit(path.as_bstr(), row.old, row.new)?;
        }
        if let Some(pair) = below {
            if stack.len() > WALK_DEPTH {
                return Err(Exceeded::Depth.into());
            }
            let folder = trees.compare(pair, path.len())?;
            stack.push(folder);
        }
    }
    Ok(())
}

/// Two trees side by side; one of them may be absent.
type Pair = (Option<ObjectId>, Option<ObjectId>);

/// The trees of one walk.
struct Trees<'r> {
    repository: &'r gix::Repository,
    work: &'r Work,
    kept: HashMap<ObjectId, Rc<Vec<u8>>>,
    kept_bytes: usize,
}

/// The differences between the two trees of a pair, and the walk's place among them.
struct Folder {
    old: Rc<Vec<u8>>,
    new: Rc<Vec<u8>>,
    /// Bytes of the folder's own path.
    path_length: usize,
    rows: std::vec::IntoIter<Row>,
}

/// One name of a folder, and what has it on each side.
#[derive(Debug)]
struct Row {
    /// The range of the name in the tree of the new side, or of the old one if the new side lacks it.
    name: Range<usize>,
    old: Side,
    new: Side,
}

impl Row {
    /// The trees to go into, if there are any.
    fn folders(&self) -> Option<Pair> {
        let tree = |side: Side| side.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
        let pair = (tree(self.old), tree(self.new));
        (pair.0.is_some() || pair.1.is_some()).then_some(pair)
    }
}

impl Folder {
    fn name(&self, row: &Row) -> &[u8] {
        let tree = if row.new.is_some() { &self.new } else { &self.old };
        &tree[row.name.clone()]
    }
}

impl Trees<'_> {
    fn read(&mut self, id: Option<ObjectId>) -> Result<Rc<Vec<u8>>, WalkError> {
        let Some(id) = id else { return Ok(Rc::default()) };
        if let Some(kept) = self.kept.get(&id) {
            self.work.check()?;
            return Ok(kept.clone());
        }
        let data = Rc::new(read_tree(self.repository, self.work, id)?);
        if self.kept_bytes + data.len() <= WALK_KEPT_BYTES {
            self.kept_bytes += data.len();
            self.kept.insert(id, data.clone());
        }
        Ok(data)
    }

    /// Compares the two trees of a pair, name by name. What is in a tree in the wrong order is told as two changes.
    fn compare(&mut self, pair: Pair, path_length: usize) -> Result<Folder, WalkError> {
        let (old, new) = (self.read(pair.0)?, self.read(pair.1)?);
        let hash = self.repository.object_hash();
        let range = |tree: &[u8], name: &BStr| {
            let start = name.as_ptr() as usize - tree.as_ptr() as usize;
            start..start + name.len()
        };
        let side = |entry: EntryRef<'_>| Some((entry.mode, entry.oid.to_owned()));
        let (mut befores, mut afters) =
            (TreeRefIter::from_bytes(&old, hash), TreeRefIter::from_bytes(&new, hash));
        let (mut before, mut after) = (next(&mut befores)?, next(&mut afters)?);
        let mut rows = Vec::new();
        loop {
            let order = match (&before, &after) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree()),
            };
            let old_entry = before.filter(|_| order != Ordering::Greater);
            let new_entry = after.filter(|_| order != Ordering::Less);
            if old_entry.is_some() {
                before = next(&mut befores)?;
            }
            if new_entry.is_some() {
                after = next(&mut afters)?;
            }
            let is_same =
                old_entry.zip(new_entry).is_some_and(|(old, new)| old.oid == new.oid && old.mode == new.mode);
            if is_same {
                continue;
            }
            let name = match (&new_entry, &old_entry) {
                (Some(entry), _) => range(&new, entry.filename),
                (None, Some(entry)) => range(&old, entry.filename),
                (None, None) => break,
            };
            rows.push(Row { name, old: old_entry.and_then(side), new: new_entry.and_then(side) });
        }
        Ok(Folder { old, new, path_length, rows: rows.into_iter() })
    }
}

fn next<'t>(entries: &mut TreeRefIter<'t>) -> Result<Option<EntryRef<'t>>, WalkError> {
    entries.next().transpose().map_err(|error| gix::Error::from_error(error).into())
}

/// The size of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    entries: u64,
    path_bytes: u64,
    depth: usize,
}

impl Size {
    fn check(self) -> Result<(), Exceeded> {
        if self.entries > WALK_ENTRIES {
            Err(Exceeded::Entries)
        } else if self.path_bytes > WALK_PATH_BYTES {
            Err(Exceeded::PathBytes)
        } else if self.depth > WALK_DEPTH {
            Err(Exceeded::Depth)
        } else {
            Ok(())
        }
    }

    /// Adds an entry whose name has so many bytes.
    fn add_entry(&mut self, name: usize) {
        self.entries = self.entries.saturating_add(1);
        self.path_bytes = self.path_bytes.saturating_add(name as u64);
    }

    /// Adds what is below an entry whose name has so many bytes.
    fn add_below(&mut self, name: usize, below: Self) {
        self.entries = self.entries.saturating_add(below.entries);
        let more = below.entries.saturating_mul(name as u64 + 1).saturating_add(below.path_bytes);
        self.path_bytes = self.path_bytes.saturating_add(more);
        self.depth = self.depth.max(below.depth + 1);
    }

    /// Measures a pair. Each pair that is met on the way is looked at once.
    fn of(trees: &mut Trees<'_>, top: Pair) -> Result<Self, WalkError> {
        /// A pair that is being measured, and the name that leads to the next one in it.
        struct Open {
            pair: Pair,
            folder: Folder,
            size: Size,
            name: usize,
        }
        let mut known: HashMap<Pair, Self> = HashMap::new();
        let open = |trees: &mut Trees<'_>, pair: Pair| -> Result<Open, WalkError> {
            let folder = trees.compare(pair, 0)?;
            trees.work.take(1)?;
            Ok(Open { pair, folder, size: Self::default(), name: 0 })
        };
        let mut stack = vec![open(trees, top)?];
        while let Some(last) = stack.last_mut() {
            let Some(row) = last.folder.rows.next() else {
                let (pair, size) = (last.pair, last.size);
                stack.pop();
                known.insert(pair, size);
                match stack.last_mut() {
                    Some(above) => above.size.add_below(above.name, size),
                    None => return Ok(size),
                }
                continue;
            };
            let name = row.name.len();
            last.size.add_entry(name);
            let Some(pair) = row.folders() else { continue };
            if let Some(size) = known.get(&pair) {
                last.size.add_below(name, *size);
                continue;
            }
            last.name = name;
            if stack.len() > WALK_DEPTH {
                return Err(Exceeded::Depth.into());
            }
            let below = open(trees, pair)?;
            stack.push(below);
        }
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests;
