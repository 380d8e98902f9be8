//! Paths that were ignored before a restore and are by no rule since: they stay out of snapshots until the user decides.
//!
//! The file is an ignore file of its own: a line that names the format, then one line for each path, as `.amlignore` takes
//! them. Appended there, the lines keep the paths out for good; with a `!` before each, they take them in.

use std::collections::BTreeSet;

use gix::{
    bstr::{BStr, BString, ByteSlice},
    glob::pattern::Case,
};

use super::{
    line_for,
    patterns::{Patterns, Place},
};

/// The first line; a newer format has another number.
const HEADER: &str = "# azml held-back 1";

/// Paths that are held back.
#[derive(Debug, Default)]
pub struct Held {
    /// Folders end with a slash.
    paths: BTreeSet<BString>,
    /// Lines of names that no line can spell exactly.
    inexact: Vec<BString>,
    patterns: Option<Patterns>,
}

impl Held {
    /// The content of the file; `None` when another version of azml has written it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next().is_some_and(|first| first != HEADER.as_bytes()) {
            return None;
        }
        let mut held = Self::default();
        for line in lines {
            match path_of(line) {
                Some(path) => drop(held.paths.insert(path)),
                None => held.inexact.push(line.into()),
            }
        }
        let inexact = held.inexact.join(&b'\n');
        held.patterns = (!inexact.is_empty()).then(|| Patterns::parse(&inexact, Place::Below(0)));
        Some(held)
    }

    /// The file's text for these paths, of which folders end with a slash.
    pub fn text(lines: &BTreeSet<BString>) -> Vec<u8> {
        let mut text = format!("{HEADER}\n").into_bytes();
        for line in lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text
    }

    /// The line for a file, or for a folder with all that is in it.
    pub fn line(path: &BStr, is_folder: bool) -> BString {
        let mut line = BString::from(line_for(path));
        if is_folder {
            line.push(b'/');
        }
        line
    }

    /// Returns whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.inexact.is_empty()
    }

    /// The lines of the file, without the first.
    pub fn lines(&self) -> BTreeSet<BString> {
        let spell = |path: &BString| match path.strip_suffix(b"/") {
            Some(folder) => Self::line(folder.as_bstr(), true),
            None => Self::line(path.as_bstr(), false),
        };
        self.paths.iter().map(spell).chain(self.inexact.iter().cloned()).collect()
    }

    /// The paths that are spelled exactly; folders end with a slash.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &BString> {
        self.paths.iter()
    }

    /// Returns whether this very file or folder is held back.
    pub(super) fn has(&self, path: &BStr, is_dir: bool) -> bool {
        let is_exact = if is_dir {
            self.paths.contains([path.as_bytes(), b"/"].concat().as_bstr())
        } else {
            self.paths.contains(path)
        };
        let matches = |patterns: &Patterns| patterns.decide(path, is_dir, Case::Sensitive) == Some(false);
        is_exact || self.patterns.as_ref().is_some_and(matches)
    }
}

/// The path that a line spells; `None` if it has a `?` for what no line can spell.
fn path_of(line: &[u8]) -> Option<BString> {
    let mut path = BString::default();
    let mut bytes = line.strip_prefix(b"/")?.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => path.push(*bytes.next()?),
            b'?' | b'*' | b'[' => return None,
            byte => path.push(*byte),
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format's golden file: a change here needs a new version.
    #[test]
    fn version_1_is_the_golden_one() {
        let golden = b"# azml held-back 1\n/data/\n/odd?name\n/ta\\*bl\\[e\\?.csv\\ \n";
        let lines = [("data", true), ("odd\u{1}name", false), ("ta*bl[e?.csv ", false)]
            .map(|(path, is_folder)| Held::line(path.into(), is_folder));
        assert_eq!(Held::text(&lines.into()).as_bstr(), golden.as_bstr());
        let held = Held::parse(golden).unwrap();
        assert_eq!(Held::text(&held.lines()).as_bstr(), golden.as_bstr());
        for (path, is_dir, expected) in [
            ("data", true, true),
            ("data", false, false),
            ("data/x", false, false),
            ("odd\u{1}name", false, true),
            ("ta*bl[e?.csv ", false, true),
            ("ta*bl[e?.csv", false, false),
            ("tabl[e?.csv ", false, false),
        ] {
            assert_eq!(held.has(path.into(), is_dir), expected, "{path}");
        }
    }

    #[test]
    fn another_version_is_not_guessed() {
        assert!(Held::parse(b"# azml held-back 2\n/data/\n").is_none());
        assert!(Held::parse(b"").unwrap().is_empty());
    }
}
