//! The home folder of an account without `HOME`, and what takes its place if there is none.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use rustix::fs::Access;

/// The home folder that the user database names, if one can write there.
pub(crate) fn of_account() -> Option<PathBuf> {
    let home = User::from_uid(Uid::effective()).ok().flatten()?.dir;
    // Accounts of services have `/nonexistent` or `/`.
    let is_usable = home.parent().is_some() && rustix::fs::access(&home, Access::WRITE_OK).is_ok();
    is_usable.then_some(home)
}

/// The folder below `temp` that is this user's.
fn private_path(temp: &Path) -> PathBuf {
    temp.join(format!("azml-{}", Uid::effective()))
}

/// [`private_path`], made; another one of a name that nobody can foresee if somebody else may write there.
pub(crate) fn private_folder(temp: &Path) -> PathBuf {
    let path = private_path(temp);
    let made = DirBuilder::new().mode(0o700).create(&path);
    let is_private = path.symlink_metadata().is_ok_and(|found| {
        found.is_dir() && found.uid() == Uid::effective().as_raw() && found.mode() & 0o777 == 0o700
    });
    if is_private {
        return path;
    }
    tracing::warn!(made = made.is_ok(), path = %path.display(), "the folder belongs to somebody else");
    tempfile::Builder::new().prefix("azml-").tempdir_in(temp).map_or(path, tempfile::TempDir::keep)
}

/// Returns whether a folder, or the nearest one above it that is there, can be written.
pub(crate) fn can_be_written(folder: &Path) -> bool {
    let there = folder.ancestors().find(|part| part.symlink_metadata().is_ok());
    there.is_some_and(|part| part.is_dir() && rustix::fs::access(part, Access::WRITE_OK).is_ok())
}

/// Returns whether a path, of which the end need not exist, is a folder or in it.
pub(crate) fn is_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return path.starts_with(folder) };
    let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    there.is_some_and(|(part, real)| {
        let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
        real.join(rest).starts_with(&folder)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_may_write_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let expected = private_path(dir.path());
        assert_eq!(private_folder(dir.path()), expected);
        assert_eq!(expected.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(private_folder(dir.path()), expected, "the next command finds it again");
        std::fs::set_permissions(&expected, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_ne!(private_folder(dir.path()), expected);
        std::fs::remove_dir(&expected).unwrap();
        symlink(dir.path(), &expected).unwrap();
        assert_ne!(private_folder(dir.path()), expected);
    }

    #[test]
    fn a_place_in_a_folder_is_known_by_whatever_way() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        std::fs::create_dir_all(at("p/sub")).unwrap();
        symlink(at("p/sub"), at("link")).unwrap();
        for inside in ["p", "p/sub", "p/not/there", "link", "link/not/there", "p/sub/../x"] {
            assert!(is_inside(&at(inside), &at("p")), "{inside}");
        }
        for outside in ["", "p2", "not/there", "other/p"] {
            assert!(!is_inside(&at(outside), &at("p")), "{outside}");
        }
    }
}
