//! Telling what a run wrote beside its outputs, in its record and to the user; and making room among what is kept.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use azml_core::id::ProjectId;
use azml_core::quote::{quoted, quoted_path};
use azml_core::run::{RunRecord, format};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::folder::{ProjectFolders, made_in};
use super::kept::{self, Collected, Expiry, Item, KEY, Removed, Summary};
use super::{disk, live};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::text::size;

/// The most files that the report at the end of a run names.
const REPORTED: usize = 10;
/// The longest string that has to fit.
const TAKES_ALL: &str = "a string takes all text";

/// The limits of age and size up to which files are kept.
pub fn expiry(ctx: &Context) -> Expiry {
    Expiry { age: ctx.settings.keep_days(), bytes: ctx.settings.keep_size() }
}

/// The folders that all runs of the project in `root` share.
pub fn folders(ctx: &Context, root: &Path, project: &ProjectId) -> ProjectFolders {
    ProjectFolders::of(&live::project_dir(&ctx.env.state_dir_for(root), project))
}

/// `3 files (1.2 MB)`.
pub fn counted(files: usize, bytes: u64) -> String {
    let noun = if files == 1 { "file" } else { "files" };
    format!("{files} {noun} ({})", size(bytes))
}

/// One file with what happened to it.
fn line(item: &Item) -> String {
    let path = quoted(&item.path);
    match (&item.trouble, item.kind) {
        (Some(trouble), _) => format!("not kept  {path} ({trouble})"),
        (None, kept::Kind::Deleted) => format!("deleted   {path}"),
        (None, kind) => format!("{:<9} {path} ({})", kind.as_str(), size(item.size)),
    }
}

/// The lines that the control log has of it.
pub fn lines(left: &Summary) -> Vec<String> {
    let mut lines: Vec<String> =
        left.first.iter().map(|item| format!("outside the outputs: {}", line(item))).collect();
    let more = left.count() - left.first.len();
    if more > 0 {
        lines.push(format!("outside the outputs: and {more} more"));
    }
    lines
}

/// Says in the record what is kept.
pub fn put_in_record(ctx: &Context, record: &mut RunRecord, left: &Summary) {
    if left.count() == 0 {
        record.extra.shift_remove(KEY);
        return;
    }
    record.extra.insert(KEY.to_owned(), left.to_json(expiry(ctx).until(ctx.env.now())));
}

/// Its lines in the report at the end of a run.
pub fn report(ctx: &Context, record: &RunRecord, collected: &Collected) -> String {
    let left = &collected.left;
    let mut text = String::new();
    if left.count() == 0 {
        return text;
    }
    let until = expiry(ctx).until(ctx.env.now()).map_or_else(String::new, |until| {
        format!(", until {}", until.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d"))
    });
    let when = if collected.is_busy { "Kept once the processes that still run have ended" } else { "Kept" };
    writeln!(text, "{when}, not in the project: {}{until}", counted(left.count(), left.bytes))
        .expect(TAKES_ALL);
    for item in left.first.iter().take(REPORTED) {
        writeln!(text, "  {}", line(item)).expect(TAKES_ALL);
    }
    if left.count() > REPORTED {
        writeln!(text, "  and {} more", grouped(left.count() - REPORTED)).expect(TAKES_ALL);
    }
    let azml = ctx.invoked.prefix();
    let id = &record.run_id;
    writeln!(text, "To bring them back: {azml} run files -r {id} --apply").expect(TAKES_ALL);
    text
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Removes what is kept no longer, and says so beforehand; removes run folders that nobody needs. Only a submit does this.
pub fn tidy(ctx: &Context, opened: &Opened) {
    let folders = folders(ctx, opened.project.root(), opened.project.id());
    if let Err(error) = disk::remove_all(&folders.removable) {
        tracing::debug!(%error, "a run folder can't be removed");
    }
    let alive = live::find(&folders.kept.with_file_name("runs")).unwrap_or_default();
    let alive: BTreeSet<_> = alive.into_iter().map(|run| run.record.run_id).collect();
    let tell = |what: &Removed| {
        let why = if what.is_old { "their time is over" } else { "the limit keep_size is exceeded" };
        ctx.notices.warning(&format!(
            "removing what run {} wrote, {}: {why}",
            what.run,
            counted(what.files, what.bytes)
        ));
    };
    match kept::expire(&folders.kept, expiry(ctx), ctx.env.now(), &alive, &tell) {
        Ok(done) => {
            for what in &done.next {
                ctx.notices.warning(&format!(
                    "what run {} wrote, {}, will be removed at the next run: more than keep_size ({}) is kept",
                    what.run,
                    counted(what.files, what.bytes),
                    size(ctx.settings.keep_size())
                ));
            }
            if let Some(what) = done.next.first() {
                ctx.notices
                    .hint(&format!("to have it elsewhere: {{azml}} run files -r {} --to DIR", what.run));
                ctx.notices.hint("to keep more: {azml} config set keep_size 100GB");
            }
        }
        Err(error) => ctx.notices.warning(&format!("kept files of older runs could not be removed: {error}")),
    }
}

/// The record with what is known here of its kept files now.
pub fn refresh(ctx: &Context, opened: &Opened, record: &mut RunRecord) {
    let is_ours = record.host.as_deref() == Some(&crate::env::host_name());
    if !is_ours || !record.status.is_over() {
        return;
    }
    let run = record.submitted_as();
    let Some(known) = record.extra.get_mut(KEY) else { return };
    let all = folders(ctx, opened.project.root(), opened.project.id()).kept;
    let kept = kept::KeptRun::find(&all, &run);
    known["folder"] = kept.as_ref().map_or(serde_json::Value::Null, |kept| quoted_path(kept.folder()).into());
    if let Some(since) = kept.and_then(|kept| kept.since()) {
        known["until_utc"] = expiry(ctx).until(since).map(format::moment).into();
    }
}

/// All that is kept of a project's runs.
#[derive(Debug)]
pub struct Totals {
    /// The number of runs.
    pub runs: usize,
    /// The number of files.
    pub files: usize,
    /// The number of bytes that they take.
    pub bytes: u64,
    /// When the first of them go.
    pub next: Option<Timestamp>,
    pub folder: PathBuf,
}

/// Counts what is kept of the runs of the project in `root`.
pub fn totals(ctx: &Context, root: &Path, project: &ProjectId) -> Result<Totals, CommandError> {
    let folder = folders(ctx, root, project).kept;
    let failed = |error| CommandError::file("look at", &folder, error);
    let mut totals = Totals { runs: 0, files: 0, bytes: 0, next: None, folder: folder.clone() };
    for (_, kept) in kept::KeptRun::all(&folder).map_err(failed)? {
        let (files, bytes) = kept.totals().map_err(failed)?;
        let until = kept.since().and_then(|since| expiry(ctx).until(since));
        totals.runs += 1;
        totals.files += files;
        totals.bytes += bytes;
        totals.next = totals.next.into_iter().chain(until).min();
    }
    Ok(totals)
}

/// The place of what a run wrote.
#[derive(Debug)]
pub enum Where {
    /// Kept.
    Kept(kept::KeptRun),
    /// In its own folder: it goes on, or processes that it started do.
    RunFolder(PathBuf),
    /// On another computer, of this name.
    Elsewhere(String),
    /// Nowhere any more.
    Expired,
    /// It wrote nothing beside its outputs, or in the project folder itself.
    Nowhere,
}

/// The files that a run wrote beside its outputs.
#[derive(Debug)]
pub struct Left {
    /// Its folder.
    pub place: Where,
    /// All of it, by path.
    pub items: Vec<Item>,
    /// Until when it is kept.
    pub until: Option<Timestamp>,
}

/// The files that a run wrote beside its outputs; nothing is moved by this.
pub fn left_by(ctx: &Context, opened: &Opened, record: &RunRecord) -> Result<Left, CommandError> {
    let folders = folders(ctx, opened.project.root(), opened.project.id());
    let id = record.submitted_as();
    let host = record.host.clone().filter(|host| *host != crate::env::host_name());
    let nothing = |place| Left { place, items: Vec::new(), until: None };
    if let Some(host) = host {
        let wrote = record.extra.contains_key(KEY) || !record.status.is_over();
        return Ok(nothing(if wrote { Where::Elsewhere(host) } else { Where::Nowhere }));
    }
    let runs_dir = folders.kept.with_file_name("runs");
    let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
    if let Some(run) = found.iter().find(|run| run.record.run_id == id && run.work().is_dir()) {
        let work = run.work();
        let failed = |error| CommandError::file("look at", &work, error);
        // Before there is an index there is nothing but what azml makes.
        let items = match made_in(&opened.history, &work, None) {
            Ok(made) => kept::Ended {
                work: &work,
                made: &made,
                root: opened.project.root(),
                outputs: &run.outputs(),
                attachments: Path::new(""),
                kept: Path::new(""),
                commit: None,
                now: ctx.env.now(),
            }
            .items()
            .map_err(failed)?,
            Err(_) => Vec::new(),
        };
        return Ok(Left { place: Where::RunFolder(work.clone()), items, until: None });
    }
    let Some(kept) = kept::KeptRun::find(&folders.kept, &id) else {
        return Ok(nothing(if record.extra.contains_key(KEY) { Where::Expired } else { Where::Nowhere }));
    };
    let items = kept.items().map_err(|error| CommandError::file("look at", kept.folder(), error))?;
    let until = kept.since().and_then(|since| expiry(ctx).until(since));
    Ok(Left { place: Where::Kept(kept), items, until })
}
