//! The file `azml/held-back`: the paths that are held back from snapshots.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use gix::bstr::{BString, ByteSlice};

use super::{Error, HistoryRepo};
use crate::{ignore::Held, io_error::IoError};

impl HistoryRepo {
    /// The file that lists the paths that are held back.
    pub(crate) fn held_back_path(&self) -> PathBuf {
        self.own_folder().join("held-back")
    }

    /// Paths that are held back from snapshots.
    pub fn held_back(&self) -> Result<Held, Error> {
        let path = self.held_back_path();
        match crate::small_file::read_at_most(&path, crate::limits::HELD_BACK) {
            Ok(text) => Held::parse(&text).ok_or(Error::HeldBack { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Held::default()),
            Err(source) => Err(IoError { action: "read", path, source }.into()),
        }
    }

    /// Holds back these paths, too; folders end with a slash.
    pub(crate) fn hold_back(&self, paths: &BTreeSet<BString>) -> Result<(), Error> {
        let mut lines = self.held_back()?.lines();
        lines.extend(paths.iter().map(|path| match path.strip_suffix(b"/") {
            Some(folder) => Held::line(folder.as_bstr(), true),
            None => Held::line(path.as_bstr(), false),
        }));
        self.set_held_back(&lines)
    }

    /// Holds back exactly these lines of [`Held`].
    pub(crate) fn set_held_back(&self, lines: &BTreeSet<BString>) -> Result<(), Error> {
        let path = self.held_back_path();
        if lines.is_empty() {
            return Ok(std::fs::remove_file(&path).map_err(IoError::of("remove", &path))?);
        }
        let workspace = self.workspace()?;
        let beside = workspace.join("held-back");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&Held::text(lines))?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)?;
            // The name, too: a restore that a power cut ends may be finished, and the next snapshot asks.
            File::open(self.own_folder())?.sync_all()
        };
        Ok(write().map_err(IoError::of("write", &path))?)
    }
}
