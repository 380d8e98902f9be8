//! The lines of one ignore file.

use gix::{
    bstr::{BStr, BString, ByteSlice},
    glob::{Pattern, pattern::Case, wildmatch},
};

/// The path of an ignore file, relative to the project folder.
#[derive(Debug)]
pub(super) enum Place {
    /// In it: so many bytes of a path lead to the file's folder, the `/` included.
    Below(usize),
    /// Above it: the path from the file's folder to the project folder, with a `/` at its end.
    Above(BString),
}

/// The patterns of one file, and where the paths that they speak of begin.
#[derive(Debug)]
pub(super) struct Patterns {
    list: Vec<Pattern>,
    place: Place,
}

impl Patterns {
    pub(super) fn parse(text: &[u8], place: Place) -> Self {
        Self { list: gix::ignore::parse(text, false).map(|(pattern, ..)| pattern).collect(), place }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns whether the last line that matches `path` is a negative one; `None` when no line does.
    pub(super) fn decide(&self, path: &BStr, is_dir: bool, case: Case) -> Option<bool> {
        if self.list.is_empty() {
            return None;
        }
        let whole;
        let path = match &self.place {
            Place::Below(base) => path.get(*base..)?.as_bstr(),
            Place::Above(lead) => {
                whole = [&lead[..], path].concat();
                whole.as_bstr()
            }
        };
        let name = path.rfind_byte(b'/').map(|slash| slash + 1);
        let mode = wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
        self.list
            .iter()
            .rev()
            .find(|pattern| pattern.matches_repo_relative_path(path, name, Some(is_dir), case, mode))
            .map(Pattern::is_negative)
    }
}
