//! Trees and blobs that a receiver lacks: everything below a tree, or what differs from trees the receiver has or gets.

use std::cmp::Ordering;
use std::io;

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};

use super::objects::{IdMap, IdSet, Objects};
use super::{Error, Filter};
use crate::Interrupt;

/// After how many objects found, and after how many trees looked into, progress is told.
const PROGRESS_STEP: usize = 2_048;

/// Gathers trees and blobs, each once.
pub(crate) struct Trees<'a> {
    objects: &'a dyn Objects,
    filter: Filter,
    /// The objects to send, in the order found.
    pub(crate) out: Vec<ObjectId>,
    /// The same as a set.
    pub(crate) sent: IdSet,
    /// Trees that were looked into, and how deep they lay, where being sent doesn't say as much.
    entered: IdMap<u64>,
    /// The objects that the receiver has, as far as comparing trees has shown.
    pub(crate) known: IdSet,
    progress: &'a mut dyn FnMut(usize) -> io::Result<()>,
    /// Objects counted elsewhere, for the progress.
    base: usize,
    looked: usize,
    interrupt: Interrupt,
    buffers: Vec<Vec<u8>>,
}

/// A tree to compare with its counterparts, and how deep it lies.
struct Comparison {
    tree: ObjectId,
    parents: Vec<Parent>,
    depth: u64,
}

/// The entries without counterpart that a comparison found, and their depth.
#[derive(Default)]
struct New {
    trees: Vec<(ObjectId, u64)>,
    blobs: Vec<(ObjectId, u64)>,
}

/// A tree to compare with, and whether the receiver has it already or is going to get it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    /// The tree.
    pub(crate) tree: ObjectId,
    /// True if the receiver has it, and all below it.
    pub(crate) had: bool,
}

impl<'a> Trees<'a> {
    /// Reads from `objects`; tells `progress` the number of objects so far on top of `base`.
    pub(crate) fn new(
        objects: &'a dyn Objects,
        filter: Filter,
        base: usize,
        progress: &'a mut dyn FnMut(usize) -> io::Result<()>,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            objects,
            filter,
            out: Vec::new(),
            sent: IdSet::default(),
            entered: IdMap::default(),
            known: IdSet::default(),
            progress,
            base,
            looked: 0,
            interrupt,
            buffers: Vec::new(),
        }
    }

    /// Sends `id` whatever the filter says: it was asked for by name.
    pub(crate) fn add_wanted(&mut self, id: ObjectId) -> Result<(), Error> {
        self.add(id).map(|_| ())
    }

    /// Sends the tree `id`, asked for by name, and what the filter lets through below it, where depth begins anew.
    pub(crate) fn add_wanted_tree(&mut self, id: ObjectId) -> Result<(), Error> {
        self.add(id)?;
        if self.filter_lets_any() && !self.known.contains(&id) { self.add_below(id, 0) } else { Ok(()) }
    }

    /// Adds all that is reachable from the commit's tree `root`, itself included.
    pub(crate) fn add_all(&mut self, root: ObjectId) -> Result<(), Error> {
        self.add_tree(root, 0)
    }

    fn add_tree(&mut self, tree: ObjectId, depth: u64) -> Result<(), Error> {
        if !self.known.contains(&tree) && self.enter(tree, depth)? {
            self.add_below(tree, depth + 1)?;
        }
        Ok(())
    }

    /// Adds what is below `tree`, whose entries are at `depth`.
    fn add_below(&mut self, tree: ObjectId, depth: u64) -> Result<(), Error> {
        let mut pending = vec![(tree, depth)];
        let mut buffer = self.buffers.pop().unwrap_or_default();
        while let Some((tree, depth)) = pending.pop() {
            self.look_into(tree, &mut buffer)?;
            for entry in TreeRefIter::from_bytes(&buffer, tree.kind()) {
                let entry = entry.map_err(|_| Error::Malformed { id: tree, expected: "tree" })?;
                let id = entry.oid.to_owned();
                match entry.mode.kind() {
                    EntryKind::Commit => {}
                    EntryKind::Tree => {
                        if !self.known.contains(&id) && self.enter(id, depth)? {
                            pending.push((id, depth + 1));
                        }
                    }
                    EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                        self.add_blob(id, depth)?;
                    }
                }
            }
        }
        self.buffers.push(buffer);
        Ok(())
    }

    /// Adds what is reachable from the commit's tree `root` and not, at the same place, from one of `parents`.
    pub(crate) fn add_difference(&mut self, root: ObjectId, parents: &[Parent]) -> Result<(), Error> {
        if parents.is_empty() {
            return self.add_all(root);
        }
        // What has no counterpart waits until all differences have shown what the receiver has: it may have moved.
        let mut new = New::default();
        let mut pending = vec![Comparison { tree: root, parents: parents.to_vec(), depth: 0 }];
        while let Some(next) = pending.pop() {
            let is_there = next.parents.iter().any(|parent| parent.tree == next.tree);
            if !is_there && !self.known.contains(&next.tree) && self.enter(next.tree, next.depth)? {
                self.compare(&next, &mut pending, &mut new)?;
            }
        }
        for (tree, depth) in new.trees {
            self.add_tree(tree, depth)?;
        }
        for (blob, depth) in new.blobs {
            self.add_blob(blob, depth)?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        Comparison { tree, parents, depth }: &Comparison,
        pending: &mut Vec<Comparison>,
        new: &mut New,
    ) -> Result<(), Error> {
        let (tree, depth) = (*tree, depth + 1);
        let mut buffer = self.buffers.pop().unwrap_or_default();
        self.look_into(tree, &mut buffer)?;
        let mut parent_buffers = Vec::with_capacity(parents.len());
        for parent in parents {
            let mut buffer = self.buffers.pop().unwrap_or_default();
            self.objects.expect(&parent.tree, Kind::Tree, &mut buffer)?;
            parent_buffers.push(buffer);
        }
        let mut cursors: Vec<_> = parents
            .iter()
            .zip(&parent_buffers)
            .map(|(parent, buffer)| (parent, TreeRefIter::from_bytes(buffer, parent.tree.kind()).peekable()))
            .collect();
        for entry in TreeRefIter::from_bytes(&buffer, tree.kind()) {
            let entry = entry.map_err(|_| Error::Malformed { id: tree, expected: "tree" })?;
            let mut is_there = false;
            let mut subtrees = Vec::new();
            for (parent, cursor) in &mut cursors {
                while let Some(other) = cursor.peek() {
                    let Ok(other) = other else {
                        return Err(Error::Malformed { id: parent.tree, expected: "tree" });
                    };
                    let order = gix::objs::tree::name_order(
                        other.filename,
                        other.mode.is_tree(),
                        entry.filename,
                        entry.mode.is_tree(),
                    );
                    if order == Ordering::Greater {
                        break;
                    }
                    // The id of a submodule's commit is no object of this repository, whatever else has that id.
                    if !other.mode.is_commit() {
                        // A commit that is sent before this one may have the tree from one that the receiver has.
                        let had = parent.had || self.known.contains(other.oid);
                        if had {
                            self.known.insert(other.oid.to_owned());
                        }
                        if order == Ordering::Equal && other.oid == entry.oid {
                            is_there = true;
                        } else if order == Ordering::Equal && other.mode.is_tree() && entry.mode.is_tree() {
                            subtrees.push(Parent { tree: other.oid.to_owned(), had });
                        }
                    }
                    cursor.next();
                }
            }
            let id = entry.oid.to_owned();
            match entry.mode.kind() {
                _ if is_there => {}
                EntryKind::Commit => {}
                EntryKind::Tree if subtrees.is_empty() => new.trees.push((id, depth)),
                EntryKind::Tree => pending.push(Comparison { tree: id, parents: subtrees, depth }),
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => new.blobs.push((id, depth)),
            }
        }
        for (parent, cursor) in cursors.into_iter().filter(|(parent, _)| parent.had) {
            for other in cursor {
                let other = other.map_err(|_| Error::Malformed { id: parent.tree, expected: "tree" })?;
                if !other.mode.is_commit() {
                    self.known.insert(other.oid.to_owned());
                }
            }
        }
        self.buffers.push(buffer);
        self.buffers.append(&mut parent_buffers);
        Ok(())
    }

    /// Reads a tree, and says now and then that there's still work going on.
    fn look_into(&mut self, tree: ObjectId, buffer: &mut Vec<u8>) -> Result<(), Error> {
        if self.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        self.objects.expect(&tree, Kind::Tree, buffer)?;
        self.looked += 1;
        if self.looked.is_multiple_of(PROGRESS_STEP) {
            (self.progress)(self.base + self.out.len()).map_err(Error::Send)?;
        }
        Ok(())
    }

    fn filter_lets_any(&self) -> bool {
        self.filter.lets(Kind::Tree) || self.filter.lets(Kind::Blob)
    }

    /// Adds the tree `id` if the filter lets it through; whether to look into it.
    fn enter(&mut self, id: ObjectId, depth: u64) -> Result<bool, Error> {
        let filter = self.filter;
        if filter.is_nothing() {
            return self.add(id);
        }
        if !filter.reaches(depth) || !self.filter_lets_any() {
            return Ok(false);
        }
        if filter.lets(Kind::Tree) {
            let is_new = self.add(id)?;
            if !filter.minds_depth() {
                return Ok(is_new);
            }
        }
        let before = self.entered.entry(id).or_insert(u64::MAX);
        // Less deep than before, more of it may be let through.
        let is_worth_it = if filter.minds_depth() { depth < *before } else { *before == u64::MAX };
        if is_worth_it {
            *before = depth;
        }
        Ok(is_worth_it && filter.reaches(depth + 1))
    }

    fn add_blob(&mut self, id: ObjectId, depth: u64) -> Result<(), Error> {
        if !self.filter.lets(Kind::Blob) || !self.filter.reaches(depth) || self.known.contains(&id) {
            return Ok(());
        }
        if let Some(limit) = self.filter.size_limit()
            && !self.sent.contains(&id)
            && self.objects.header(&id)?.ok_or(Error::Missing(id))?.1 >= limit
        {
            return Ok(());
        }
        self.add(id).map(|_| ())
    }

    /// Adds `id` if it isn't yet; whether it wasn't.
    fn add(&mut self, id: ObjectId) -> Result<bool, Error> {
        let is_new = self.sent.insert(id);
        if is_new {
            self.out.push(id);
            if self.out.len().is_multiple_of(PROGRESS_STEP) {
                (self.progress)(self.base + self.out.len()).map_err(Error::Send)?;
            }
        }
        Ok(is_new)
    }
}
