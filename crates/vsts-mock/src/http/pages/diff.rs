//! The differences between two versions of a file: its lines, with the part of a line that changed.

use std::ops::Range;

use gix::bstr::ByteSlice as _;
use gix::diff::blob::{Algorithm, InternedInput, diff_with_slider_heuristics};

use super::Failure;
use crate::limits::{DIFF_FILE_BYTES, DIFF_FILE_LINES, DIFF_FILE_ROWS, DIFF_LINE_CHARS};
use crate::operations::changed_files::{Change, How};
use crate::operations::items::is_binary;
use crate::operations::objects;

/// Lines around a change that are shown with it.
const CONTEXT: u32 = 3;

impl How {
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Added => "A",
            Self::Edited => "M",
            Self::Deleted => "D",
            Self::Renamed => "R",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Renamed => "renamed",
        }
    }
}

/// The change of a file's content.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Lines(Vec<Hunk>),
    Binary,
    TooLarge,
    /// Only its mode, or its name.
    Same,
    Submodule(String),
}

/// Lines that changed, with those around them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hunk {
    pub(super) rows: Vec<Row>,
}

/// One line of a hunk.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its number before, where it was there.
    pub(super) old: Option<u32>,
    /// And after.
    pub(super) new: Option<u32>,
    pub(super) text: String,
    /// The part that differs from the line in whose place it is.
    pub(super) mark: Option<Range<usize>>,
}

/// A file's change, its content and how many lines it is.
#[derive(Clone, Debug)]
pub(super) struct FileDiff {
    pub(super) content: Content,
    /// Rows of all hunks, of which the first are kept.
    pub(super) rows: usize,
    pub(super) added: u32,
    pub(super) removed: u32,
}

/// The change of a file's lines.
pub(super) fn lines(repository: &gix::Repository, change: &Change) -> Result<FileDiff, Failure> {
    let whole = |content| Ok(FileDiff { content, rows: 0, added: 0, removed: 0 });
    let sides = [change.old, change.new];
    if let Some((_, id)) = sides.iter().flatten().find(|(mode, _)| mode.is_commit()) {
        return whole(Content::Submodule(id.to_string()));
    }
    if change.old.map(|(_, id)| id) == change.new.map(|(_, id)| id) {
        return whole(Content::Same);
    }
    let mut texts = [Vec::new(), Vec::new()];
    for (text, side) in texts.iter_mut().zip(sides) {
        let Some((_, id)) = side else { continue };
        match objects::data_within(repository, id, DIFF_FILE_BYTES)? {
            Some(data) => *text = data,
            None => return whole(Content::TooLarge),
        }
    }
    let [before, after] = &texts;
    if is_binary(before) || is_binary(after) {
        return whole(Content::Binary);
    }
    if [before, after].into_iter().any(|text| text.find_iter(b"\n").count() > DIFF_FILE_LINES) {
        return whole(Content::TooLarge);
    }
    Ok(compare(before, after, DIFF_FILE_ROWS))
}

/// The hunks of a file, of which so many rows are kept, and all are counted.
struct Hunks {
    all: Vec<Hunk>,
    rows: usize,
    most: usize,
}

impl Hunks {
    fn has_room(&self) -> bool {
        self.rows < self.most
    }

    /// Adds a row to the last hunk.
    fn push(&mut self, row: impl FnOnce() -> Row) {
        if self.has_room()
            && let Some(hunk) = self.all.last_mut()
        {
            hunk.rows.push(row());
        }
        self.rows += 1;
    }

    /// Lines that are the same on both sides, up to `end` of the old one.
    fn push_context(&mut self, old: &[&[u8]], (mut x, mut y): (u32, u32), end: u32) {
        while x < end {
            self.push(|| Row { old: Some(x + 1), new: Some(y + 1), text: shown(old, x), mark: None });
            (x, y) = (x + 1, y + 1);
        }
    }

    /// Lines that are gone, and those that came.
    fn push_change(&mut self, old: &[&[u8]], new: &[&[u8]], a: &Range<u32>, b: &Range<u32>) {
        // As many lines for as many: each in the place of its like.
        let are_alike = a.len() == b.len();
        for line in a.clone() {
            let other = b.start + (line - a.start);
            self.push(|| {
                let text = shown(old, line);
                let mark = are_alike.then(|| differing(&text, &shown(new, other)).0);
                let mark = mark.filter(|mark| mark.len() < text.len());
                Row { old: Some(line + 1), new: None, text, mark }
            });
        }
        for line in b.clone() {
            let other = a.start + (line - b.start);
            self.push(|| {
                let text = shown(new, line);
                let mark = are_alike.then(|| differing(&shown(old, other), &text).1);
                let mark = mark.filter(|mark| mark.len() < text.len());
                Row { old: None, new: Some(line + 1), text, mark }
            });
        }
    }
}

fn compare(before: &[u8], after: &[u8], most: usize) -> FileDiff {
    let input = InternedInput::new(before, after);
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    let old: Vec<&[u8]> = before.lines_with_terminator().collect();
    let new: Vec<&[u8]> = after.lines_with_terminator().collect();
    let end = length(&old);
    let mut hunks = Hunks { all: Vec::new(), rows: 0, most };
    // How far both sides are written.
    let mut done: Option<(u32, u32)> = None;
    for change in diff.hunks() {
        let (a, b) = (change.before, change.after);
        let lead = a.start.min(b.start).min(CONTEXT);
        let first = a.start - lead;
        let joins = done.is_some_and(|(written, _)| first <= written + CONTEXT);
        if !joins {
            if let Some(from) = done {
                hunks.push_context(&old, from, (from.0 + CONTEXT).min(end));
            }
            if hunks.has_room() {
                hunks.all.push(Hunk::default());
            }
            hunks.push_context(&old, (first, b.start - lead), a.start);
            done = Some((a.start, b.start));
        }
        if let Some(from) = done {
            hunks.push_context(&old, from, a.start);
        }
        hunks.push_change(&old, &new, &a, &b);
        done = Some((a.end, b.end));
    }
    if let Some(from) = done {
        hunks.push_context(&old, from, (from.0 + CONTEXT).min(end));
    }
    FileDiff {
        rows: hunks.rows,
        content: Content::Lines(hunks.all),
        added: diff.count_additions(),
        removed: diff.count_removals(),
    }
}

fn length(lines: &[&[u8]]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

/// The middle parts of two lines, between what they begin and end with in common; whole words.
fn differing(old: &str, new: &str) -> (Range<usize>, Range<usize>) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let same = old.char_indices().zip(new.chars()).take_while(|((_, a), b)| a == b);
    let mut start = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    // Back to where a word begins.
    while let Some(c) = old[..start].chars().next_back().filter(|c| is_word(*c)) {
        start -= c.len_utf8();
    }
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let same = old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(|(a, b)| a == b);
    let mut end: usize = same.map(|(c, _)| c.len_utf8()).sum();
    while let Some(c) = old_rest[old_rest.len() - end..].chars().next().filter(|c| is_word(*c)) {
        end -= c.len_utf8();
    }
    (start..old.len() - end, start..new.len() - end)
}

/// A line as it is shown: without its end, and not endless.
fn shown(lines: &[&[u8]], line: u32) -> String {
    let line = lines.get(line as usize).copied().unwrap_or_default();
    let text = line.trim_end_with(|c| c == '\n' || c == '\r').to_str_lossy();
    match text.char_indices().nth(DIFF_LINE_CHARS) {
        Some((end, _)) => format!("{} … (the line goes on)", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// As `diff -u` would print it.
    fn unified(before: &str, after: &str) -> String {
        let Content::Lines(hunks) = compare(before.as_bytes(), after.as_bytes(), usize::MAX).content else {
            panic!("lines")
        };
        let mut out = String::new();
        for hunk in hunks {
            let first = hunk.rows.first().expect("a hunk has rows");
            writeln!(out, "@{:?} {:?}", first.old, first.new).expect("it is a string");
            for row in hunk.rows {
                let sign = match (row.old, row.new) {
                    (Some(_), Some(_)) => ' ',
                    (Some(_), None) => '-',
                    _ => '+',
                };
                writeln!(out, "{sign}{}", row.text).expect("it is a string");
            }
        }
        out
    }

    fn numbered(count: u32, change: &[u32]) -> String {
        (1..=count).map(|n| if change.contains(&n) { format!("{n}!\n") } else { format!("{n}\n") }).collect()
    }

    #[test]
    fn hunks_have_three_lines_around_them() {
        let shown = unified(&numbered(20, &[]), &numbered(20, &[5, 7, 18]));
        let expected = "@Some(2) Some(2)\n 2\n 3\n 4\n-5\n+5!\n 6\n-7\n+7!\n 8\n 9\n 10\n\
                        @Some(15) Some(15)\n 15\n 16\n 17\n-18\n+18!\n 19\n 20\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let long = numbered(5_000, &[]);
        let whole = compare(b"", long.as_bytes(), usize::MAX);
        let part = compare(b"", long.as_bytes(), 10);
        assert_eq!((part.rows, part.added), (whole.rows, 5_000));
        let Content::Lines(hunks) = part.content else { panic!("lines") };
        assert_eq!(hunks.iter().map(|hunk| hunk.rows.len()).sum::<usize>(), 10);
    }

    #[test]
    fn beginnings_ends_and_nothing() {
        assert_eq!(unified("", "a\nb\n"), "@None Some(1)\n+a\n+b\n");
        assert_eq!(unified("a\n", ""), "@Some(1) None\n-a\n");
        assert_eq!(unified("a\nb\n", "b\n"), "@Some(1) None\n-a\n b\n");
        assert_eq!(unified("a\n", "a\nb\n"), "@Some(1) Some(1)\n a\n+b\n");
    }

    #[test]
    fn the_words_that_changed_are_marked() {
        for (old, new, expected) in [
            ("rate = 0.01", "rate = 0.001", ("01", "001")),
            ("def train(x):", "def test(x):", ("train", "test")),
            ("ä = 1", "ä = 2", ("1", "2")),
            ("aa", "aaa", ("aa", "aaa")),
        ] {
            let (a, b) = differing(old, new);
            assert_eq!((&old[a], &new[b]), expected, "{old} {new}");
        }
    }
}
