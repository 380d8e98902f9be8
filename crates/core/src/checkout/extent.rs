//! The size of everything below a tree, found without walking it: a tree that is there many times is measured once.
//!
//! Twelve trees of ten equal entries each say "10^12 files" in 14 objects. No bound on a walk is as cheap as not to begin
//! it.

use std::collections::HashMap;

use gix::{ObjectId, Repository, objs::tree::EntryKind};

use super::Error;
use crate::limits::{DEPTH, TREE_ENTRIES, TREE_PATHS};

/// Entries that are walked before the tree is measured: most trees are smaller.
const WORTH_MEASURING: usize = 100_000;
/// Bytes of paths that are walked before it is.
const WORTH_MEASURING_BYTES: usize = 16 << 20;

/// The size of everything below a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Files and folders.
    pub entries: u64,
    /// The bytes of their paths, all together.
    pub path_bytes: u64,
    /// Folders in each other, this one included.
    pub depth: usize,
}

impl Extent {
    /// Measures a tree.
    pub fn of(repo: &Repository, tree: ObjectId) -> Result<Self, Error> {
        let mut measured: HashMap<ObjectId, Self> = HashMap::new();
        let mut open = vec![Open::read(repo, tree)?];
        while let Some(last) = open.last_mut() {
            if let Some((below, name)) = last.folders.pop() {
                if let Some(known) = measured.get(&below) {
                    last.add(known, name);
                } else {
                    last.folders.push((below, name));
                    if open.len() >= DEPTH {
                        return Err(Error::TooDeep { tree });
                    }
                    open.push(Open::read(repo, below)?);
                }
            } else {
                let done = open.pop().expect("it is the last one");
                measured.insert(done.id, done.extent);
            }
        }
        let extent = measured[&tree];
        if extent.depth > DEPTH { Err(Error::TooDeep { tree }) } else { Ok(extent) }
    }

    /// Refuses a tree that no project has.
    pub fn check(self, tree: ObjectId) -> Result<(), Error> {
        let is_small = self.entries <= TREE_ENTRIES as u64
            && self.path_bytes <= TREE_PATHS as u64
            && self.depth <= DEPTH;
        if is_small { Ok(()) } else { Err(Error::TooManyFiles { tree }) }
    }
}

/// A tree being measured, with the folders that are still to be added.
struct Open {
    id: ObjectId,
    extent: Extent,
    folders: Vec<(ObjectId, usize)>,
}

impl Open {
    fn read(repo: &Repository, id: ObjectId) -> Result<Self, Error> {
        let read = |source| Error::Read { id, source };
        let object = repo.find_tree(id).map_err(read)?;
        let mut open = Self { id, extent: Extent { depth: 1, ..Extent::default() }, folders: Vec::new() };
        for entry in object.decode().map_err(read)?.entries {
            let length = entry.filename.len();
            open.extent.entries += 1;
            open.extent.path_bytes += length as u64;
            if entry.mode.kind() == EntryKind::Tree {
                open.folders.push((entry.oid.to_owned(), length));
            }
        }
        Ok(open)
    }

    fn add(&mut self, below: &Extent, name: usize) {
        let extent = &mut self.extent;
        let prefixes = below.entries.saturating_mul(name as u64 + 1);
        extent.entries = extent.entries.saturating_add(below.entries);
        extent.path_bytes = extent.path_bytes.saturating_add(below.path_bytes).saturating_add(prefixes);
        extent.depth = extent.depth.max(below.depth + 1);
    }
}

/// Counts what a walk has met, and ends one that would not end.
pub(crate) struct Tally<'r> {
    repo: &'r Repository,
    /// The trees that are walked.
    trees: Vec<ObjectId>,
    entries: usize,
    path_bytes: usize,
    is_measured: bool,
}

impl<'r> Tally<'r> {
    /// Nothing is met yet.
    pub(crate) fn of(repo: &'r Repository, trees: impl IntoIterator<Item = ObjectId>) -> Self {
        Self { repo, trees: trees.into_iter().collect(), entries: 0, path_bytes: 0, is_measured: false }
    }

    /// Counts an entry whose path has so many bytes.
    pub(crate) fn add(&mut self, path: usize) -> Result<(), Error> {
        self.entries += 1;
        self.path_bytes += path;
        if !self.is_measured && (self.entries > WORTH_MEASURING || self.path_bytes > WORTH_MEASURING_BYTES) {
            self.is_measured = true;
            self.trees.iter().try_for_each(|tree| Extent::of(self.repo, *tree)?.check(*tree))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use gix::objs::{Tree, tree};

    use super::*;
    use crate::checkout::{difference, listing};

    fn write(repo: &Repository, names: &[String], kind: EntryKind, oid: ObjectId) -> ObjectId {
        let entry = |name: &String| tree::Entry { mode: kind.into(), filename: name.as_str().into(), oid };
        repo.write_object(Tree { entries: names.iter().map(entry).collect() }).unwrap().detach()
    }

    /// Levels of trees with so many equal entries each.
    fn bomb(repo: &Repository, levels: usize, width: usize, content: &str) -> ObjectId {
        let names: Vec<String> = (0..width).map(|n| format!("{n}")).collect();
        let blob = repo.write_blob(content).unwrap().detach();
        let leaf = write(repo, &names, EntryKind::Blob, blob);
        (1..levels).fold(leaf, |below, _| write(repo, &names, EntryKind::Tree, below))
    }

    #[test]
    fn what_is_there_many_times_is_measured_once() {
        let folder = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap();
        // 3 files, 3 folders with 3 files each: paths of 1 and 3 bytes.
        let extent = Extent::of(&repo, bomb(&repo, 2, 3, "x")).unwrap();
        assert_eq!(extent, Extent { entries: 12, path_bytes: 3 + 9 * 3, depth: 2 });
        let small = bomb(&repo, 3, 4, "x");
        assert_eq!(listing::list(&repo, small).unwrap().len(), 64);
        let large = Extent::of(&repo, bomb(&repo, 12, 10, "x")).unwrap();
        assert!(large.entries > 1_000_000_000_000, "{large:?}");
    }

    #[test]
    fn a_tree_bomb_is_refused_before_it_is_walked_and_equal_ones_are_no_work() {
        let folder = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap();
        let bombs = [bomb(&repo, 12, 10, "one"), bomb(&repo, 12, 10, "two")];
        let empty = repo.write_object(Tree::empty()).unwrap().detach();
        assert!(matches!(listing::list(&repo, bombs[0]), Err(Error::TooManyFiles { .. })));
        for (from, to) in [(empty, bombs[0]), (bombs[0], empty), (bombs[0], bombs[1])] {
            let walked = difference::walk(&repo, from, to, &mut |_| Ok(()));
            assert!(matches!(walked, Err(Error::TooManyFiles { .. })), "{walked:?}");
        }
        // One more file at the top: all else is equal.
        let more = |bomb| {
            let mut tree: Tree = repo.find_tree(bomb).unwrap().decode().unwrap().into();
            let oid = repo.write_blob("more").unwrap().detach();
            tree.entries.push(tree::Entry { mode: EntryKind::Blob.into(), filename: "more".into(), oid });
            repo.write_object(tree).unwrap().detach()
        };
        let mut met = Vec::new();
        difference::walk(&repo, bombs[0], more(bombs[0]), &mut |met_now| {
            met.push(met_now.path.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!(met, ["more"]);
    }

    #[test]
    fn trees_deeper_than_any_path_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap();
        let name = ["d".to_owned()];
        let blob = repo.write_blob("x").unwrap().detach();
        let deep = (0..20_000).fold(write(&repo, &name, EntryKind::Blob, blob), |below, _| {
            write(&repo, &name, EntryKind::Tree, below)
        });
        let empty = repo.write_object(Tree::empty()).unwrap().detach();
        assert!(matches!(listing::list(&repo, deep), Err(Error::TooDeep { .. })));
        assert!(matches!(Extent::of(&repo, deep), Err(Error::TooDeep { .. })));
        let walked = difference::walk(&repo, empty, deep, &mut |_| Ok(()));
        assert!(matches!(walked, Err(Error::TooDeep { .. })), "{walked:?}");
    }
}
