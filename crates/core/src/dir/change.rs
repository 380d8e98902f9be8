//! Changes below an open folder that take several steps: a whole new file, the removal of everything, permissions.

use std::{io, os::fd::AsRawFd as _};

use gix::bstr::{BStr, BString};
use rustix::{
    fs::{AtFlags, CWD, Mode},
    io::Errno,
};

use super::{Dir, is_no_folder};
use crate::limits::DEPTH;

/// The permission bits that the owner needs to list a folder and to change it.
const OWNER_ALL: u32 = 0o700;

impl Dir {
    /// Makes a file or link that is there whole or not at all: `make` makes it under another name, and it is renamed then.
    /// Only if it `replaces` may something else have the name already.
    pub fn put(
        &self,
        name: &BStr,
        replaces: bool,
        make: impl FnOnce(&BStr) -> io::Result<()>,
    ) -> io::Result<()> {
        let part = BString::from(format!(".azml-{}.part", std::process::id()));
        let part: &BStr = part.as_ref();
        let put = || {
            self.remove_file(part)?;
            make(part)?;
            if replaces {
                self.rename(part, name)
            } else if self.rename_to_free(part, name)? {
                Ok(())
            } else {
                Err(io::ErrorKind::AlreadyExists.into())
            }
        };
        put().inspect_err(|_| drop(self.remove_file(part)))
    }

    /// Removes whatever has a name, a folder with everything in it; it is no error if nothing has the name. The owner gets the
    /// rights that this needs to the folders below the name.
    pub fn remove_all(&self, name: &BStr) -> io::Result<()> {
        self.remove_deep(name, DEPTH)
    }

    fn remove_deep(&self, name: &BStr, depth: usize) -> io::Result<()> {
        let refused = match self.remove_file(name) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let folder = match self.below(name) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if is_no_folder(&error) => return Err(refused),
            Err(error) => return Err(error),
        };
        let depth = depth.checked_sub(1).ok_or(Errno::NAMETOOLONG)?;
        let mode = rustix::fs::fstat(&folder)?.st_mode;
        if mode & OWNER_ALL != OWNER_ALL {
            folder.set_mode(mode | OWNER_ALL)?;
        }
        for (name, _) in folder.names()? {
            folder.remove_deep(name.as_ref(), depth)?;
        }
        match rustix::fs::unlinkat(self, name.as_ref() as &[u8], AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the permission bits of the folder itself.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        // The handle allows no change itself; the system follows this path to the open folder, wherever it is.
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        Ok(rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn everything_below_a_name_is_removed_and_nothing_that_links_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("top/a/closed/b")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        for file in ["top/a/closed/b/x", "top/a/y", "outside/stays"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink(at("outside"), at("top/a/closed/out")).unwrap();
        symlink(at("outside"), at("top/link")).unwrap();
        fs::set_permissions(at("top/a/closed"), fs::Permissions::from_mode(0o000)).unwrap();
        let top = Dir::open(&at("top")).unwrap();
        for name in ["a", "link", "gone"] {
            top.remove_all(name.into()).unwrap();
        }
        assert!(top.is_empty().unwrap());
        assert!(at("outside/stays").exists());
    }

    #[test]
    fn a_file_is_put_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let top = Dir::open(dir.path()).unwrap();
        let put = |content: &str, replaces| {
            top.put("f".into(), replaces, |part| top.new_file(part, 0o666)?.write_all(content.as_bytes()))
        };
        put("one", false).unwrap();
        assert_eq!(put("two", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let cut = top.put("f".into(), true, |part| {
            top.new_file(part, 0o666)?.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "one");
        put("three", true).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "three");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
