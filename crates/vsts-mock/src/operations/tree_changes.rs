//! The changes that a push lists, applied one by one to the tree of the commit before.

use gix::ObjectId;
use gix::objs::Kind;

use super::new_objects::NewObjects;
use super::refused::Refused;
use super::tree_edit::{Folder, Node};

/// The parts of a path below the root.
pub(crate) type Path = Vec<String>;

/// A change of a tree.
#[derive(Debug)]
pub(crate) enum TreeChange {
    Add {
        path: Path,
        content: Vec<u8>,
    },
    /// A new content for a file, whose mode stays.
    Edit {
        path: Path,
        content: Vec<u8>,
    },
    /// A file or a folder at another path; a file may have a new content too.
    Rename {
        from: Path,
        to: Path,
        content: Option<Vec<u8>>,
    },
    Delete {
        path: Path,
    },
}

/// Applies changes to a tree, which may be none; the new tree's id.
pub(crate) fn apply(
    objects: &mut NewObjects<'_>,
    base: Option<ObjectId>,
    changes: &[TreeChange],
) -> Result<ObjectId, Refused> {
    let mut root = base.map(|tree| Folder::load(objects, tree)).transpose()?.unwrap_or_default();
    for change in changes {
        apply_one(objects, &mut root, change)?;
    }
    root.write(objects)
}

fn apply_one(objects: &mut NewObjects<'_>, root: &mut Folder, change: &TreeChange) -> Result<(), Refused> {
    let missing = |path: &Path| Refused::NoItem { path: path.join("/") };
    match change {
        TreeChange::Add { path, content } => {
            if root.get(objects, path)?.is_some() {
                return Err(exists(path));
            }
            let id = objects.add(Kind::Blob, content)?;
            put(objects, root, path, Node::file(id))
        }
        TreeChange::Edit { path, content } => match root.get(objects, path)? {
            Some(Node::Kept { mode, .. }) if mode.is_blob_or_symlink() => {
                let id = objects.add(Kind::Blob, content)?;
                put(objects, root, path, Node::Kept { mode, id })
            }
            _ => Err(missing(path)),
        },
        TreeChange::Delete { path } => root.take(objects, path)?.map(|_| ()).ok_or_else(|| missing(path)),
        TreeChange::Rename { from, to, content } => {
            if root.get(objects, to)?.is_some() && from != to {
                return Err(exists(to));
            }
            let taken = root.take(objects, from)?.ok_or_else(|| missing(from))?;
            let node = match (taken, content) {
                (Node::Kept { mode, .. }, Some(content)) if mode.is_blob_or_symlink() => {
                    Node::Kept { mode, id: objects.add(Kind::Blob, content)? }
                }
                (taken, _) => taken,
            };
            put(objects, root, to, node)
        }
    }
}

fn put(objects: &NewObjects<'_>, root: &mut Folder, path: &Path, node: Node) -> Result<(), Refused> {
    root.put(objects, path, node).map_err(|refused| refused.unwrap_or_else(|| exists(path)))
}

fn exists(path: &Path) -> Refused {
    Refused::ItemExists { path: path.join("/") }
}
