//! Sets damaged files aside: in `azml/damaged/`, under names that are free.

use std::path::{Path, PathBuf};

use super::Error;
use crate::io_error::IoError;

/// Moves a file there; gives its new place.
pub(super) fn set_aside(own_folder: &Path, file: &Path) -> Result<PathBuf, Error> {
    let folder = own_folder.join("damaged");
    std::fs::create_dir_all(&folder).map_err(IoError::of("make folder", &folder))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut place = folder.join(&name);
    let mut number = 1;
    while place.symlink_metadata().is_ok() {
        number += 1;
        place = folder.join(format!("{name}.{number}"));
    }
    std::fs::rename(file, &place).map_err(IoError::of("move away", file))?;
    Ok(place)
}
