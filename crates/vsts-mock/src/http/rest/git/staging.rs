//! The changes that a push lists, applied one by one to the tree of the commit before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gix::ObjectId;
use gix::validate::path::{component, component::Options};
use http::StatusCode;
use serde_json::Value;

use super::super::failure::{Failure, shown};
use super::super::query::choice;
use crate::operations::new_objects::NewObjects;
use crate::operations::tree_edit::{Folder, Node};

/// Bytes that a path may have.
const LONGEST_PATH: usize = 4096;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Add,
    Edit,
    Rename,
    Delete,
}

const KINDS: [(&str, u64, Does); 6] = [
    ("add", 1, Does::Add),
    ("edit", 2, Does::Edit),
    ("rename", 8, Does::Rename),
    ("edit, rename", 10, Does::Rename),
    ("rename, edit", 10, Does::Rename),
    ("delete", 16, Does::Delete),
];

/// A path below the root, checked: what no working tree may hold is refused.
fn path(value: &Value, field: &str) -> Result<Vec<String>, Failure> {
    let text = value.as_str().ok_or_else(|| Failure::missing(field))?;
    let refuse = || Failure::bad(format!("{:?} is not a path that a file may have.", shown(text)));
    let trimmed = text.strip_prefix('/').unwrap_or(text);
    if trimmed.is_empty() || text.len() > LONGEST_PATH || text.contains('\\') {
        return Err(refuse());
    }
    let options = Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    let parts: Vec<String> = trimmed.split('/').map(str::to_owned).collect();
    for part in &parts {
        if part == "." || part == ".." || part.chars().any(char::is_control) {
            return Err(refuse());
        }
        component(part.as_str().into(), None, options).map_err(|_| refuse())?;
    }
    Ok(parts)
}

fn content(value: &Value) -> Result<Option<Vec<u8>>, Failure> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value["content"].as_str().ok_or_else(|| Failure::missing("newContent.content"))?;
    let kinds = [("rawtext", 0, false), ("base64encoded", 1, true)];
    let is_encoded = choice("contentType", &value["contentType"], &kinds)?.unwrap_or(false);
    if !is_encoded {
        return Ok(Some(text.as_bytes().to_vec()));
    }
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(compact);
    decoded.map(Some).map_err(|_| Failure::bad("newContent.content is not base64."))
}

/// Applies the changes to a tree, which may be none; the new tree's id.
pub(super) fn apply(
    objects: &mut NewObjects<'_>,
    base: Option<ObjectId>,
    changes: &[Value],
) -> Result<ObjectId, Failure> {
    let mut root = base.map(|tree| Folder::load(objects, tree)).transpose()?.unwrap_or_default();
    for change in changes {
        let does = choice("changeType", &change["changeType"], &KINDS)?;
        let does = does.ok_or_else(|| Failure::missing("changeType"))?;
        let at = path(&change["item"]["path"], "item.path")?;
        let new = content(&change["newContent"])?;
        one(objects, &mut root, does, &at, new.as_deref(), &change["sourceServerItem"])?;
    }
    Ok(root.write(objects)?)
}

fn one(
    objects: &mut NewObjects<'_>,
    root: &mut Folder,
    does: Does,
    at: &[String],
    new: Option<&[u8]>,
    source: &Value,
) -> Result<(), Failure> {
    let whole = at.join("/");
    let present = root.get(objects, at)?;
    let exists = || {
        let message = format!("TF401193: The item '/{}' exists already.", shown(&whole));
        Failure::new(StatusCode::CONFLICT, "GitItemAlreadyExistsException", message)
    };
    let missing = |path: &str| {
        let message = format!(
            "TF401174: The item '/{}' could not be found in the repository at the version that the push begins with.",
            shown(path)
        );
        Failure::not_found("GitItemNotFoundException", message)
    };
    let content = |objects: &mut NewObjects<'_>| -> Result<ObjectId, Failure> {
        let data = new.ok_or_else(|| Failure::missing("newContent"))?;
        Ok(objects.add(gix::objs::Kind::Blob, data)?)
    };
    match does {
        Does::Add if present.is_some() => Err(exists()),
        Does::Add => {
            let id = content(objects)?;
            root.put(objects, at, Node::file(id))
                .map_err(|refused| refused.map_or_else(exists, Failure::from))
        }
        Does::Edit => match present {
            Some(Node::Kept { mode, .. }) if mode.is_blob_or_symlink() => {
                let id = content(objects)?;
                root.put(objects, at, Node::Kept { mode, id })
                    .map_err(|refused| refused.map_or_else(exists, Failure::from))
            }
            _ => Err(missing(&whole)),
        },
        Does::Delete => {
            present.ok_or_else(|| missing(&whole))?;
            root.take(objects, at)?;
            Ok(())
        }
        Does::Rename => {
            let from = path(source, "sourceServerItem")?;
            if present.is_some() && from != at {
                return Err(exists());
            }
            let taken = root.take(objects, &from)?.ok_or_else(|| missing(&from.join("/")))?;
            let node = match (taken, new) {
                (Node::Kept { mode, .. }, Some(_)) if mode.is_blob_or_symlink() => {
                    Node::Kept { mode, id: content(objects)? }
                }
                (taken, _) => taken,
            };
            root.put(objects, at, node).map_err(|refused| refused.map_or_else(exists, Failure::from))
        }
    }
}
