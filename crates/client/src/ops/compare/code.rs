//! The differences between two snapshots: files, their lines, and renames.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use azml_core::checkout::difference;
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::diff::blob::unified_diff::{ConsumeHunk, ContextSize, DiffLineKind, HunkHeader};
use gix::diff::blob::{Algorithm, InternedInput, UnifiedDiff, diff_with_slider_heuristics};
use gix::diff::tree_with_rewrites::Change as TreeChange;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;

use crate::error::CommandError;
use crate::limits::{COMPARED_BYTES, COMPARED_ENTRIES, COMPARED_FILE, COMPARED_PATHS, COMPARED_TIME};

/// A file with a zero byte in its beginning, of this length, is no text, as Git has it.
const BINARY_PROBE: usize = 8_000;
/// Lines around those that differ.
const CONTEXT: u32 = 3;
/// Bytes of the function's name that a hunk is in.
const FUNCTION_NAME: usize = 80;

/// The differences between the snapshots of two runs.
#[derive(Debug)]
pub struct Code {
    pub from: String,
    pub to: String,
    /// Their snapshots; none where it is the folder itself.
    pub commits: (Option<ObjectId>, Option<ObjectId>),
    pub files: Vec<Change>,
    /// True if the lines are to be shown.
    pub with_lines: bool,
}

/// The kind of a file's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Added,
    Removed,
    Modified,
    Renamed,
}

/// One file that differs.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: Kind,
    /// Its path, in the second snapshot if it is there.
    pub path: BString,
    /// Its path in the first snapshot, if that is another.
    pub old_path: Option<BString>,
    pub modes: (Option<EntryMode>, Option<EntryMode>),
    pub ids: (Option<ObjectId>, Option<ObjectId>),
    /// Of a renamed file, how much of it stayed, in percent.
    pub similarity: Option<u8>,
    pub added: u64,
    pub removed: u64,
    /// Why its lines were not compared.
    pub opaque: Option<&'static str>,
    /// Hunks as Git writes them.
    pub hunks: BString,
    /// Of a file that became a link, or the like: how it goes, and how it comes anew. Git writes these two.
    pub halves: Option<Box<[Self; 2]>>,
}

impl Kind {
    /// Its name, as the command prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
        }
    }
}

/// The details of files that differ.
#[derive(Debug, Clone, Copy)]
pub struct Detail {
    /// Their lines.
    pub hunks: bool,
    pub renames: bool,
}

impl Detail {
    /// Everything.
    pub const ALL: Self = Self { hunks: true, renames: true };
}

/// The files that differ between two trees, by path. `None` if more differ than are compared.
///
/// Ends with an error soon after it is interrupted.
pub fn changes(
    git: &gix::Repository,
    old: ObjectId,
    new: ObjectId,
    detail: Detail,
    interrupt: &AtomicBool,
) -> Result<Option<Vec<Change>>, CommandError> {
    if old == new {
        return Ok(Some(Vec::new()));
    }
    if !difference::is_within(git, (old, new), (COMPARED_ENTRIES, COMPARED_PATHS), interrupt)? {
        return Ok(None);
    }
    let began = Instant::now();
    let is_late = || began.elapsed() > COMPARED_TIME || interrupt.load(Ordering::Relaxed);
    let failed = |error: gix::Error| CommandError::failed(error);
    let (old, new) = (git.find_tree(old).map_err(failed)?, git.find_tree(new).map_err(failed)?);
    let mut cache = git.diff_resource_cache_for_tree_diff().map_err(failed)?;
    // Not even to find out whether it was renamed is a huge file read.
    cache.filter.options.large_file_threshold_bytes = COMPARED_FILE;
    // Git takes empty files for renamed ones, too.
    let rewrites = || gix::diff::Rewrites { track_empty: true, ..Default::default() };
    let rewrites = detail.renames.then(rewrites);
    let options = gix::diff::Options::default().with_rewrites(rewrites);
    let mut found = Vec::new();
    gix::diff::tree_with_rewrites(
        TreeRefIter::from_bytes(&old.data, git.object_hash()),
        TreeRefIter::from_bytes(&new.data, git.object_hash()),
        &mut cache,
        &mut gix::diff::tree::State::default(),
        &git.objects,
        |change: gix::diff::tree_with_rewrites::ChangeRef<'_>| -> Result<_, gix::Error> {
            found.push(change.into_owned());
            Ok(if interrupt.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        },
        options.into(),
    )
    .map_err(CommandError::failed)?;
    let mut changes = Vec::new();
    let mut left = COMPARED_BYTES;
    for change in found {
        if is_late() {
            left = 0;
        }
        changes.extend(look_at(git, change, detail.hunks, &mut left)?);
    }
    changes.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(Some(changes))
}

/// A place of a file: its mode and content.
type Side = Option<(EntryMode, ObjectId)>;

fn look_at(
    git: &gix::Repository,
    change: TreeChange,
    with_hunks: bool,
    left: &mut u64,
) -> Result<Option<Change>, CommandError> {
    let mut similarity = None;
    let (kind, path, old_path, old, new): (Kind, BString, Option<BString>, Side, Side) = match change {
        TreeChange::Addition { location, entry_mode, id, .. } => {
            (Kind::Added, location, None, None, Some((entry_mode, id)))
        }
        TreeChange::Deletion { location, entry_mode, id, .. } => {
            (Kind::Removed, location, None, Some((entry_mode, id)), None)
        }
        TreeChange::Modification { location, previous_entry_mode, previous_id, entry_mode, id } => {
            (Kind::Modified, location, None, Some((previous_entry_mode, previous_id)), Some((entry_mode, id)))
        }
        TreeChange::Rewrite {
            source_location,
            source_entry_mode,
            source_id,
            location,
            entry_mode,
            id,
            diff,
            ..
        } => {
            similarity = Some(percent(diff));
            let old = Some((source_entry_mode, source_id));
            (Kind::Renamed, location, Some(source_location), old, Some((entry_mode, id)))
        }
    };
    let is_folder = |side: &Side| side.is_none_or(|(mode, _)| mode.is_tree());
    if is_folder(&old) && is_folder(&new) {
        return Ok(None);
    }
    let mut change = Change::of(kind, path, (old, new));
    (change.old_path, change.similarity) = (old_path, similarity);
    if old.map(|(_, id)| id) != new.map(|(_, id)| id) {
        match (content(git, old, left)?, content(git, new, left)?) {
            (Ok(old), Ok(new)) => compare_lines(&old, &new, with_hunks, &mut change)?,
            (Err(why), _) | (_, Err(why)) => change.opaque = Some(why),
        }
    }
    if with_hunks && change.is_of_another_type() {
        let goes = look_at_one(git, Change::of(Kind::Removed, change.path.clone(), (old, None)), old, left)?;
        let comes = look_at_one(git, Change::of(Kind::Added, change.path.clone(), (None, new)), new, left)?;
        change.halves = Some(Box::new([goes, comes]));
    }
    Ok(Some(change))
}

/// The lines of a file that comes or goes as a whole.
fn look_at_one(
    git: &gix::Repository,
    mut change: Change,
    side: Side,
    left: &mut u64,
) -> Result<Change, CommandError> {
    match (content(git, side, left)?, change.kind) {
        (Err(why), _) => change.opaque = Some(why),
        (Ok(lines), Kind::Removed) => compare_lines(&lines, b"", true, &mut change)?,
        (Ok(lines), _) => compare_lines(b"", &lines, true, &mut change)?,
    }
    Ok(change)
}

/// Returns the part of a renamed file that stayed, in percent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 100")]
fn percent(diff: Option<gix::diff::blob::DiffLineStats>) -> u8 {
    diff.map_or(100, |stats| (stats.similarity * 100.0).clamp(0.0, 100.0) as u8)
}

impl Change {
    fn of(kind: Kind, path: BString, (old, new): (Side, Side)) -> Self {
        Self {
            kind,
            path,
            old_path: None,
            modes: (old.map(|(mode, _)| mode), new.map(|(mode, _)| mode)),
            ids: (old.map(|(_, id)| id), new.map(|(_, id)| id)),
            similarity: None,
            added: 0,
            removed: 0,
            opaque: None,
            hunks: BString::default(),
            halves: None,
        }
    }

    /// Returns whether a file became a link, or the like.
    pub fn is_of_another_type(&self) -> bool {
        let kind = |mode: EntryMode| (mode.is_link(), mode.is_commit());
        matches!(self.modes, (Some(old), Some(new)) if kind(old) != kind(new))
    }
}

/// The lines of one side, or why they are not looked at; takes its bytes from those that are `left`.
fn content(
    git: &gix::Repository,
    side: Side,
    left: &mut u64,
) -> Result<Result<Vec<u8>, &'static str>, CommandError> {
    let Some((mode, id)) = side.filter(|(mode, _)| !mode.is_tree()) else { return Ok(Ok(Vec::new())) };
    if mode.is_commit() {
        return Ok(Ok(format!("Subproject commit {id}\n").into_bytes()));
    }
    let size = git.find_header(id).map_err(CommandError::failed)?.size();
    if size > COMPARED_FILE {
        return Ok(Err("too large to compare by lines"));
    }
    let Some(rest) = left.checked_sub(size) else {
        *left = 0;
        return Ok(Err("too much differs to compare all of it by lines"));
    };
    *left = rest;
    let data = git.find_blob(id).map_err(CommandError::failed)?.take_data();
    if data[..data.len().min(BINARY_PROBE)].contains(&0) {
        return Ok(Err("no text"));
    }
    Ok(Ok(data))
}

fn compare_lines(old: &[u8], new: &[u8], with_hunks: bool, change: &mut Change) -> Result<(), CommandError> {
    let input = InternedInput::new(old, new);
    let diff = diff_with_slider_heuristics(Algorithm::Myers, &input);
    change.added = diff.count_additions().into();
    change.removed = diff.count_removals().into();
    if with_hunks {
        let hunks = Hunks { old: old.lines_with_terminator().collect(), ..Hunks::default() };
        let hunks = UnifiedDiff::new(&diff, &input, hunks, ContextSize::symmetrical(CONTEXT)).consume();
        change.hunks = hunks.map_err(CommandError::failed)?;
    }
    Ok(())
}

/// Writes hunks as Git does.
#[derive(Default)]
struct Hunks<'a> {
    old: Vec<&'a [u8]>,
    text: BString,
}

impl Hunks<'_> {
    /// The nearest line above a hunk that looks like the beginning of a function, as Git names it.
    fn function_above(&self, start: usize) -> Option<&[u8]> {
        let begins =
            |line: &&&[u8]| line.first().is_some_and(|b| b.is_ascii_alphabetic() || b"_$".contains(b));
        let line = self.old.get(..start.saturating_sub(1))?.iter().rev().find(begins)?;
        Some(line[..line.len().min(FUNCTION_NAME)].trim_ascii_end())
    }
}

impl ConsumeHunk for Hunks<'_> {
    type Out = BString;

    fn consume_hunk(&mut self, header: HunkHeader, lines: &[(DiffLineKind, &[u8])]) -> std::io::Result<()> {
        // Where a side has no lines, Git names the line before; a count of one is not written.
        let side = |start: u32, len: u32| match len {
            0 => format!("{},0", start - 1),
            1 => start.to_string(),
            _ => format!("{start},{len}"),
        };
        let old = side(header.before_hunk_start, header.before_hunk_len);
        let new = side(header.after_hunk_start, header.after_hunk_len);
        let start = header.before_hunk_start - u32::from(header.before_hunk_len == 0);
        let function = self.function_above(start as usize).map(<[u8]>::to_owned);
        let text: &mut Vec<u8> = &mut self.text;
        text.extend(format!("@@ -{old} +{new} @@").into_bytes());
        if let Some(function) = function {
            text.push(b' ');
            text.extend(function);
        }
        text.push(b'\n');
        for (kind, line) in lines {
            text.push(kind.to_prefix() as u8);
            text.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                text.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
        Ok(())
    }

    fn finish(self) -> BString {
        self.text
    }
}
