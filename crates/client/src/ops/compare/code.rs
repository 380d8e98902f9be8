//! The differences between two snapshots: files, their lines, and renames.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use azml_core::checkout::difference;
use azml_core::quote::quoted;
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

/// The differences between the snapshots of two runs.
#[derive(Debug)]
pub struct Code {
    pub from: String,
    pub to: String,
    pub commits: (ObjectId, ObjectId),
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
    pub added: u64,
    pub removed: u64,
    /// Why its lines were not compared.
    pub opaque: Option<&'static str>,
    /// Hunks as `diff -u` writes them.
    pub hunks: String,
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

impl Change {
    /// The lines before the hunks, as Git writes them.
    pub fn header(&self) -> String {
        let old = self.old_path.as_ref().unwrap_or(&self.path);
        let below =
            |letter: &str, path: &BString| quoted(&[letter.as_bytes(), b"/", path].concat()).into_owned();
        let mut text = format!("diff --git {} {}\n", below("a", old), below("b", &self.path));
        let mode = |mode: EntryMode| format!("{:06o}", mode.value());
        match self.modes {
            (None, Some(new)) => text.extend([format!("new file mode {}\n", mode(new))]),
            (Some(old), None) => text.extend([format!("deleted file mode {}\n", mode(old))]),
            (Some(old), Some(new)) if old != new => {
                text.extend([format!("old mode {}\nnew mode {}\n", mode(old), mode(new))]);
            }
            _ => {}
        }
        if self.kind == Kind::Renamed {
            text.extend([format!("rename from {}\nrename to {}\n", quoted(old), quoted(&self.path))]);
        }
        let side = |is_there: bool, letter: &str, path: &BString| {
            if is_there { below(letter, path) } else { "/dev/null".to_owned() }
        };
        let sides = (side(self.modes.0.is_some(), "a", old), side(self.modes.1.is_some(), "b", &self.path));
        match self.opaque {
            Some(why) => text.extend([format!("Files {} and {} differ ({why})\n", sides.0, sides.1)]),
            None if !self.hunks.is_empty() => text.extend([format!("--- {}\n+++ {}\n", sides.0, sides.1)]),
            None => {}
        }
        text
    }
}

/// The files that differ between two trees, by path; their lines, too, `with_hunks`. `None` if more differ than are compared.
///
/// Ends with an error soon after it is interrupted.
pub fn changes(
    git: &gix::Repository,
    old: ObjectId,
    new: ObjectId,
    with_hunks: bool,
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
    let options = gix::diff::Options::default().with_rewrites(Some(gix::diff::Rewrites::default()));
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
        changes.extend(look_at(git, change, with_hunks, &mut left)?);
    }
    changes.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(Some(changes))
}

/// The error of a comparison that needs every difference.
pub fn too_much() -> CommandError {
    CommandError::failed(format!("more than {COMPARED_ENTRIES} files and folders differ"))
        .hint("compare the rest with: --code none")
}

/// A place of a file: its mode and content.
type Side = Option<(EntryMode, ObjectId)>;

fn look_at(
    git: &gix::Repository,
    change: TreeChange,
    with_hunks: bool,
    left: &mut u64,
) -> Result<Option<Change>, CommandError> {
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
            ..
        } => (
            Kind::Renamed,
            location,
            Some(source_location),
            Some((source_entry_mode, source_id)),
            Some((entry_mode, id)),
        ),
    };
    let is_folder = |side: &Side| side.is_none_or(|(mode, _)| mode.is_tree());
    if is_folder(&old) && is_folder(&new) {
        return Ok(None);
    }
    let mut change = Change {
        kind,
        path,
        old_path,
        modes: (old.map(|(mode, _)| mode), new.map(|(mode, _)| mode)),
        added: 0,
        removed: 0,
        opaque: None,
        hunks: String::new(),
    };
    if old.map(|(_, id)| id) != new.map(|(_, id)| id) {
        match (content(git, old, left)?, content(git, new, left)?) {
            (Ok(old), Ok(new)) => compare_lines(&old, &new, with_hunks, &mut change)?,
            (Err(why), _) | (_, Err(why)) => change.opaque = Some(why),
        }
    }
    Ok(Some(change))
}

/// The lines of one side, or why they are not looked at; takes its bytes from those that are `left`.
fn content(
    git: &gix::Repository,
    side: Side,
    left: &mut u64,
) -> Result<Result<Vec<u8>, &'static str>, CommandError> {
    let Some((mode, id)) = side.filter(|(mode, _)| !mode.is_tree()) else { return Ok(Ok(Vec::new())) };
    if mode.is_commit() {
        return Ok(Err("another repository"));
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
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    change.added = diff.count_additions().into();
    change.removed = diff.count_removals().into();
    if with_hunks {
        let hunks = UnifiedDiff::new(&diff, &input, Hunks::default(), ContextSize::symmetrical(3)).consume();
        change.hunks = hunks.map_err(CommandError::failed)?;
    }
    Ok(())
}

/// Writes hunks as text.
#[derive(Default)]
struct Hunks(String);

impl ConsumeHunk for Hunks {
    type Out = String;

    fn consume_hunk(&mut self, header: HunkHeader, lines: &[(DiffLineKind, &[u8])]) -> std::io::Result<()> {
        // Where a side has no lines, Git names the line before.
        let side = |start: u32, len: u32| (if len == 0 { start - 1 } else { start }, len);
        let (old, new) = (
            side(header.before_hunk_start, header.before_hunk_len),
            side(header.after_hunk_start, header.after_hunk_len),
        );
        self.0.extend([format!("@@ -{},{} +{},{} @@\n", old.0, old.1, new.0, new.1)]);
        for (kind, line) in lines {
            self.0.push(kind.to_prefix());
            self.0 += &line.to_str_lossy();
            if !line.ends_with(b"\n") {
                self.0 += "\n\\ No newline at end of file\n";
            }
        }
        Ok(())
    }

    fn finish(self) -> String {
        self.0
    }
}
