//! The nodes of a scan: folders, and the files, links and folders in them.

use std::borrow::Cow;

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
};

use crate::{
    snapshot::LeftOut,
    stat_index::{Folder, Kind, Stat, StatIndex},
};

/// The state of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As the index has it.
    Known(ObjectId),
    /// New or changed: it has to be read.
    Fresh,
    /// Read and stored.
    Stored(ObjectId),
    /// A folder, by its node's number.
    Folder(usize),
    /// Not in the snapshot after all.
    Gone,
}

/// A file, link or folder.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: (usize, usize),
    pub(crate) kind: Kind,
    pub(crate) stat: Stat,
    pub(crate) state: State,
    /// Its content looks like a secret's.
    pub(crate) is_secret: bool,
    /// It is not in the tree, being a secret.
    pub(crate) excluded: bool,
    /// It is a large file: its object is the pointer in its place.
    pub(crate) is_large: bool,
    /// It is the text of a pointer whose bytes were not brought: the index does not have it.
    pub(crate) is_unfilled: bool,
    /// `.amlignore` takes it in by name.
    pub(crate) force_included: bool,
}

/// A folder that was looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) path: BString,
    pub(crate) names: Vec<u8>,
    /// By name; none where the index has them all.
    pub(crate) items: Vec<Item>,
    /// Its number in the index, if it was there.
    pub(crate) known: Option<u32>,
    /// Its own stat data, if each of its names is one of its items.
    pub(crate) stat: Option<Stat>,
    /// All files and links are as the index has them, and there are so many.
    pub(crate) same: Option<usize>,
    /// Then the numbers of its folders, by name.
    pub(crate) folders: Vec<usize>,
}

impl Node {
    pub(crate) fn name(&self, item: &Item) -> &BStr {
        self.names[item.name.0..item.name.1].as_bstr()
    }

    /// With its items spelled out, also where the index has them all.
    pub(crate) fn spelled_out(&self, index: Option<&StatIndex>) -> Cow<'_, Self> {
        match (self.same, index, self.known) {
            (Some(_), Some(index), Some(known)) => {
                let mut node = self.clone();
                node.same = None;
                node.take_known(&index.folder(known), Vec::new());
                Cow::Owned(node)
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Makes items of a known folder's entries. `changes` says by entry what is not as known: another item, or none.
    pub(crate) fn take_known(&mut self, known: &Folder<'_>, changes: Vec<(usize, Option<Item>)>) {
        let mut changes = changes.into_iter().peekable();
        let mut folders = self.folders.iter();
        for n in 0..known.len() {
            let entry = known.entry(n);
            let change = changes.next_if(|(at, _)| *at == n);
            if let Some((_, None)) = change {
                continue;
            }
            let start = self.names.len();
            self.names.extend_from_slice(entry.name);
            let name = (start, self.names.len());
            if let Some((_, Some(item))) = change {
                self.items.push(Item { name, ..item });
                continue;
            }
            let known = entry.known();
            let state = match known.kind {
                Kind::Folder => folders.next().map_or(State::Gone, |number| State::Folder(*number)),
                _ => State::Known(known.id),
            };
            self.items.push(Item {
                name,
                kind: known.kind,
                stat: known.stat,
                state,
                is_secret: known.is_secret,
                excluded: known.excluded,
                is_large: known.is_large,
                is_unfilled: false,
                force_included: false,
            });
        }
    }

    /// The path of one of its items, relative to the project folder.
    pub(crate) fn path_of(&self, item: &Item) -> BString {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.name(item));
        path
    }
}

/// All that was found. A folder's number is greater than that of the folder it is in.
#[derive(Debug)]
pub(crate) struct ScanResult {
    pub(crate) nodes: Vec<Node>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// A path in bytes as the system's.
pub(crate) fn system_path(path: &BStr) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}
