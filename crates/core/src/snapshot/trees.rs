//! From what was found to trees and to the next index.

use std::io;

use gix::{
    ObjectId,
    bstr::BStr,
    objs::{Kind as ObjectKind, tree::EntryKind},
};

use super::{
    content::{self, Reader},
    scan::{Item, Node, ScanResult, State},
    store::Store,
};
use crate::stat_index::{Builder, Kind, Known, StatIndex};

/// The tree built of the folder.
pub(super) struct Built {
    /// The tree of all; of no file at all, the empty tree.
    pub(super) tree: ObjectId,
    /// Files in it.
    pub(super) files: usize,
    /// True if one of them is a large file.
    pub(super) has_large: bool,
    /// Each folder's tree, by its number; `None` where that would be empty.
    trees: Vec<Option<ObjectId>>,
    /// True if the index says all of this already.
    pub(super) index_is_current: bool,
}

impl Item {
    fn id(&self, trees: &[Option<ObjectId>]) -> Option<ObjectId> {
        match self.state {
            State::Known(id) | State::Stored(id) => Some(id),
            State::Folder(number) => trees[number],
            State::Fresh | State::Gone => None,
        }
    }
}

/// Makes the trees, from the deepest folder up. A folder that is as the index has it keeps its tree unread.
pub(super) fn build(
    found: &ScanResult,
    index: Option<&StatIndex>,
    reader: &mut Reader<'_>,
    store: &mut Store<'_>,
) -> io::Result<Built> {
    let mut trees = vec![None; found.nodes.len()];
    let (mut files, mut has_large) = (0, false);
    let mut index_is_current = index.is_some();
    let mut bytes = Vec::new();
    for (number, node) in found.nodes.iter().enumerate().rev() {
        if let (Some(count), Some(index), Some(known)) = (node.same, index, node.known) {
            let known = index.folder(known);
            let tree_of_known = |number: usize| found.nodes[number].known.and_then(|n| index.folder(n).tree);
            if node.folders.iter().all(|folder| trees[*folder] == tree_of_known(*folder)) {
                files += count;
                has_large |= known.has_large();
                trees[number] = known.tree;
                continue;
            }
        }
        let node = node.spelled_out(index);
        let node = &*node;
        let mut entries = Vec::with_capacity(node.items.len());
        for item in &node.items {
            if item.excluded {
                continue;
            }
            if let Some(id) = item.id(&trees) {
                files += usize::from(item.kind != Kind::Folder);
                has_large |= item.is_large;
                entries.push((node.name(item), item.kind, id));
            }
        }
        let same = same_as_known(node, index, &trees);
        index_is_current &= same.stats;
        if let (true, Some(index), Some(known)) = (same.content, index, node.known) {
            trees[number] = index.folder(known).tree;
            continue;
        }
        if entries.is_empty() && number != 0 {
            continue;
        }
        // Git sorts a folder as if its name ended in a slash.
        entries.sort_unstable_by(|a, b| tree_order(a).cmp(tree_order(b)));
        bytes.clear();
        for (name, kind, id) in &entries {
            let mode = match kind {
                Kind::File => EntryKind::Blob,
                Kind::Executable => EntryKind::BlobExecutable,
                Kind::Link => EntryKind::Link,
                Kind::Folder => EntryKind::Tree,
            };
            bytes.extend_from_slice(mode.as_octal_str());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_slice());
        }
        let id = content::hash(ObjectKind::Tree, &bytes)?;
        if !store.has(&id)
            && let Some(object) = reader.object(ObjectKind::Tree, id, &bytes)?
        {
            store.add(object)?;
        }
        trees[number] = Some(id);
    }
    let tree = trees[0].unwrap_or_else(|| ObjectId::empty_tree(gix::hash::Kind::Sha1));
    Ok(Built { tree, files, has_large, trees, index_is_current })
}

fn tree_order<'a>(entry: &'a (&BStr, Kind, ObjectId)) -> impl Iterator<Item = u8> + 'a {
    entry.0.iter().copied().chain((entry.1 == Kind::Folder).then_some(b'/'))
}

struct Same {
    /// Names, kinds, and objects are as known: so is the tree.
    content: bool,
    /// The stat data too: so is the index.
    stats: bool,
}

fn same_as_known(node: &Node, index: Option<&StatIndex>, trees: &[Option<ObjectId>]) -> Same {
    let differs = Same { content: false, stats: false };
    let (Some(index), Some(known)) = (index, node.known) else { return differs };
    let folder = index.folder(known);
    let mut next = 0;
    let mut same = Same { content: true, stats: folder.stat == node.stat };
    for item in &node.items {
        if item.state == State::Gone {
            continue;
        }
        if next == folder.len() {
            return differs;
        }
        let entry = folder.entry(next);
        next += 1;
        if entry.name != node.name(item) || entry.kind() != item.kind {
            return differs;
        }
        let known = entry.known();
        if item.id(trees).unwrap_or_else(null) != known.id || item.excluded != known.excluded {
            return differs;
        }
        same.stats &=
            item.kind == Kind::Folder || item.stat == known.stat && item.is_secret == known.is_secret;
    }
    if next == folder.len() { same } else { differs }
}

fn null() -> ObjectId {
    ObjectId::null(gix::hash::Kind::Sha1)
}

/// The next index.
pub(super) fn index(
    found: &ScanResult,
    built: &Built,
    before: Option<&StatIndex>,
    began: (i64, u32),
) -> Builder {
    let mut builder = Builder::new(began);
    for (node, tree) in found.nodes.iter().zip(&built.trees) {
        // A file that could not be read after all, or whose meaning depends on who asks, is no entry, and so its folder is to be listed again.
        let is_known = |item: &Item| !item.is_unfilled && !matches!(item.state, State::Gone | State::Fresh);
        let is_whole = node.items.iter().all(is_known);
        builder.folder(*tree, node.stat.filter(|_| is_whole));
        if let (Some(_), Some(before), Some(known)) = (node.same, before, node.known) {
            let mut folders = node.folders.iter();
            builder.copy(&before.folder(known), || {
                let number = *folders.next()?;
                Some((u32::try_from(number).ok()?, built.trees[number]))
            });
            continue;
        }
        for item in node.items.iter().filter(|item| is_known(item)) {
            let id = item.id(&built.trees).unwrap_or_else(null);
            let child = match item.state {
                State::Folder(number) => u32::try_from(number).ok(),
                _ => None,
            };
            let known = Known {
                kind: item.kind,
                is_secret: item.is_secret,
                excluded: item.excluded,
                is_large: item.is_large,
                stat: item.stat,
                id,
                child,
            };
            builder.entry(node.name(item), &known);
        }
    }
    builder
}
