//! The changes that a push lists, read from its body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gix::validate::path::{component, component::Options};
use serde_json::Value;

use super::super::failure::{Failure, excerpt};
use super::super::query::choice;
use crate::limits::CHANGED_PATH_BYTES;
use crate::operations::tree_changes::TreeChange;

/// The kind of a change.
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
    let refuse = || Failure::bad(format!("{:?} is not a path that a file may have.", excerpt(text)));
    let trimmed = text.strip_prefix('/').unwrap_or(text);
    if trimmed.is_empty() || text.len() > CHANGED_PATH_BYTES || text.contains('\\') {
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

/// The changes of a commit.
pub(super) fn changes(given: &Value) -> Result<Vec<TreeChange>, Failure> {
    given.as_array().into_iter().flatten().map(change).collect()
}

fn change(change: &Value) -> Result<TreeChange, Failure> {
    let does = choice("changeType", &change["changeType"], &KINDS)?;
    let does = does.ok_or_else(|| Failure::missing("changeType"))?;
    let path = path(&change["item"]["path"], "item.path")?;
    let content = content(&change["newContent"])?;
    let needed = |content: Option<Vec<u8>>| content.ok_or_else(|| Failure::missing("newContent"));
    Ok(match does {
        Does::Add => TreeChange::Add { path, content: needed(content)? },
        Does::Edit => TreeChange::Edit { path, content: needed(content)? },
        Does::Rename => {
            let from = self::path(&change["sourceServerItem"], "sourceServerItem")?;
            TreeChange::Rename { from, to: path, content }
        }
        Does::Delete => TreeChange::Delete { path },
    })
}
