//! Git's rules for objects, those of `receive.fsckObjects`: what breaks one is refused, because some client would be
//! confused or harmed by it. Messages begin with Git's own name of the rule.

mod special;

use std::cmp::Ordering;

use bstr::{BStr, ByteSlice};
use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use gix::validate::path::component;

use special::{GITATTRIBUTES, GITMODULES};
pub(super) use special::{gitattributes, gitmodules};

/// The most bytes of one name in a tree.
const MAX_NAME: usize = 4_096;

/// A statement of one object about another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// It points there, to an object of that kind.
    To(ObjectId, Kind),
    /// It's a commit with that parent.
    Parent(ObjectId),
    /// That blob is a `.gitmodules` file.
    GitModules(ObjectId),
    /// That blob is a `.gitattributes` file.
    GitAttributes(ObjectId),
}

/// Reports what a commit, tree or tag points to, and checks it if `strict`; what can't be taken apart is refused anyway.
pub(super) fn object(
    kind: Kind,
    bytes: &[u8],
    strict: bool,
    note: &mut dyn FnMut(Link),
) -> Result<(), String> {
    match kind {
        Kind::Blob => Ok(()),
        Kind::Commit => commit(bytes, strict, note),
        Kind::Tag => tag(bytes, strict, note),
        Kind::Tree => tree(bytes, strict, note),
    }
}

fn rule<T>(name: &str, message: impl AsRef<str>) -> Result<T, String> {
    Err(format!("{name}: {}", message.as_ref()))
}

/// Takes lines off the header of a commit or tag.
struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    /// The value of the next line, if that line begins with `key` and a space.
    fn take(&mut self, key: &str) -> Option<&'a [u8]> {
        let value = self.0.strip_prefix(key.as_bytes())?.strip_prefix(b" ")?;
        let end = value.find_byte(b'\n')?;
        self.0 = &value[end + 1..];
        Some(&value[..end])
    }

    fn take_id(&mut self, key: &str) -> Option<Result<ObjectId, ()>> {
        let value = self.take(key)?;
        let is_plain =
            value.len() == 40 && value.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        Some(if is_plain { ObjectId::from_hex(value).map_err(|_| ()) } else { Err(()) })
    }
}

fn terminated(bytes: &[u8], strict: bool) -> Result<(), String> {
    let end = bytes.find(b"\n\n").map_or(bytes.len(), |at| at + 1);
    if bytes[..end].contains(&0) {
        return rule("nulInHeader", "unterminated header: a NUL byte in it");
    }
    if end == bytes.len() && bytes.last() != Some(&b'\n') {
        return rule("unterminatedHeader", "the header doesn't end in a line feed");
    }
    if strict && bytes[end..].contains(&0) {
        return rule("nulInCommit", "a NUL byte in the body");
    }
    Ok(())
}

fn commit(bytes: &[u8], strict: bool, note: &mut dyn FnMut(Link)) -> Result<(), String> {
    terminated(bytes, strict)?;
    let mut header = Header(bytes);
    match header.take_id("tree") {
        None => return rule("missingTree", "invalid format - expected 'tree' line"),
        Some(Err(())) => return rule("badTreeSha1", "invalid 'tree' line format - bad sha1"),
        Some(Ok(tree)) => note(Link::To(tree, Kind::Tree)),
    }
    while let Some(parent) = header.take_id("parent") {
        match parent {
            Ok(parent) => note(Link::Parent(parent)),
            Err(()) => return rule("badParentSha1", "invalid 'parent' line format - bad sha1"),
        }
    }
    let Some(author) = header.take("author") else {
        return rule("missingAuthor", "invalid format - expected 'author' line");
    };
    if strict {
        identity(author)?;
        if header.0.starts_with(b"author ") {
            return rule("multipleAuthors", "invalid format - multiple 'author' lines");
        }
    }
    match header.take("committer") {
        None => rule("missingCommitter", "invalid format - expected 'committer' line"),
        Some(committer) if strict => identity(committer),
        Some(_) => Ok(()),
    }
}

fn tag(bytes: &[u8], strict: bool, note: &mut dyn FnMut(Link)) -> Result<(), String> {
    terminated(bytes, false)?;
    let mut header = Header(bytes);
    let target = match header.take_id("object") {
        None => return rule("missingObject", "invalid format - expected 'object' line"),
        Some(Err(())) => return rule("badObjectSha1", "invalid 'object' line format - bad sha1"),
        Some(Ok(target)) => target,
    };
    let Some(kind) = header.take("type") else {
        return rule("missingTypeEntry", "invalid format - expected 'type' line");
    };
    let Ok(kind) = Kind::from_bytes(kind) else { return rule("badType", "invalid 'type' value") };
    note(Link::To(target, kind));
    if header.take("tag").is_none() {
        return rule("missingTagEntry", "invalid format - expected 'tag' line");
    }
    match header.take("tagger") {
        Some(tagger) if strict => identity(tagger),
        // Old tags have none.
        _ => Ok(()),
    }
}

/// `Name <mail> seconds zone`.
fn identity(line: &[u8]) -> Result<(), String> {
    let Some(open) = line.find_byteset(b"<>") else {
        return rule("missingEmail", "invalid author/committer line - missing email");
    };
    if line[open] == b'>' {
        return rule("badName", "invalid author/committer line - bad name");
    }
    if open == 0 {
        return rule("missingNameBeforeEmail", "invalid author/committer line - missing name before email");
    }
    if line[open - 1] != b' ' {
        return rule("missingSpaceBeforeEmail", "invalid author/committer line - missing space before email");
    }
    let mail = &line[open + 1..];
    let Some(close) = mail.find_byteset(b"<>").filter(|at| mail[*at] == b'>') else {
        return rule("badEmail", "invalid author/committer line - bad email");
    };
    let Some(rest) = mail[close + 1..].strip_prefix(b" ") else {
        return rule("missingSpaceBeforeDate", "invalid author/committer line - missing space before date");
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 1 && rest[0] == b'0' {
        return rule("zeroPaddedDate", "invalid author/committer line - zero-padded date");
    }
    let Ok(_) = rest[..digits].to_str_lossy().parse::<i64>() else {
        let name = if digits == 0 { "badDate" } else { "badDateOverflow" };
        return rule(name, "invalid author/committer line - bad date");
    };
    match rest[digits..].strip_prefix(b" ") {
        Some([b'+' | b'-', zone @ ..]) if zone.len() == 4 && zone.iter().all(u8::is_ascii_digit) => Ok(()),
        Some(_) => rule("badTimezone", "invalid author/committer line - bad time zone"),
        None => rule("badDate", "invalid author/committer line - bad date"),
    }
}

fn tree(bytes: &[u8], strict: bool, note: &mut dyn FnMut(Link)) -> Result<(), String> {
    let mut rest = bytes;
    let mut previous: Option<(&BStr, bool)> = None;
    // Folders whose names a later file might repeat, with names in between: `a`, `a.b`, `a/`.
    let mut files_to_repeat: Vec<&BStr> = Vec::new();
    while !rest.is_empty() {
        let Some((mode, name, id, after)) = entry(rest) else {
            return rule("badTree", "cannot be parsed as a tree");
        };
        rest = after;
        let kind = kind_of(mode)?;
        if mode.starts_with(b"0") && strict {
            return rule("zeroPaddedFilemode", "contains zero-padded file modes");
        }
        if id.is_null() && strict {
            return rule("nullSha1", "contains entries pointing to null sha1");
        }
        if strict {
            check_name(mode, name, kind)?;
        }
        let is_tree = kind == EntryKind::Tree;
        if let Some((before, before_is_tree)) = previous {
            if before == name {
                return rule("duplicateEntries", "contains duplicate file entries");
            }
            if gix::objs::tree::name_order(before, before_is_tree, name, is_tree) != Ordering::Less {
                return rule("treeNotSorted", "not properly sorted");
            }
            files_to_repeat.retain(|file| name.starts_with(file));
            if is_tree && files_to_repeat.contains(&name) {
                return rule("duplicateEntries", "contains duplicate file entries");
            }
        }
        if !is_tree {
            files_to_repeat.push(name);
        }
        previous = Some((name, is_tree));
        match kind {
            EntryKind::Commit => {}
            EntryKind::Tree => note(Link::To(id, Kind::Tree)),
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                note(Link::To(id, Kind::Blob));
                if GITMODULES.is(name) {
                    note(Link::GitModules(id));
                } else if kind != EntryKind::Link && GITATTRIBUTES.is(name) {
                    note(Link::GitAttributes(id));
                }
            }
        }
    }
    Ok(())
}

/// Mode, name and id of the entry that `bytes` begin with, and what follows.
fn entry(bytes: &[u8]) -> Option<(&[u8], &BStr, ObjectId, &[u8])> {
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let (mode, rest) = (&bytes[..space], &bytes[space + 1..]);
    let end = rest.find_byte(0)?;
    let (id, after) = rest[end + 1..].split_at_checked(20)?;
    Some((mode, rest[..end].as_bstr(), ObjectId::from_bytes_or_panic(id), after))
}

/// Returns the kind of an entry. Odd permissions are accepted, as Git does: history is full of them.
fn kind_of(mode: &[u8]) -> Result<EntryKind, String> {
    let digit = |digit: &u8| matches!(digit, b'0'..=b'7').then(|| u32::from(digit - b'0'));
    let value = mode.iter().try_fold(0_u32, |value, byte| Some(value << 3 | digit(byte)?));
    let Some(value) = value.filter(|_| !mode.is_empty()) else {
        return rule("badTree", "cannot be parsed as a tree: malformed mode");
    };
    match value & !0o7777 {
        0o040_000 => Ok(EntryKind::Tree),
        0o100_000 if value & 0o100 != 0 => Ok(EntryKind::BlobExecutable),
        0o100_000 => Ok(EntryKind::Blob),
        0o120_000 => Ok(EntryKind::Link),
        0o160_000 => Ok(EntryKind::Commit),
        _ => rule("badFilemode", format!("contains bad file modes: {}", mode.as_bstr())),
    }
}

fn check_name(mode: &[u8], name: &BStr, kind: EntryKind) -> Result<(), String> {
    if name.contains(&b'/') {
        return rule("fullPathname", "contains full pathnames");
    }
    if name.len() > MAX_NAME {
        return rule("largePathname", "contains excessively large pathname");
    }
    let mode_option = (mode == b"120000").then_some(component::Mode::Symlink);
    let options = component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    match component(name, mode_option, options) {
        Ok(_) => {}
        Err(component::Error::Empty) => return rule("emptyName", "contains empty pathname"),
        Err(component::Error::Relative) if name == "." => return rule("hasDot", "contains '.'"),
        Err(component::Error::Relative) => return rule("hasDotdot", "contains '..'"),
        Err(component::Error::SymlinkedGitModules) => {
            return rule("gitmodulesSymlink", ".gitmodules is a symbolic link");
        }
        Err(_) => return rule("hasDotgit", "contains '.git'"),
    }
    // On Windows a backslash separates, too.
    let hides_dot_git = name
        .split(|byte| *byte == b'\\')
        .skip(1)
        .any(|part| !part.is_empty() && component(part.as_bstr(), mode_option, options).is_err());
    if hides_dot_git {
        return rule("hasDotgit", "contains '.git' behind a backslash");
    }
    if kind == EntryKind::Tree && GITMODULES.is(name) {
        return rule("gitmodulesBlob", "non-blob found at .gitmodules");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
