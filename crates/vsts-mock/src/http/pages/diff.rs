//! What differs between two versions of a file: its lines, with the part of a line that changed.

use std::ops::Range;

use gix::bstr::ByteSlice as _;
use gix::diff::blob::{Algorithm, InternedInput, diff_with_slider_heuristics};

use super::super::changed_files::{Change, How};
use super::Failure;
use super::blob::is_binary;

/// Lines around a change that are shown with it.
const CONTEXT: u32 = 3;
/// Bytes of a file that is compared.
const LARGEST: u64 = 1 << 20;
/// Characters of a line that are shown.
const LONGEST_LINE: usize = 2_000;

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

/// What became of a file's content.
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
    pub(super) added: u32,
    pub(super) removed: u32,
}

/// What became of a file's lines.
pub(super) fn lines(repository: &gix::Repository, change: &Change) -> Result<FileDiff, Failure> {
    let whole = |content| Ok(FileDiff { content, added: 0, removed: 0 });
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
        if repository.find_header(id)?.size() > LARGEST {
            return whole(Content::TooLarge);
        }
        *text = std::mem::take(&mut repository.find_object(id)?.data);
    }
    let [before, after] = &texts;
    if is_binary(before) || is_binary(after) {
        return whole(Content::Binary);
    }
    Ok(compare(before, after))
}

fn compare(before: &[u8], after: &[u8]) -> FileDiff {
    let input = InternedInput::new(before, after);
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    let old: Vec<&[u8]> = before.lines_with_terminator().collect();
    let new: Vec<&[u8]> = after.lines_with_terminator().collect();
    let end = length(&old);
    let mut hunks: Vec<Hunk> = Vec::new();
    // How far both sides are written.
    let mut done: Option<(u32, u32)> = None;
    for change in diff.hunks() {
        let (a, b) = (change.before, change.after);
        let lead = a.start.min(b.start).min(CONTEXT);
        let first = a.start - lead;
        let joins = done.is_some_and(|(written, _)| first <= written + CONTEXT);
        if !joins {
            if let (Some((x, y)), Some(last)) = (done, hunks.last_mut()) {
                context(last, &old, x, y, (x + CONTEXT).min(end));
            }
            let mut hunk = Hunk::default();
            context(&mut hunk, &old, first, b.start - lead, a.start);
            hunks.push(hunk);
            done = Some((a.start, b.start));
        }
        let hunk = hunks.last_mut().expect("a change has a hunk by now");
        if let Some((x, y)) = done {
            context(hunk, &old, x, y, a.start);
        }
        changed(hunk, &old, &new, &a, &b);
        done = Some((a.end, b.end));
    }
    if let (Some((x, y)), Some(last)) = (done, hunks.last_mut()) {
        context(last, &old, x, y, (x + CONTEXT).min(end));
    }
    FileDiff { content: Content::Lines(hunks), added: diff.count_additions(), removed: diff.count_removals() }
}

fn length(lines: &[&[u8]]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

/// Lines that are the same on both sides, up to `end` of the old one.
fn context(hunk: &mut Hunk, old: &[&[u8]], mut x: u32, mut y: u32, end: u32) {
    while x < end {
        hunk.rows.push(Row { old: Some(x + 1), new: Some(y + 1), text: shown(old, x), mark: None });
        (x, y) = (x + 1, y + 1);
    }
}

fn changed(hunk: &mut Hunk, old: &[&[u8]], new: &[&[u8]], a: &Range<u32>, b: &Range<u32>) {
    let removed: Vec<String> = a.clone().map(|line| shown(old, line)).collect();
    let added: Vec<String> = b.clone().map(|line| shown(new, line)).collect();
    // As many lines for as many: each in the place of its like.
    let marks: Vec<(Range<usize>, Range<usize>)> = if removed.len() == added.len() {
        removed.iter().zip(&added).map(|(old, new)| differing(old, new)).collect()
    } else {
        Vec::new()
    };
    for (position, (line, text)) in a.clone().zip(removed).enumerate() {
        let mark = marks.get(position).map(|(mark, _)| mark.clone()).filter(|mark| mark.len() < text.len());
        hunk.rows.push(Row { old: Some(line + 1), new: None, text, mark });
    }
    for (position, (line, text)) in b.clone().zip(added).enumerate() {
        let mark = marks.get(position).map(|(_, mark)| mark.clone()).filter(|mark| mark.len() < text.len());
        hunk.rows.push(Row { old: None, new: Some(line + 1), text, mark });
    }
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
    match text.char_indices().nth(LONGEST_LINE) {
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
        let Content::Lines(hunks) = compare(before.as_bytes(), after.as_bytes()).content else {
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
