//! What stays of a run beside its record: `<history>/azml/runs/<run_id>/` with outputs and logs.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::run::RunRecord;
use jiff::Timestamp;

/// The script's output.
pub const DRIVER_LOG: &str = "driver_log.txt";
/// What azml did for the run, and when.
pub const CONTROL_LOG: &str = "control_log.txt";

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

    /// Those of a recorded run. They were collected under the id that it was submitted as.
    pub fn of_record(history: &HistoryRepo, record: &RunRecord) -> Self {
        Self::of(history, &record.submitted_as())
    }

    /// Their folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Their paths with `/`, sorted; none if there is no folder.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut folders = vec![(self.folder.clone(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    folders.push((entry.path(), name + "/"));
                } else {
                    paths.push(name);
                }
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// The content of one; `None` if there is none of that path.
    pub fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.folder.join(path);
        if !inside || !file.is_file() {
            return Ok(None);
        }
        fs::read(file).map(Some)
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

    /// Adds a line.
    pub fn say(&mut self, now: Timestamp, text: &str) {
        tracing::info!("{text}");
        if let Err(error) = writeln!(self.file, "{now} {text}") {
            tracing::warn!(%error, "the control log can't be written");
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(attachments.read("outputs/a/x").unwrap().as_deref(), Some(&b"1"[..]));
        for outside in ["../secret", "/etc/passwd", "outputs/../../secret", "outputs", "nope"] {
            assert_eq!(attachments.read(outside).unwrap(), None, "{outside}");
        }
    }
}
