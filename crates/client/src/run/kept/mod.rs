//! Files that a run wrote beside its outputs: kept apart from the run folder, which the next run uses, until they expire.
//!
//! `<state>/projects/<guid>/kept/<run_id>/` has `files/` with new and changed files at their paths, `rest/` with the run
//! folder if something in it could not be moved, and `list.json` with what the files themselves don't tell. Files are
//! moved there one by one, and `list.json` is written last: whenever azml is killed, what is in the run folder together with
//! what is in `files/` is all that the script left, and [`Ended::keep`] goes on from there.

mod copy_back;
mod expiry;
mod gather;
mod list;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use azml_core::id::RunId;
use azml_core::quote::{quoted, quoted_path};
use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice as _};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::copy_back::{Applied, CopyError, apply, copy_out};
pub use self::expiry::{Expiry, Removed, expire};
use self::gather::{Gathered, Place};
use self::list::List;
use super::collect::{Outside, Source};
use super::disk::{move_to, native, remove_all};
use super::outputs::Outputs;
use super::recycled::{Manifest, join};

const FILES: &str = "files";
const REST: &str = "rest";
/// The record's key for what is kept.
pub const KEY: &str = "kept_files";
/// The most files that a summary names.
const NAMED: usize = 100;
/// The most of these that a record has.
const RECORDED: usize = 10;

/// The folder of all kept files of a project.
pub fn folder_of(project_dir: &Path) -> PathBuf {
    project_dir.join("kept")
}

/// The difference of a file from the run's snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The snapshot has no such file.
    New,
    /// It is another in the snapshot, or an ignored one in the project.
    Changed,
    /// The snapshot has it, and the script deleted it.
    Deleted,
}

impl Kind {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// A file that a script left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The path in the project.
    pub path: BString,
    /// Its difference from the snapshot.
    pub kind: Kind,
    /// Its length; 0 for links, empty folders and what is deleted.
    pub size: u64,
    /// The bytes that it takes on the disk, at most its length.
    pub on_disk: u64,
    /// The place where it is kept.
    pub place: Option<PathBuf>,
    /// Why it is not kept.
    pub trouble: Option<String>,
}

/// Counts of the files that a script left, with the first names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of new files.
    pub new: usize,
    /// The number of changed files.
    pub changed: usize,
    /// The number of deleted files.
    pub deleted: usize,
    /// The number of files that could not be kept.
    pub not_kept: usize,
    /// The bytes that are taken on the disk.
    pub bytes: u64,
    /// The first by their names.
    pub first: Vec<Item>,
}

impl Summary {
    /// Counts items that come sorted by their paths.
    pub fn of(items: &[Item]) -> Self {
        let count = |kind| items.iter().filter(|item| item.kind == kind && item.trouble.is_none()).count();
        Self {
            new: count(Kind::New),
            changed: count(Kind::Changed),
            deleted: count(Kind::Deleted),
            not_kept: items.iter().filter(|item| item.trouble.is_some()).count(),
            bytes: items.iter().map(|item| item.on_disk).sum(),
            first: items.iter().take(NAMED).cloned().collect(),
        }
    }

    /// The number of files in all.
    pub fn count(&self) -> usize {
        self.new + self.changed + self.deleted + self.not_kept
    }

    /// As a record has it.
    pub fn to_json(&self, until: Option<Timestamp>) -> Value {
        let first = self.first.iter().take(RECORDED).map(|item| {
            let mut display = json!({
                "path": quoted(&item.path),
                "kind": item.kind.as_str(),
                "size": item.size,
            });
            if let Some(trouble) = &item.trouble {
                display["not_kept"] = trouble.as_str().into();
            }
            display
        });
        json!({
            "new": self.new,
            "changed": self.changed,
            "deleted": self.deleted,
            "not_kept": self.not_kept,
            "bytes": self.bytes,
            "until_utc": until.map(azml_core::run::format::moment),
            "first": first.collect::<Vec<_>>(),
        })
    }
}

/// The kept files of one run.
#[derive(Clone, Debug)]
pub struct KeptRun {
    folder: PathBuf,
}

impl KeptRun {
    /// Those of the run that was submitted as `run`, below the project's folder of kept files; `None` if nothing is kept.
    pub fn find(all: &Path, run: &RunId) -> Option<Self> {
        let folder = all.join(run.as_str());
        folder.is_dir().then_some(Self { folder })
    }

    /// All of a project, the oldest first.
    pub fn all(all: &Path) -> io::Result<Vec<(RunId, Self)>> {
        let entries = match fs::read_dir(all) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(id) = entry.file_name().to_str().and_then(|name| RunId::parse(name).ok()) {
                runs.push((id, Self { folder: entry.path() }));
            }
        }
        runs.sort_by(|(one, _), (other, _)| (one.epoch_ms(), one).cmp(&(other.epoch_ms(), other)));
        Ok(runs)
    }

    /// Their folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// When they were kept.
    pub fn since(&self) -> Option<Timestamp> {
        List::read(&self.folder).map(|list| list.kept_utc)
    }

    /// The number of files, and of the bytes that they take.
    pub fn totals(&self) -> io::Result<(usize, u64)> {
        if let Some(list) = List::read(&self.folder) {
            return Ok((list.files, list.bytes));
        }
        let summary = Summary::of(&self.items()?);
        Ok((summary.count(), summary.bytes))
    }

    /// All of them, sorted by path.
    pub fn items(&self) -> io::Result<Vec<Item>> {
        self.items_by(&List::read(&self.folder).unwrap_or_default(), &self.folder.join(REST))
    }

    /// All of them by a list, sorted by path; what could not be moved is in `rest`.
    fn items_by(&self, list: &List, rest: &Path) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        let files = self.folder.join(FILES);
        let at = |place: &Path, path: BString, found: &fs::Metadata| {
            let kind = if list.changed.contains(&path) { Kind::Changed } else { Kind::New };
            item(path, kind, place, found)
        };
        walk(&files, BStr::new(b""), &mut |path, place, found| items.push(at(place, path, found)))?;
        for path in &list.rest {
            let place = rest.join(native(path.as_bstr()));
            let before = items.len();
            let Ok(found) = fs::symlink_metadata(&place) else {
                items.push(absent(
                    path,
                    Kind::New,
                    Some(format!("it can't be reached in {}", quoted_path(rest))),
                ));
                continue;
            };
            // What can't be listed is named as a whole.
            let listed = found.is_dir()
                && walk(&place, path.as_bstr(), &mut |path, place, found| {
                    items.push(at(place, path, found));
                })
                .is_ok();
            if !listed || items.len() == before {
                items.push(at(&place, path.clone(), &found));
            }
        }
        items.extend(list.deleted.iter().map(|path| absent(path, Kind::Deleted, None)));
        items.extend(
            list.not_kept.iter().map(|(path, trouble)| absent(path, Kind::New, Some(trouble.clone()))),
        );
        items.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(items)
    }

    /// Removes all of them.
    pub fn remove(self) -> io::Result<()> {
        // Under another name nobody takes a part for the whole.
        let doomed = self.folder.with_file_name(format!(
            ".removed-{}-{}",
            std::process::id(),
            self.folder.file_name().unwrap_or_default().to_string_lossy()
        ));
        fs::rename(&self.folder, &doomed)?;
        remove_all(&doomed)
    }

    /// Removes some of them, and all that is left of the run's when there is no other.
    pub fn remove_items(self, items: &[Item]) -> io::Result<()> {
        let mut list = List::read(&self.folder).unwrap_or_default();
        for item in items {
            if let Some(place) = &item.place {
                remove_all(place)?;
                let mut above = place.parent();
                while let Some(folder) = above.filter(|above| *above != self.folder) {
                    if fs::remove_dir(folder).is_err() {
                        break;
                    }
                    above = folder.parent();
                }
            }
            list.changed.remove(&item.path);
            list.deleted.remove(&item.path);
            list.not_kept.remove(&item.path);
            list.rest.remove(&item.path);
        }
        let left = Summary::of(&self.items_by(&list, &self.folder.join(REST))?);
        if left.count() == 0 {
            return self.remove();
        }
        (list.files, list.bytes) = (left.count(), left.bytes);
        list.write(&self.folder)
    }
}

fn item(path: BString, kind: Kind, place: &Path, found: &fs::Metadata) -> Item {
    let (size, on_disk) = if found.is_file() {
        (found.len(), found.len().min(found.blocks().saturating_mul(512)))
    } else {
        (0, 0)
    };
    Item { path, kind, size, on_disk, place: Some(place.to_owned()), trouble: None }
}

fn absent(path: &BString, kind: Kind, trouble: Option<String>) -> Item {
    Item { path: path.clone(), kind, size: 0, on_disk: 0, place: None, trouble }
}

/// Calls `each` for every file, link and empty folder below `folder`, whose own path is `path`; nothing if there is none.
fn walk(folder: &Path, path: &BStr, each: &mut dyn FnMut(BString, &Path, &fs::Metadata)) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let (place, found) = (entry.path(), entry.metadata()?);
        let below = join(path, entry.file_name().as_bytes().as_bstr());
        let is_closed = found.is_dir() && super::disk::open_folder(&place).is_err();
        let is_empty = || fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none());
        if found.is_dir() && !is_closed && !is_empty() {
            walk(&place, below.as_bstr(), each)?;
        } else {
            each(below, &place, &found);
        }
    }
    Ok(())
}

/// The folder of a run whose script has ended.
pub(super) struct Ended<'a> {
    /// The run folder.
    pub(super) work: &'a Path,
    /// The files and folders that were made in it.
    pub(super) made: &'a Manifest,
    /// The project folder.
    pub(super) root: &'a Path,
    /// The files that are collected.
    pub(super) outputs: &'a Outputs,
    /// The folder for outputs.
    pub(super) attachments: &'a Path,
    /// The folder for everything else that the script wrote.
    pub(super) kept: &'a Path,
    /// The run's snapshot.
    pub(super) commit: Option<ObjectId>,
    pub(super) now: Timestamp,
}

/// The outcome for a run folder.
#[derive(Debug, Default)]
pub struct Collected {
    /// The files that the script left beside its outputs.
    pub left: Summary,
    /// Errors that did not stop anything.
    pub troubles: Vec<String>,
    /// Links in the place of outputs that lead out of the run's folder: not collected, kept as links.
    pub outside: Vec<Outside>,
    /// True if processes of the run are still at work in its folder: nothing was moved then.
    pub is_busy: bool,
    /// True if the run folder has nothing left in it but the snapshot's files.
    pub is_clear: bool,
}

impl Ended<'_> {
    /// Brings the outputs to the attachments and moves everything else that the script wrote into the folder of kept files.
    ///
    /// `step` is called before each change of the disk.
    pub(super) fn keep(&self, step: &dyn Fn()) -> io::Result<Collected> {
        let place = self.place(true)?;
        let mut found = place.gather()?;
        let mut troubles = Vec::new();
        self.copy_outputs(&place, &mut found, true, &mut troubles);
        let outside = std::mem::take(&mut found.outside);
        let earlier = List::read(self.kept);
        let files = self.kept.join(FILES);
        let mut list = List { kept_utc: self.now, ..earlier.clone().unwrap_or_default() };
        list.commit = self.commit.map(|commit| commit.to_string());
        list.changed.append(&mut found.changed);
        list.not_kept.append(&mut found.not_kept);
        list.deleted.clear();
        for path in found.deleted {
            // Moved by an azml that was killed before it came to the list, or collected.
            if fs::symlink_metadata(files.join(native(path.as_bstr()))).is_ok() {
                list.changed.insert(path);
            } else if fs::symlink_metadata(self.attachments.join(native(path.as_bstr()))).is_err() {
                list.deleted.insert(path);
            }
        }
        let is_nothing = found.tops.is_empty()
            && list.changed.is_empty()
            && list.deleted.is_empty()
            && list.not_kept.is_empty();
        if is_nothing && !self.kept.exists() {
            return Ok(Collected { troubles, outside, is_clear: true, ..Collected::default() });
        }
        fs::create_dir_all(&files)?;
        for path in found.tops {
            let (from, to) = (self.work.join(native(path.as_bstr())), files.join(native(path.as_bstr())));
            if let Err(error) = move_to(&from, &to, step) {
                troubles.push(format!("cannot move {}: {error}", quoted_path(&from)));
                list.rest.insert(path);
            }
        }
        let kept = KeptRun { folder: self.kept.to_owned() };
        let left = Summary::of(&kept.items_by(&list, self.work)?);
        (list.files, list.bytes) = (left.count(), left.bytes);
        step();
        list.write(self.kept)?;
        let is_clear = list.rest.is_empty();
        if !is_clear {
            // Nothing is deleted that could not be moved: the run folder itself is kept.
            step();
            move_to(self.work, &self.kept.join(REST), &|| {})?;
        }
        Ok(Collected { left, troubles, outside, is_busy: false, is_clear })
    }

    /// Copies the outputs that there are so far, and says what else there is; nothing is moved.
    pub(super) fn scan(&self) -> io::Result<Collected> {
        let place = self.place(false)?;
        let mut found = place.gather()?;
        let mut troubles = Vec::new();
        self.copy_outputs(&place, &mut found, false, &mut troubles);
        let left = Summary::of(&self.items_of(&found));
        Ok(Collected { left, troubles, outside: found.outside, is_busy: true, is_clear: false })
    }

    /// The files that the script has left so far, outputs aside.
    pub(super) fn items(&self) -> io::Result<Vec<Item>> {
        Ok(self.items_of(&self.place(false)?.gather()?))
    }

    fn items_of(&self, found: &Gathered) -> Vec<Item> {
        let mut items = Vec::new();
        for path in &found.tops {
            let place = self.work.join(native(path.as_bstr()));
            let kind = if found.changed.contains(path) { Kind::Changed } else { Kind::New };
            let Ok(there) = fs::symlink_metadata(&place) else { continue };
            let before = items.len();
            if there.is_dir() {
                drop(walk(&place, path.as_bstr(), &mut |path, place, there| {
                    items.push(item(path, Kind::New, place, there));
                }));
            }
            if items.len() == before {
                items.push(item(path.clone(), kind, &place, &there));
            }
        }
        items.extend(found.deleted.iter().map(|path| absent(path, Kind::Deleted, None)));
        items.extend(found.not_kept.iter().map(|(path, why)| absent(path, Kind::New, Some(why.clone()))));
        items.sort_by(|one, other| one.path.cmp(&other.path));
        items
    }

    fn place(&self, may_mend: bool) -> io::Result<Place<'_>> {
        let source = Source::open(self.work)?;
        Ok(Place {
            work: self.work,
            source,
            made: self.made,
            root: self.root,
            outputs: self.outputs,
            may_mend,
        })
    }

    fn copy_outputs(
        &self,
        place: &Place<'_>,
        found: &mut Gathered,
        may_move: bool,
        troubles: &mut Vec<String>,
    ) {
        let mut outputs = std::mem::take(&mut found.outputs);
        // Links first, while what they lead to is in its place.
        let is_file = |path: &BString| {
            fs::symlink_metadata(self.work.join(native(path.as_bstr())))
                .is_ok_and(|found| !found.is_symlink())
        };
        outputs.sort_by_cached_key(is_file);
        for path in outputs {
            let copied = fs::create_dir_all(self.attachments)
                .and_then(|()| place.source.transfer(path.as_bstr(), self.attachments, may_move));
            if let Err(error) = copied {
                let from = self.work.join(native(path.as_bstr()));
                troubles.push(format!("cannot collect {}: {error}", quoted_path(&from)));
                // It is kept all the same.
                found.tops.push(path);
            }
        }
    }
}
