//! The outputs and logs of a run, in `<history>/azml/runs/<run_id>/`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;
use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::quote::{quoted_path, unquoted};
use azml_core::run::RunRecord;
use gix::ObjectId;
use jiff::Timestamp;

use super::disk::NO_LINK;
use crate::env::host_name;
use crate::limits::METRICS_FILE;
use crate::metrics;

/// The script's output.
pub const DRIVER_LOG: &str = "driver_log.txt";
/// The output of the commands that came before the script.
pub const PREPARE_LOG: &str = "prepare_log.txt";
/// The packages of the environment that azml made for the run.
pub const INSTALLED_PACKAGES: &str = "installed_packages.txt";
/// The log of azml's own steps for the run.
pub const CONTROL_LOG: &str = "control_log.txt";

/// Returns whether an attachment is one of azml's own logs or of what the script logged.
pub fn is_log(name: &Path) -> bool {
    [DRIVER_LOG, PREPARE_LOG, INSTALLED_PACKAGES, CONTROL_LOG, metrics::FILE]
        .iter()
        .any(|log| name == Path::new(log))
}

/// A run's attachments on disk.
#[derive(Clone, Debug)]
pub struct Attachments {
    folder: PathBuf,
}

impl Attachments {
    /// Those of `run`.
    pub fn of(history: &HistoryRepo, run: &RunId) -> Self {
        Self { folder: history.run_folder(run) }
    }

    /// Those in a folder.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Those of a recorded run, where they are here: a run of this computer has them under the id that it was submitted
    /// as, one of another computer where they were brought.
    pub fn of_record(history: &HistoryRepo, record: &RunRecord) -> Self {
        let own = Self::of(history, &record.submitted_as());
        let is_ours = record.host.as_deref().is_none_or(|host| host == host_name());
        match record.attachments_id() {
            Some(commit) if !(is_ours && own.folder.is_dir()) => Self::at(fetched_folder(history, commit)),
            _ => own,
        }
    }

    /// Their folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The texts of their paths with `/`, sorted by the paths; none if there is no folder.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let files = self.files()?;
        Ok(files.into_iter().map(|(path, _)| quoted_path(&path).into_owned()).collect())
    }

    /// Their paths and lengths, sorted; none if there is no folder. A link that a script made there is none of them.
    pub fn files(&self) -> io::Result<Vec<(PathBuf, u64)>> {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(self.folder.join(&folder)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let name = folder.join(entry.file_name());
                let found = entry.metadata()?;
                if found.is_dir() {
                    folders.push(name);
                } else if found.is_file() {
                    files.push((name, found.len()));
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// Adds a copy of a file to which a script logged; a link is none, and is not written through either.
    pub fn add(&self, name: &Path, from: &Path) -> io::Result<()> {
        let from = File::options().read(true).custom_flags(NO_LINK).open(from)?;
        fs::create_dir_all(&self.folder)?;
        let mut to = Dir::open(&self.folder)?.create_file_below(name)?;
        io::copy(&mut from.take(METRICS_FILE), &mut to).map(drop)
    }

    /// The path that a user means: as it is on the disk, or as its text.
    pub fn path_of(&self, given: &OsStr) -> PathBuf {
        let meant = unquoted(given.as_bytes());
        let given = Path::new(given);
        if self.open(given).is_ok_and(|found| found.is_some()) {
            given.into()
        } else {
            OsStr::from_bytes(&meant).into()
        }
    }

    /// One of them, open; `None` if there is none of that path. No link is followed.
    pub fn open(&self, path: &Path) -> io::Result<Option<File>> {
        match Dir::open(&self.folder).and_then(|folder| folder.open_file_below(path)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            opened => Ok(opened.ok()),
        }
    }
}

/// The log of what azml does for a run.
#[derive(Debug)]
pub struct ControlLog {
    file: File,
}

impl ControlLog {
    /// Makes the folder and the log in it.
    pub fn create(attachments: &Attachments) -> io::Result<Self> {
        fs::create_dir_all(attachments.folder())?;
        Ok(Self { file: File::create(attachments.folder().join(CONTROL_LOG))? })
    }

    /// Opens the log of a run that another azml began.
    pub fn append(attachments: &Attachments) -> io::Result<Self> {
        fs::create_dir_all(attachments.folder())?;
        let path = attachments.folder().join(CONTROL_LOG);
        Ok(Self { file: File::options().create(true).append(true).custom_flags(NO_LINK).open(path)? })
    }

    /// Adds a line.
    pub fn say(&mut self, now: Timestamp, text: &str) {
        tracing::info!("{text}");
        if let Err(error) = writeln!(self.file, "{now} {text}") {
            tracing::warn!(%error, "the control log can't be written");
        }
    }
}

/// The folder of the attachments in `commit` that were fetched.
pub fn fetched_folder(history: &HistoryRepo, commit: ObjectId) -> PathBuf {
    history.own_folder().join("fetched").join(commit.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn attachments_are_listed_and_read_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let attachments = Attachments { folder: dir.path().join("run") };
        assert!(attachments.list().unwrap().is_empty());
        fs::create_dir_all(attachments.folder().join("outputs/a")).unwrap();
        fs::write(attachments.folder().join("outputs/a/x"), "1").unwrap();
        fs::write(attachments.folder().join("driver_log.txt"), "2").unwrap();
        fs::write(dir.path().join("secret"), "3").unwrap();
        assert_eq!(attachments.list().unwrap(), ["driver_log.txt", "outputs/a/x"]);
        let mut text = String::new();
        attachments.open(Path::new("outputs/a/x")).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "1");
        for outside in ["../secret", "/etc/passwd", "outputs/../../secret", "outputs", "nope"] {
            assert!(attachments.open(Path::new(outside)).unwrap().is_none(), "{outside}");
        }
    }
}
