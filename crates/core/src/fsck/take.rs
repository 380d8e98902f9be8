//! Taking in the objects of another repository on the same file system, by moving its files.

use std::path::Path;

use super::Error;
use crate::{history::HistoryRepo, io_error::IoError};

/// Moves the packs and loose objects of `from`, which nobody else uses, to where `history` finds them.
pub fn take_objects(history: &HistoryRepo, from: &HistoryRepo) -> Result<(), Error> {
    let (source, target) = (from.path().join("objects"), history.path().join("objects"));
    for folder in std::fs::read_dir(&source).map_err(IoError::of("list", &source))?.flatten() {
        let name = folder.file_name();
        if folder.path().is_dir() && name != "info" {
            take_folder(&folder.path(), &target.join(name))?;
        }
    }
    Ok(())
}

fn take_folder(source: &Path, target: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(target).map_err(IoError::of("make folder", target))?;
    let mut files: Vec<_> = std::fs::read_dir(source)
        .map_err(IoError::of("list", source))?
        .flatten()
        .map(|file| file.path())
        .collect();
    // An index comes last: with it a pack is there.
    files.sort_by_key(|file| file.extension().is_some_and(|extension| extension == "idx"));
    for file in files {
        let place = target.join(file.file_name().unwrap_or_default());
        if !place.exists() {
            std::fs::rename(&file, &place).map_err(IoError::of("move", &file))?;
        }
    }
    Ok(())
}
