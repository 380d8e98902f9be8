//! Measures the disk use of the history repository.

use std::path::Path;

use super::{Error, HistoryRepo};
use crate::io_error::IoError;

/// The disk use of the history repository.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// All of its files together.
    pub bytes: u64,
    /// Packs, each with many objects.
    pub packs: usize,
    /// Objects that are a file each.
    pub loose_objects: usize,
}

impl HistoryRepo {
    /// Measures what the repository takes on disk.
    pub fn disk_use(&self) -> Result<DiskUse, Error> {
        let mut sum = DiskUse::default();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            let list = match std::fs::read_dir(&folder) {
                Ok(list) => list,
                // Gone since it was listed: another process tidied up.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(IoError { action: "list", path: folder, source }.into()),
            };
            for entry in list {
                let entry = entry.map_err(IoError::of("list", &folder))?;
                let Ok(meta) = entry.path().symlink_metadata() else { continue };
                if meta.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                sum.bytes += meta.len();
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "pack") {
                    sum.packs += 1;
                } else if is_loose_object(&path) {
                    sum.loose_objects += 1;
                }
            }
        }
        Ok(sum)
    }
}

fn is_loose_object(path: &Path) -> bool {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).map(str::to_owned).unwrap_or_default()
    };
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let (file, folder) = (part(Some(path)), part(path.parent()));
    file.len() == 38 && folder.len() == 2 && hex(&file) && hex(&folder)
}
