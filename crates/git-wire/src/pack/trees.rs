//! Trees and blobs that a receiver lacks: everything below a tree, or what differs from trees the receiver has or gets.

use std::cmp::Ordering;
use std::io;

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};

use super::objects::{IdSet, Objects};
use super::{Error, Filter};

/// How often progress is told.
const PROGRESS_STEP: usize = 2_048;

/// Gathers trees and blobs, each once.
pub(crate) struct Trees<'a> {
    objects: &'a dyn Objects,
    filter: Filter,
    /// What goes into the pack, in the order found.
    pub(crate) out: Vec<ObjectId>,
    /// The same as a set.
    sent: IdSet,
    /// What the receiver has, as far as comparing trees has shown.
    pub(crate) known: IdSet,
    progress: &'a mut dyn FnMut(usize) -> io::Result<()>,
    /// Objects counted elsewhere, for the progress.
    base: usize,
    buffers: Vec<Vec<u8>>,
}

/// A tree to compare with, and whether the receiver has it already or is going to get it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    /// The tree.
    pub(crate) tree: ObjectId,
    /// Whether the receiver has it, and all below it.
    pub(crate) had: bool,
}

impl<'a> Trees<'a> {
    /// Reads from `objects`; tells `progress` the number of objects so far on top of `base`.
    pub(crate) fn new(
        objects: &'a dyn Objects,
        filter: Filter,
        base: usize,
        progress: &'a mut dyn FnMut(usize) -> io::Result<()>,
    ) -> Self {
        Self {
            objects,
            filter,
            out: Vec::new(),
            sent: IdSet::default(),
            known: IdSet::default(),
            progress,
            base,
            buffers: Vec::new(),
        }
    }

    /// Sends `id` whatever the filter says: it was asked for by name.
    pub(crate) fn add_wanted(&mut self, id: ObjectId) -> Result<(), Error> {
        self.add(id).map(|_| ())
    }

    /// Adds all that is reachable from the tree `root`, itself included.
    pub(crate) fn add_all(&mut self, root: ObjectId) -> Result<(), Error> {
        if self.filter == Filter::Trees || self.known.contains(&root) || !self.add(root)? {
            return Ok(());
        }
        let mut pending = vec![root];
        let mut buffer = self.buffers.pop().unwrap_or_default();
        while let Some(tree) = pending.pop() {
            self.objects.expect(&tree, Kind::Tree, &mut buffer)?;
            for entry in TreeRefIter::from_bytes(&buffer, tree.kind()) {
                let entry = entry.map_err(|_| Error::Malformed { id: tree, expected: "tree" })?;
                let id = entry.oid.to_owned();
                match entry.mode.kind() {
                    EntryKind::Commit => {}
                    EntryKind::Tree => {
                        if !self.known.contains(&id) && self.add(id)? {
                            pending.push(id);
                        }
                    }
                    EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => self.add_blob(id)?,
                }
            }
        }
        self.buffers.push(buffer);
        Ok(())
    }

    /// Adds what is reachable from the tree `root` and not, at the same place, from one of `parents`.
    pub(crate) fn add_difference(&mut self, root: ObjectId, parents: &[Parent]) -> Result<(), Error> {
        if self.filter == Filter::Trees {
            return Ok(());
        }
        if parents.is_empty() {
            return self.add_all(root);
        }
        // What has no counterpart waits until all differences have shown what the receiver has: it may have moved.
        let mut new_trees = Vec::new();
        let mut new_blobs = Vec::new();
        let mut pending = vec![(root, parents.to_vec())];
        while let Some((tree, parents)) = pending.pop() {
            if parents.iter().any(|parent| parent.tree == tree)
                || self.known.contains(&tree)
                || !self.add(tree)?
            {
                continue;
            }
            self.compare(tree, &parents, &mut pending, &mut new_trees, &mut new_blobs)?;
        }
        for tree in new_trees {
            self.add_all(tree)?;
        }
        for blob in new_blobs {
            self.add_blob(blob)?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        tree: ObjectId,
        parents: &[Parent],
        pending: &mut Vec<(ObjectId, Vec<Parent>)>,
        new_trees: &mut Vec<ObjectId>,
        new_blobs: &mut Vec<ObjectId>,
    ) -> Result<(), Error> {
        let mut buffer = self.buffers.pop().unwrap_or_default();
        self.objects.expect(&tree, Kind::Tree, &mut buffer)?;
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
                    if order == Ordering::Equal && other.oid == entry.oid {
                        is_there = true;
                    } else {
                        if parent.had && !other.mode.is_commit() {
                            self.known.insert(other.oid.to_owned());
                        }
                        if order == Ordering::Equal && other.mode.is_tree() && entry.mode.is_tree() {
                            subtrees.push(Parent { tree: other.oid.to_owned(), had: parent.had });
                        }
                    }
                    cursor.next();
                }
            }
            let id = entry.oid.to_owned();
            match entry.mode.kind() {
                _ if is_there => {}
                EntryKind::Commit => {}
                EntryKind::Tree if subtrees.is_empty() => new_trees.push(id),
                EntryKind::Tree => pending.push((id, subtrees)),
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => new_blobs.push(id),
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

    fn add_blob(&mut self, id: ObjectId) -> Result<(), Error> {
        let is_left_out = match self.filter {
            Filter::Nothing => false,
            Filter::Blobs | Filter::Trees => true,
            Filter::BlobsFrom(limit) => {
                !self.sent.contains(&id) && self.objects.header(&id)?.ok_or(Error::Missing(id))?.1 >= limit
            }
        };
        if !is_left_out && !self.known.contains(&id) {
            self.add(id)?;
        }
        Ok(())
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
