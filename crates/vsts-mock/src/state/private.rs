//! Keeps the data directory readable by its owner alone. It holds hashes of tokens and passwords, and private repositories.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The permissions that others than the owner may have.
const OTHERS: u32 = 0o077;

/// Makes a folder, and those above it that are missing, for its owner alone. One that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for its owner alone, if it is not there. SQLite gives the files beside a database the same permissions.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Warns of a folder that others may look into, with the command that closes it.
pub(super) fn warn_if_open(folder: &Path) {
    let Ok(found) = fs::metadata(folder) else { return };
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        tracing::warn!(
            "other users of this computer may read the data directory {0} (mode {mode:04o}), which holds hashes of \
             passwords and tokens and private repositories. Close it: chmod 700 {0}",
            folder.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("a/data"), folder.path().join("a/data/state"));
        make_folder(&data).unwrap();
        let _made = make_file(&file).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        make_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o755, "somebody has chosen so");
    }
}
