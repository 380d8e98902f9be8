//! Saved states: the whole state under a name, in the folder `saved/NAME` of the data directory, and the way back to it.
//!
//! A saved state has a copy of the database, the folders of all repositories, the large files that they have, and what the
//! server held in memory. Files that are never written into are shared with those in use (see `copies`), so that neither
//! way copies much.
//!
//! Whoever calls this has made sure that nothing else uses repositories.

mod copies;
mod restore;

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lfs_wire::Oid;
use rustix::fs::{CWD, RenameFlags};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;
use thiserror::Error;

use super::{State, StateError, database, folders, io as failed, private, repo_path};
use crate::directory::{Attachment, Directory};
use crate::limits::{SAVED_BYTES, SAVED_FILES, SAVED_NAME_BYTES, SAVED_STATES};
use copies::Copied;
pub(super) use restore::finish;

/// The folder of all saved states.
const SAVED: &str = "saved";
/// The version of the files in a saved state, besides the database, which has its own.
const FORMAT: u32 = 1;
const ABOUT: &str = "about.json";
const MEMORY: &str = "memory.json";
const DATABASE: &str = "state.sqlite";
const REPOS: &str = "repos";
const LFS: &str = "lfs";

/// The reason why a state is not saved, found or gone back to.
#[derive(Debug, Error)]
pub enum SavedError {
    /// The name is no name of a saved state.
    #[error("a saved state's name has 1 to {SAVED_NAME_BYTES} letters and digits of ASCII, '_' and '-'")]
    Name,
    /// There are too many.
    #[error(
        "there are {SAVED_STATES} saved states, the most that a server keeps; remove one: DELETE /_mock/snapshots/NAME"
    )]
    TooMany,
    /// They would be too large.
    #[error(
        "all saved states together may have {} GiB, and one {SAVED_FILES} files; this one would exceed that. Remove others: \
         DELETE /_mock/snapshots/NAME",
        SAVED_BYTES >> 30
    )]
    TooLarge,
    /// A newer version has saved it.
    #[error(
        "the saved state {name:?} has format {found}, and this version of vsts-mock knows formats up to {FORMAT}"
    )]
    Newer {
        /// Its name.
        name: String,
        /// Its format.
        found: u32,
    },
    /// A newer version has saved it, and changed its database.
    #[error(
        "a newer version of vsts-mock has saved the state {name:?}, and this version does not know its database; use that version"
    )]
    NewerDatabase {
        /// Its name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no saved state named {name:?}; GET /_mock/snapshots lists them")]
    NotFound {
        /// The name.
        name: String,
    },
    /// A file of it is not as it was written.
    #[error("{} is damaged. Remove the saved state: DELETE /_mock/snapshots/NAME", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The name of a saved state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StateName(String);

impl StateName {
    pub(crate) fn parse(name: &str) -> Result<Self, SavedError> {
        let is_fine = (1..=SAVED_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if is_fine { Ok(Self(name.to_owned())) } else { Err(SavedError::Name) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A saved state, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The time when it was saved.
    pub created: Timestamp,
    /// The bytes of its files, also of those that it shares with the state in use and with other saved states.
    pub bytes: u64,
    /// The numbers of things in it.
    pub counts: SavedCounts,
}

/// The numbers of things in a saved state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedCounts {
    /// Users.
    pub users: usize,
    /// Accounts.
    pub accounts: usize,
    /// Projects.
    pub projects: usize,
    /// Repositories that are not in the recycle bin.
    pub repositories: usize,
    /// Pull requests.
    pub pull_requests: usize,
    /// Work items.
    pub work_items: usize,
    /// Large files, each counted once.
    pub large_files: usize,
}

/// The file [`ABOUT`].
#[derive(Serialize)]
struct About<'s> {
    format: u32,
    #[serde(flatten)]
    state: &'s SavedState,
}

/// As much of it as every version can read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

type Result<T, E = SavedError> = std::result::Result<T, E>;

impl State {
    /// Saves the state under a name, with `memory`, and puts it in the place of the one that had the name.
    pub(crate) async fn save(&self, name: &StateName, memory: Vec<u8>, now: Timestamp) -> Result<SavedState> {
        let _writer = self.writer.lock().await;
        let others: Vec<SavedState> =
            self.saved()?.into_iter().filter(|other| other.name != name.as_str()).collect();
        if others.len() >= SAVED_STATES {
            return Err(SavedError::TooMany);
        }
        let large_files = contents(&self.pool).await?;
        let saved = self.saved_folder();
        private::make_folder(&saved).map_err(failed("create", &saved))?;
        let owner = Permissions::from_mode(0o700);
        let making = tempfile::Builder::new().prefix(".making-").permissions(owner).tempdir_in(&saved);
        let making = making.map_err(failed("create a folder in", &saved))?;
        let folder = making.path().to_owned();
        let copy = folder.join(DATABASE);
        private::make_file(&copy).map_err(failed("create", &copy))?;
        let copying = sqlx::query("VACUUM INTO ?").bind(copy.to_string_lossy().into_owned());
        copying.execute(&self.pool).await.map_err(database("be copied"))?;

        let directory = self.directory();
        let used = others.iter().fold(0, |sum: u64, other| sum.saturating_add(other.bytes));
        let mut state = SavedState {
            name: name.as_str().to_owned(),
            created: now,
            bytes: 0,
            counts: counts(&directory, large_files.len()),
        };
        let (root, is_durable) = (self.dir.clone(), self.is_durable);
        let work = move || -> Result<SavedState> {
            let bytes = fs::metadata(&copy).map_err(failed("look at", &copy))?.len();
            let mut copied = Copied { files: 3, bytes };
            let all = directory.repos.keys().chain(directory.deleted_repos.keys());
            let check = |copied: &Copied| {
                let is_fine = copied.files <= SAVED_FILES && used.saturating_add(copied.bytes) <= SAVED_BYTES;
                if is_fine { Ok(()) } else { Err(SavedError::TooLarge) }
            };
            for id in all {
                let (from, to) = (repo_path(&root.join(REPOS), *id), repo_path(&folder.join(REPOS), *id));
                // One whose folder is lost was reported at the start; it stays lost.
                if from.exists() {
                    copied.repository(&from, &to).map_err(failed("copy", &from))?;
                }
                check(&copied)?;
            }
            copy_large_files(&large_files, &root.join(LFS), &folder.join(LFS), &mut copied)?;
            check(&copied)?;
            state.bytes = copied.bytes;
            let about = About { format: FORMAT, state: &state };
            let about = serde_json::to_vec_pretty(&about).map_err(io::Error::other);
            for (name, bytes) in [(MEMORY, Ok(memory)), (ABOUT, about)] {
                let path = folder.join(name);
                bytes.and_then(|bytes| write(&path, &bytes)).map_err(failed("write", &path))?;
            }
            if is_durable {
                sync_all(&folder)?;
            }
            Ok(state)
        };
        let state = tokio::task::spawn_blocking(work).await.expect("copying does not panic")?;
        let path = saved.join(name.as_str());
        let placed = if path.exists() {
            // At no moment is there none of that name.
            let exchange = RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(CWD, making.path(), CWD, &path, exchange).map_err(io::Error::from)
        } else {
            fs::rename(making.path(), &path)
        };
        placed.map_err(failed("create", &path))?;
        throw_away(vec![making.keep()]);
        Ok(state)
    }

    /// All saved states, by name.
    pub(crate) fn saved(&self) -> Result<Vec<SavedState>> {
        let folder = self.saved_folder();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("look through", &folder))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("look through", &folder))?.file_name();
            if let Some(name) = name.to_str().and_then(|name| StateName::parse(name).ok()) {
                match self.about(&name) {
                    Ok(state) => all.push(state),
                    Err(error) => tracing::warn!(name = name.as_str(), %error, "a saved state is not listed"),
                }
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Removes a saved state; returns whether there was one.
    pub(crate) async fn remove_saved(&self, name: &StateName) -> Result<bool> {
        let _writer = self.writer.lock().await;
        let path = self.saved_folder().join(name.as_str());
        if !path.exists() {
            return Ok(false);
        }
        let mut folders = folders::Folders::default();
        folders.discarded.push(path);
        throw_away(folders.keep());
        Ok(true)
    }

    fn saved_folder(&self) -> PathBuf {
        self.dir.join(SAVED)
    }

    fn about(&self, name: &StateName) -> Result<SavedState> {
        let path = self.saved_folder().join(name.as_str()).join(ABOUT);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SavedError::NotFound { name: name.as_str().to_owned() });
            }
            read => read.map_err(failed("read", &path))?,
        };
        let damaged = |_| SavedError::Damaged { path: path.clone() };
        let Format { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format > FORMAT {
            return Err(SavedError::Newer { name: name.as_str().to_owned(), found: format });
        }
        let mut state: SavedState = serde_json::from_slice(&text).map_err(damaged)?;
        name.as_str().clone_into(&mut state.name);
        Ok(state)
    }
}

/// Removes what a killed server has left of states that it was saving, removing or leaving.
pub(super) fn sweep(dir: &Path) -> io::Result<()> {
    folders::sweep(dir)?;
    let saved = dir.join(SAVED);
    if saved.exists() {
        folders::sweep(&saved)?;
        for entry in fs::read_dir(&saved)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                folders::remove(&entry.path());
            }
        }
    }
    Ok(())
}

/// The contents that a database names, each once: those of Git LFS, and those of attachments.
async fn contents(pool: &SqlitePool) -> Result<Vec<(Oid, u64)>, StateError> {
    let mut all = BTreeMap::new();
    let rows = sqlx::query("SELECT DISTINCT oid, size FROM lfs_objects").fetch_all(pool).await;
    for row in rows.map_err(database("read"))? {
        let size: i64 = row.get("size");
        all.insert(row.get::<String, _>("oid"), u64::try_from(size).unwrap_or_default());
    }
    let rows = sqlx::query("SELECT fields FROM pull_request_attachments").fetch_all(pool).await;
    for row in rows.map_err(database("read"))? {
        let fields: String = row.get("fields");
        let read = serde_json::from_str(&fields);
        let Attachment { oid, size, .. } =
            read.map_err(|_| StateError::Row { what: "attachment", value: fields })?;
        all.insert(oid, size);
    }
    let parsed = |(oid, size): (String, u64)| match oid.parse() {
        Ok(parsed) => Ok((parsed, size)),
        Err(_) => Err(StateError::Row { what: "object id", value: oid }),
    };
    all.into_iter().map(parsed).collect()
}

fn copy_large_files(objects: &[(Oid, u64)], from: &Path, to: &Path, copied: &mut Copied) -> Result<()> {
    for (oid, size) in objects {
        let path = from.join(oid.store_path());
        match copied.file(&path, &to.join(oid.store_path()), *size) {
            // A content that is lost is told to whoever wants it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done.map_err(failed("copy", &path))?,
        }
    }
    Ok(())
}

fn counts(directory: &Directory, large_files: usize) -> SavedCounts {
    SavedCounts {
        users: directory.users.len(),
        accounts: directory.accounts.len(),
        projects: directory.projects.len(),
        repositories: directory.repos.len(),
        pull_requests: directory.pulls.all.len(),
        work_items: directory.work.all.len(),
        large_files,
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    private::make_file(path)?.write_all(bytes)
}

/// Has all that was written to the file system of a folder on the disk.
fn sync_all(folder: &Path) -> Result<(), StateError> {
    let synced = File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
    synced.map_err(failed("write through", folder))
}

fn throw_away(trash: Vec<PathBuf>) {
    if !trash.is_empty() {
        tokio::task::spawn_blocking(move || trash.iter().for_each(|path| folders::remove(path)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of a saved state as the first version has written it.
    const FIRST: &str = r#"{"format": 1, "name": "full", "created": "2026-11-29T15:00:00Z", "bytes": 4096, "counts": {
        "users": 4, "accounts": 1, "projects": 1, "repositories": 2, "pullRequests": 1, "workItems": 3, "largeFiles": 5}}"#;

    #[test]
    fn what_the_first_version_has_written_is_read() {
        let Format { format } = serde_json::from_str(FIRST).unwrap();
        let state: SavedState = serde_json::from_str(FIRST).unwrap();
        assert_eq!((format, state.name.as_str(), state.bytes), (1, "full", 4096));
        let written = serde_json::to_value(About { format, state: &state }).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(FIRST).unwrap());
    }

    #[test]
    fn names_cannot_lead_anywhere_else() {
        for name in ["a", "signed-in", "V1_2", &"a".repeat(SAVED_NAME_BYTES)] {
            assert!(StateName::parse(name).is_ok(), "{name}");
        }
        let long = "a".repeat(SAVED_NAME_BYTES + 1);
        for name in ["", ".", "..", ".making-x", "a.trash", "a/b", "a b", "ä", "a\0", "%2e", &long] {
            assert!(StateName::parse(name).is_err(), "{name}");
        }
    }
}
