//! Differences as `git diff` writes them: the patch, and `--name-status`.

use azml_core::quote::is_disruptive;
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryMode;

use super::code::{Change, Kind};

/// Digits of an id that a patch shows, as Git does by default.
const ID_DIGITS: usize = 7;

/// The patch of one file: Git's headers, then the hunks.
pub fn patch(change: &Change) -> Vec<u8> {
    match change.halves.as_deref() {
        Some([goes, comes]) => [patch(goes), patch(comes)].concat(),
        None => [header(change), change.hunks.to_vec()].concat(),
    }
}

/// The lines before the hunks.
fn header(change: &Change) -> Vec<u8> {
    let old = change.old_path.as_ref().unwrap_or(&change.path);
    let sides = (below("a", old), below("b", &change.path));
    let mut text = Vec::new();
    let mut line = |parts: &[&[u8]]| {
        text.extend(parts.concat());
        text.push(b'\n');
    };
    let mode = |mode: EntryMode| format!("{:06o}", mode.value()).into_bytes();
    line(&[b"diff --git ", &sides.0, b" ", &sides.1]);
    let mut same_mode = Vec::new();
    match change.modes {
        (None, Some(new)) => line(&[b"new file mode ", &mode(new)]),
        (Some(old), None) => line(&[b"deleted file mode ", &mode(old)]),
        (Some(old), Some(new)) if old != new => {
            line(&[b"old mode ", &mode(old)]);
            line(&[b"new mode ", &mode(new)]);
        }
        (_, Some(same)) => same_mode = [b" ".as_slice(), &mode(same)].concat(),
        (None, None) => {}
    }
    if let Some(similarity) = change.similarity {
        line(&[format!("similarity index {similarity}%").as_bytes()]);
        line(&[b"rename from ", &name(old)]);
        line(&[b"rename to ", &name(&change.path)]);
    }
    if change.ids.0 == change.ids.1 {
        return text;
    }
    let short = |id: Option<ObjectId>| {
        id.map_or_else(|| "0".repeat(ID_DIGITS), |id| id.to_hex_with_len(ID_DIGITS).to_string())
    };
    line(&[format!("index {}..{}", short(change.ids.0), short(change.ids.1)).as_bytes(), &same_mode]);
    let none = || b"/dev/null".to_vec();
    let (old, new) = (
        if change.modes.0.is_some() { sides.0 } else { none() },
        if change.modes.1.is_some() { sides.1 } else { none() },
    );
    // A tab ends a name that has a blank in it.
    let tab = |side: &[u8]| if side.contains(&b' ') { b"\t".as_slice() } else { b"" };
    if change.opaque.is_some() {
        line(&[b"Binary files ", &old, b" and ", &new, b" differ"]);
    } else if !change.hunks.is_empty() {
        line(&[b"--- ", &old, tab(&old)]);
        line(&[b"+++ ", &new, tab(&new)]);
    }
    text
}

/// The line of `--name-status`.
pub fn name_status(change: &Change) -> Vec<u8> {
    let letter = match change.kind {
        Kind::Added => "A".to_owned(),
        Kind::Removed => "D".to_owned(),
        Kind::Modified if change.is_of_another_type() => "T".to_owned(),
        Kind::Modified => "M".to_owned(),
        Kind::Renamed => format!("R{:03}", change.similarity.unwrap_or(100)),
    };
    let names = change.old_path.iter().chain([&change.path]).map(name);
    let mut line = names.fold(letter.into_bytes(), |line, name| [line, name].join(&b'\t'));
    line.push(b'\n');
    line
}

fn below(letter: &str, path: &BString) -> Vec<u8> {
    name(&[letter.as_bytes(), b"/", path].concat().into())
}

/// A name as Git writes it: in quotes if it has control characters, quotes or backslashes, with `core.quotePath=false`; with
/// `true` if it is no text, or disturbs one.
fn name(path: &BString) -> Vec<u8> {
    let is_text = path.to_str().is_ok_and(|text| !text.contains(is_disruptive));
    let needs = |byte: &u8| {
        *byte < b' ' || *byte == 0x7f || matches!(byte, b'"' | b'\\') || (!is_text && !byte.is_ascii())
    };
    if !path.iter().any(needs) {
        return path.to_vec();
    }
    let mut text = vec![b'"'];
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', byte]),
            b'\n' => text.extend(b"\\n"),
            b'\t' => text.extend(b"\\t"),
            b'\r' => text.extend(b"\\r"),
            7 => text.extend(b"\\a"),
            8 => text.extend(b"\\b"),
            11 => text.extend(b"\\v"),
            12 => text.extend(b"\\f"),
            byte if needs(&byte) => text.extend(format!("\\{byte:03o}").into_bytes()),
            byte => text.push(byte),
        }
    }
    text.push(b'"');
    text
}
