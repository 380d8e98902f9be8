//! The journal: what a restore is about to do, on the disk before it does it.
//!
//! JSON of one version in `<history>/azml/restore-journal`, there exactly while a restore is under
//! way. It is written beside its place, flushed, and moved there, so it is whole or absent.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use gix::{
    ObjectId, actor,
    bstr::{BString, ByteSlice},
    objs::tree::EntryKind,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};

use super::{Change, Error, steps::Counter};
use crate::{
    checkout::{listing::Entry, path},
    dir::Dir,
    io_error::IoError,
    limits::RESTORE_JOURNAL,
    small_file,
};

/// The version that this code writes and reads.
const VERSION: u64 = 1;
/// The version of a journal with large files.
const VERSION_LARGE: u64 = 2;

/// Bytes that are not written as themselves.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'"').add(b'\\');

/// The record of a restore under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Journal {
    /// The number of its backup.
    pub(super) number: u64,
    /// The backup's commit.
    pub(super) backup: ObjectId,
    /// The tree being restored.
    pub(super) target: ObjectId,
    /// The author of the restore.
    pub(super) by: actor::Signature,
    /// Every path that changes, sorted.
    pub(super) changes: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    number: u64,
    backup: String,
    target: String,
    name: String,
    email: String,
    seconds: i64,
    offset: i32,
    /// Path, before, after.
    changes: Vec<(String, Option<String>, Option<String>)>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// The state of a project's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JournalState {
    /// No restore is under way.
    None,
    /// One is: the next command ends it.
    Pending,
    /// There is one that can't be read, for this reason.
    Damaged(String),
}

/// Looks at the journal, and changes nothing.
pub(crate) fn journal_state(history: &crate::history::HistoryRepo) -> JournalState {
    match Journal::read(&history.restore_journal_path()) {
        Ok(None) => JournalState::None,
        Err(Error::DamagedJournal { why, .. }) => JournalState::Damaged(why),
        // A newer one is whole, and a newer azml's to end.
        Ok(Some(_)) | Err(_) => JournalState::Pending,
    }
}

impl Journal {
    /// Returns the part that the names of this restore's temporary files share.
    pub(super) fn token(&self) -> String {
        self.backup.to_hex_with_len(12).to_string()
    }

    /// Puts it on the disk, for good; before it counts, the file that it relies on.
    pub(super) fn write(
        &self,
        path: &Path,
        relies_on: Option<PathBuf>,
        steps: &Counter<'_>,
    ) -> Result<(), Error> {
        const WRITE: &str = "write the restore journal";
        let beside = path.with_extension("new");
        let (folder, name) = open_folder(path).map_err(IoError::of(WRITE, path))?;
        let name_beside = BString::from(format!("{name}.new"));
        steps.before("write the journal beside its place")?;
        let write = || {
            folder.remove_file(name_beside.as_bstr())?;
            folder.new_file(name_beside.as_bstr(), 0o666)?.write_all(&self.to_bytes())
        };
        write().map_err(IoError::of(WRITE, &beside))?;
        super::flush::flush_each(relies_on.into_iter().chain([beside]))?;
        steps.before("move the journal to its place")?;
        folder.rename(name_beside.as_bstr(), name.as_bstr()).map_err(IoError::of(WRITE, path))?;
        sync_parent(path)
    }

    /// Takes it off the disk: the restore is done.
    pub(super) fn remove(path: &Path, steps: &Counter<'_>) -> Result<(), Error> {
        steps.before("remove the journal")?;
        let removed = open_folder(path).and_then(|(folder, name)| folder.remove_file(name.as_bstr()));
        removed.map_err(IoError::of("remove the restore journal", path))?;
        sync_parent(path)
    }

    /// Reads the journal at `path`, if there is one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match small_file::read_at_most(path, RESTORE_JOURNAL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(IoError::of("read the restore journal", path)(error).into()),
        };
        let damaged = |why: String| Error::DamagedJournal { path: path.to_owned(), why };
        let Version { version } = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if version != VERSION && version != VERSION_LARGE {
            return Err(Error::NewerJournal { path: path.to_owned(), version });
        }
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        Self::from_stored(stored).map(Some).map_err(damaged)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let entry = |entry: &Entry| {
            let large = if entry.is_large { "large-" } else { "" };
            format!("{large}{} {}", word(entry.kind), entry.id)
        };
        let is_large = |entry: Option<Entry>| entry.is_some_and(|entry| entry.is_large);
        let has_large = self.changes.iter().any(|change| is_large(change.before) || is_large(change.after));
        let changes = self.changes.iter().map(|change| {
            (escape(&change.path), change.before.as_ref().map(entry), change.after.as_ref().map(entry))
        });
        let stored = Stored {
            version: if has_large { VERSION_LARGE } else { VERSION },
            number: self.number,
            backup: self.backup.to_string(),
            target: self.target.to_string(),
            name: escape(&self.by.name),
            email: escape(&self.by.email),
            seconds: self.by.time.seconds,
            offset: self.by.time.offset,
            changes: changes.collect(),
        };
        serde_json::to_vec(&stored).expect("numbers and texts are always JSON")
    }

    fn from_stored(stored: Stored) -> Result<Self, String> {
        let mut changes = Vec::with_capacity(stored.changes.len());
        for (path, before, after) in stored.changes {
            let path = unescape(&path);
            let (before, after) =
                (before.map(|e| entry(&e)).transpose()?, after.map(|e| entry(&e)).transpose()?);
            // It is ours, and still no reason to leave the folder.
            path::check(path.as_ref(), false).map_err(|why| format!("`{path}`: {why}"))?;
            changes.push(Change { path, before, after });
        }
        Ok(Self {
            number: stored.number,
            backup: id(&stored.backup)?,
            target: id(&stored.target)?,
            by: actor::Signature {
                name: unescape(&stored.name),
                email: unescape(&stored.email),
                time: gix::date::Time { seconds: stored.seconds, offset: stored.offset },
            },
            changes,
        })
    }
}

/// Opens the folder of the journal, which is one of the history repository; gives it and the journal's name.
fn open_folder(path: &Path) -> io::Result<(Dir, BString)> {
    let name = path::from_native(Path::new(path.file_name().unwrap_or_default()));
    let folder = path.parent().unwrap_or(path);
    let own = path::from_native(Path::new(folder.file_name().unwrap_or_default()));
    let history = Dir::open(folder.parent().unwrap_or(folder))?;
    Ok((history.below(own.as_bstr())?, name))
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(IoError::of("flush folder", folder))?;
    }
    Ok(())
}

fn escape(bytes: &BString) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}

fn unescape(text: &str) -> BString {
    percent_decode_str(text).collect::<Vec<u8>>().into()
}

fn id(hex: &str) -> Result<ObjectId, String> {
    ObjectId::from_hex(hex.as_bytes()).map_err(|_| format!("`{hex}` is no object id"))
}

fn word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::BlobExecutable => "executable",
        EntryKind::Link => "link",
        _ => "file",
    }
}

fn entry(text: &str) -> Result<Entry, String> {
    let (word, hex) = text.split_once(' ').ok_or_else(|| format!("`{text}` is no entry"))?;
    let (is_large, word) = word.strip_prefix("large-").map_or((false, word), |word| (true, word));
    let kind = match word {
        "file" => EntryKind::Blob,
        "executable" => EntryKind::BlobExecutable,
        "link" => EntryKind::Link,
        _ => return Err(format!("`{word}` is no kind of entry")),
    };
    Ok(Entry { kind, id: id(hex)?, is_large })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sample() -> Journal {
        let id = |n: u8| ObjectId::from_bytes_or_panic(&[n; 20]);
        let file = Entry { kind: EntryKind::Blob, id: id(1), is_large: false };
        let link = Entry { kind: EntryKind::Link, id: id(2), is_large: false };
        let change = |path: &[u8], before, after| Change { path: path.as_bstr().to_owned(), before, after };
        Journal {
            number: 7,
            backup: id(3),
            target: id(4),
            by: actor::Signature {
                name: "Ünal \"x\"".into(),
                email: "u@example.com".into(),
                time: gix::date::Time { seconds: 1_500_000_000, offset: 3600 },
            },
            changes: vec![
                change("a b/ü%.txt".as_bytes(), Some(file), Some(link)),
                change(
                    b"line\nbreak\xff",
                    None,
                    Some(Entry { kind: EntryKind::BlobExecutable, id: id(5), is_large: false }),
                ),
                change(b"z", Some(link), None),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restore-journal");
        assert_eq!(Journal::read(&path).unwrap(), None);
        sample().write(&path, None, &Counter::new(&super::super::NoSteps)).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), Some(sample()));
        Journal::remove(&path, &Counter::new(&super::super::NoSteps)).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), None);
    }

    #[test]
    fn the_stored_form_is_the_one_other_versions_know() {
        let stored = String::from_utf8(sample().to_bytes()).unwrap();
        assert_eq!(stored, include_str!("golden/journal-v1.json").trim_end());
    }

    #[test]
    fn one_with_large_files_is_of_a_version_of_its_own() {
        let mut journal = sample();
        let large = Entry { is_large: true, ..journal.changes[0].before.expect("a file") };
        journal.changes[0].after = Some(large);
        let stored = String::from_utf8(journal.to_bytes()).unwrap();
        assert!(stored.starts_with(r#"{"version":2,"#) && stored.contains(r#""large-file 01"#), "{stored}");
        assert_eq!(Journal::from_stored(serde_json::from_str(&stored).unwrap()), Ok(journal));
    }

    #[test]
    fn a_newer_or_damaged_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restore-journal");
        let newer = sample().to_bytes().replace(r#""version":1"#, r#""version":3,"more":[]"#);
        fs::write(&path, newer).unwrap();
        assert!(matches!(Journal::read(&path), Err(Error::NewerJournal { version: 3, .. })));
        for bad in ["", "{", "{\"version\":1}", "[]"] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Journal::read(&path), Err(Error::DamagedJournal { .. })), "{bad}");
        }
        fs::write(&path, sample().to_bytes().replace("\"z\"", "\"../z\"")).unwrap();
        assert!(matches!(Journal::read(&path), Err(Error::DamagedJournal { .. })));
    }
}
