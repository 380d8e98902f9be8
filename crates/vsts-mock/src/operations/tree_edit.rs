//! A tree that is being edited. Only the trees on the way to a change are read; all others are kept by their ids.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::{EntryKind, EntryMode};
use gix::objs::{Kind, TreeRefIter};

use super::new_objects::NewObjects;
use super::refused::Refused;

/// An entry of a folder.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Kept { mode: EntryMode, id: ObjectId },
    Folder(Folder),
}

impl Node {
    /// A new file.
    pub(crate) fn file(id: ObjectId) -> Self {
        Self::Kept { mode: EntryKind::Blob.into(), id }
    }
}

/// A folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder(BTreeMap<BString, Node>);

impl Folder {
    /// Reads a tree.
    pub(crate) fn load(objects: &NewObjects<'_>, tree: ObjectId) -> Result<Self, Refused> {
        let data = objects.tree(tree)?;
        let mut entries = BTreeMap::new();
        for entry in TreeRefIter::from_bytes(&data, gix::hash::Kind::Sha1) {
            let entry = entry.map_err(Refused::internal)?;
            entries
                .insert(entry.filename.to_owned(), Node::Kept { mode: entry.mode, id: entry.oid.to_owned() });
        }
        Ok(Self(entries))
    }

    /// The folder of that name in this one, read if it has to be; `None` if there is none.
    fn below(&mut self, objects: &NewObjects<'_>, name: &str) -> Result<Option<&mut Self>, Refused> {
        let Some(node) = self.0.get_mut(name.as_bytes().as_bstr()) else { return Ok(None) };
        if let Node::Kept { mode, id } = node
            && mode.is_tree()
        {
            *node = Node::Folder(Self::load(objects, *id)?);
        }
        match node {
            Node::Folder(folder) => Ok(Some(folder)),
            Node::Kept { .. } => Ok(None),
        }
    }

    fn parent(&mut self, objects: &NewObjects<'_>, path: &[String]) -> Result<Option<&mut Self>, Refused> {
        let mut folder = self;
        for name in path {
            match folder.below(objects, name)? {
                Some(next) => folder = next,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// An entry at a path.
    pub(crate) fn get(&mut self, objects: &NewObjects<'_>, path: &[String]) -> Result<Option<Node>, Refused> {
        let Some((name, above)) = path.split_last() else { return Ok(None) };
        let folder = self.parent(objects, above)?;
        Ok(folder.and_then(|folder| folder.0.get(name.as_bytes().as_bstr()).cloned()))
    }

    /// Puts something at a path, making folders on the way. `Err(None)` if a file is in the way.
    pub(crate) fn put(
        &mut self,
        objects: &NewObjects<'_>,
        path: &[String],
        node: Node,
    ) -> Result<(), Option<Refused>> {
        let Some((name, above)) = path.split_last() else { return Err(None) };
        let mut folder = self;
        for name in above {
            if !folder.0.contains_key(name.as_bytes().as_bstr()) {
                folder.0.insert(name.as_str().into(), Node::Folder(Self::default()));
            }
            folder = folder.below(objects, name).map_err(Some)?.ok_or(None)?;
        }
        folder.0.insert(name.as_str().into(), node);
        Ok(())
    }

    /// Takes away what is at a path.
    pub(crate) fn take(
        &mut self,
        objects: &NewObjects<'_>,
        path: &[String],
    ) -> Result<Option<Node>, Refused> {
        let Some((name, above)) = path.split_last() else { return Ok(None) };
        let folder = self.parent(objects, above)?;
        Ok(folder.and_then(|folder| folder.0.remove(name.as_bytes().as_bstr())))
    }

    /// Writes the tree and all new ones below it; its id. Folders with nothing in them are left out.
    pub(crate) fn write(self, objects: &mut NewObjects<'_>) -> Result<ObjectId, Refused> {
        let mut entries = Vec::with_capacity(self.0.len());
        for (name, node) in self.0 {
            let (mode, id) = match node {
                Node::Kept { mode, id } => (mode, id),
                Node::Folder(folder) if folder.is_empty() => continue,
                Node::Folder(folder) => (EntryKind::Tree.into(), folder.write(objects)?),
            };
            // Git sorts folders as if their names ended in a slash.
            let mut key = name.clone();
            if mode.is_tree() {
                key.push(b'/');
            }
            entries.push((key, name, mode, id));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut data = Vec::new();
        for (_, name, mode, id) in entries {
            data.extend_from_slice(format!("{:o} ", mode.value()).as_bytes());
            data.extend_from_slice(&name);
            data.push(0);
            data.extend_from_slice(id.as_slice());
        }
        objects.add(Kind::Tree, &data)
    }

    fn is_empty(&self) -> bool {
        self.0.values().all(|node| matches!(node, Node::Folder(folder) if folder.is_empty()))
    }
}
