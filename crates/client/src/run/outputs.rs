//! The outputs of a run: the files in `outputs/` and `logs/`, and those that the run configuration declares.
//!
//! A declared entry is the path of a file or folder in the project, or a pattern in which `*`, `?` and `[…]` stand for a
//! part of one name and `**` for any folders. What is below a folder that matches is an output too.

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::glob::wildmatch;
use serde::{Deserialize, Serialize};

use azml_core::checkout::path::check_name;

use super::attachments::is_log;
use super::disk::native;

/// The folder of outputs.
pub const FOLDER: &str = "outputs";
/// The folders that are always collected.
pub const ALWAYS: [&str; 2] = [FOLDER, "logs"];
/// The most entries that a run configuration may declare.
const MOST_ENTRIES: usize = 200;
/// The most `**` that an entry may have: each of them multiplies what has to be tried.
const MOST_DEEP: usize = 2;
/// Any folders.
const DEEP: &[u8] = b"**";

/// The reason why a declared entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// It is not relative to the project folder.
    #[error("an output is named by its path in the project folder, for example `ckpt/`")]
    Absolute,
    /// It would be the folder itself, or lead out of it.
    #[error("`.`, `..` and empty names can't stand in it")]
    NoName,
    /// Git's folders and the history's are no outputs.
    #[error("Git's folders and the run history's can't be outputs")]
    Reserved,
    /// Logs of azml's own have that name.
    #[error("azml's own log has that name")]
    Log,
    /// Too many `**`, or too many entries.
    #[error("at most {MOST_ENTRIES} entries, each with at most {MOST_DEEP} `**`")]
    TooMany,
}

/// A path or a pattern of paths, as the names that it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Vec<BString>);

impl PathPattern {
    /// Reads one; what is wrong with it is a reason to refuse it.
    pub fn parse(entry: &BStr) -> Result<Self, BadEntry> {
        let path = entry.trim().as_bstr();
        let path = path.strip_prefix(b"./").unwrap_or(path);
        if path.starts_with(b"/") || path.starts_with(b"~") {
            return Err(BadEntry::Absolute);
        }
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let mut names: Vec<BString> = Vec::new();
        for name in path.split_str("/") {
            if name.is_empty() || name == b"." || name == b".." {
                return Err(BadEntry::NoName);
            }
            if !(name == DEEP && names.last().is_some_and(|last| last == DEEP)) {
                names.push(name.into());
            }
        }
        if names.iter().filter(|name| *name == DEEP).count() > MOST_DEEP {
            return Err(BadEntry::TooMany);
        }
        Ok(Self(names))
    }

    /// Returns whether it stands for the file or folder at `path`, or for a folder above it.
    pub fn has(&self, path: &BStr) -> bool {
        matches(&self.0, &path.split_str("/").collect::<Vec<_>>())
    }
}

/// The outputs of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Outputs {
    declared: Vec<PathPattern>,
}

impl TryFrom<Vec<String>> for Outputs {
    type Error = String;

    fn try_from(entries: Vec<String>) -> Result<Self, String> {
        Self::declared(&entries).map_err(|(entry, why)| format!("`{entry}`: {why}"))
    }
}

impl From<Outputs> for Vec<String> {
    fn from(outputs: Outputs) -> Self {
        outputs.to_entries()
    }
}

impl Outputs {
    /// Those of a configuration; an error says which entry is wrong.
    pub fn declared(entries: &[String]) -> Result<Self, (String, BadEntry)> {
        if let Some(one_more) = entries.get(MOST_ENTRIES) {
            return Err((one_more.clone(), BadEntry::TooMany));
        }
        let parse = |entry: &String| declare(entry).map_err(|why| (entry.clone(), why));
        Ok(Self { declared: entries.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// The entries as they could be declared.
    pub fn to_entries(&self) -> Vec<String> {
        self.declared.iter().map(|entry| bstr::join("/", &entry.0).to_str_lossy().into_owned()).collect()
    }

    /// Returns whether the file or folder at `path` is one, or is in one.
    pub fn has(&self, path: &BStr) -> bool {
        let names: Vec<&[u8]> = path.split_str("/").collect();
        let is_always = ALWAYS.iter().any(|folder| names[0] == folder.as_bytes());
        is_always
            || (self.declared.iter().any(|entry| matches(&entry.0, &names))
                && !(names.len() == 1 && is_log(native(path))))
    }

    /// Returns whether there can be outputs below the folder at `path`.
    pub fn may_be_below(&self, path: &BStr) -> bool {
        let names: Vec<&[u8]> = path.split_str("/").collect();
        path.is_empty() || self.has(path) || self.declared.iter().any(|entry| may_lead_to(&entry.0, &names))
    }

    /// Returns whether an entry without any pattern names the file or folder at `path`: an ignored one is then not linked into the
    /// run's folder, since the script is to write one of its own.
    pub fn names(&self, path: &BStr) -> bool {
        let is_pattern = |name: &BString| name.find_byteset(b"*?[\\").is_some();
        let is_path = |entry: &PathPattern| !entry.0.iter().any(is_pattern);
        self.declared.iter().any(|entry| is_path(entry) && bstr::join("/", &entry.0) == path.as_bytes())
    }
}

fn declare(entry: &str) -> Result<PathPattern, BadEntry> {
    let parsed = PathPattern::parse(entry.into())?;
    if parsed.0.iter().any(|name| check_name(name.as_bstr(), false).is_err()) {
        return Err(BadEntry::Reserved);
    }
    if parsed.0.len() == 1 && is_log(native(parsed.0[0].as_bstr())) {
        return Err(BadEntry::Log);
    }
    Ok(parsed)
}

/// Returns whether the entry is `path` or a folder above it.
fn matches(entry: &[BString], path: &[&[u8]]) -> bool {
    match (entry.split_first(), path.split_first()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((name, rest)), Some((_, below))) if name == DEEP => {
            matches(rest, path) || matches(entry, below)
        }
        (Some((name, rest)), Some((first, below))) => is_like(name, first) && matches(rest, below),
    }
}

/// Returns whether the entry can be below the folder `path`.
fn may_lead_to(entry: &[BString], path: &[&[u8]]) -> bool {
    match (entry.split_first(), path.split_first()) {
        (None, _) | (_, None) => true,
        (Some((name, _)), _) if name == DEEP => true,
        (Some((name, rest)), Some((first, below))) => is_like(name, first) && may_lead_to(rest, below),
    }
}

fn is_like(pattern: &BString, name: &[u8]) -> bool {
    wildmatch(pattern.as_bstr(), name.as_bstr(), wildmatch::Mode::NO_MATCH_SLASH_LITERAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(entries: &[&str]) -> Outputs {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Outputs::declared(&entries).unwrap()
    }

    #[test]
    fn folders_files_and_patterns_are_outputs() {
        let declared = outputs(&["ckpt/", "./best.pt", "runs/*/events", "deep/**/x.csv", "*.onnx"]);
        for (path, expect) in [
            ("outputs/a", true),
            ("logs", true),
            ("outputs.txt", false),
            ("ckpt", true),
            ("ckpt/a/b", true),
            ("ckpt2/a", false),
            ("best.pt", true),
            ("a/best.pt", false),
            ("runs/7/events/x", true),
            ("runs/7/other", false),
            ("runs/events", false),
            ("deep/x.csv", true),
            ("deep/a/b/x.csv", true),
            ("deep/a/b/y.csv", false),
            ("m.onnx", true),
            ("a/m.onnx", false),
        ] {
            assert_eq!(declared.has(path.into()), expect, "{path}");
        }
        for (path, expect) in
            [("", true), ("runs", true), ("runs/7", true), ("deep/q", true), ("src", false), ("logs/a", true)]
        {
            assert_eq!(declared.may_be_below(path.into()), expect, "{path}");
        }
        assert!(declared.names("ckpt".into()) && !declared.names("m.onnx".into()));
        assert!(!outputs(&["*"]).has("control_log.txt".into()), "azml's own logs keep their names");
        assert_eq!(Outputs::declared(&declared.to_entries()).unwrap(), declared);
    }

    #[test]
    fn an_entry_that_leads_elsewhere_is_refused() {
        for (entry, why) in [
            ("/tmp/x", BadEntry::Absolute),
            ("~/x", BadEntry::Absolute),
            ("../x", BadEntry::NoName),
            ("a/../b", BadEntry::NoName),
            ("", BadEntry::NoName),
            (".", BadEntry::NoName),
            ("a//b", BadEntry::NoName),
            (".git/hooks", BadEntry::Reserved),
            ("a/.GIT", BadEntry::Reserved),
            (".azuremlhistory_git", BadEntry::Reserved),
            ("driver_log.txt", BadEntry::Log),
            ("**/a/**/b/**", BadEntry::TooMany),
        ] {
            assert_eq!(Outputs::declared(&[entry.to_owned()]), Err((entry.to_owned(), why)), "{entry}");
        }
    }
}
