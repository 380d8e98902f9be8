//! Files below a folder by open handles: no link is followed on the way, whatever is swapped meanwhile.
//!
//! Paths are relative and have plain names alone. Each folder on the way is opened from the one above it, so that a
//! folder that becomes a link after it was looked at leads nowhere.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

/// Opens a folder to go through it: that needs no right to list it.
const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder; links above it are followed, and one in its place.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens the file at `path` for reading. Anything else there is an error, a link as well; a named pipe does not block.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let (above, name) = self.above(path, &|_, _| Ok(()))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let at = above.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
        let open = rustix::fs::openat(at, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&open)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        Ok(open.into())
    }

    /// Makes a new file at `path`, with the folders that it needs; a file or link that is there goes.
    pub fn create_file(&self, path: &Path) -> io::Result<File> {
        let (above, name) = self.above(path, &make_folder)?;
        let at = above.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
        match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Moves what is at `path` to the same path below `into`, where the folders that it needs are made.
    pub fn move_into(&self, path: &Path, into: &Self) -> io::Result<()> {
        let (from, name) = self.above(path, &|_, _| Ok(()))?;
        let (to, _) = into.above(path, &make_folder)?;
        let from = from.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
        let to = to.as_ref().map_or(into.0.as_fd(), AsFd::as_fd);
        Ok(rustix::fs::renameat(from, name, to, name)?)
    }

    /// The open folder that `path` is in (none: this one), and its name there. `before` is called for each folder on the way.
    fn above<'p>(
        &self,
        path: &'p Path,
        before: &dyn Fn(&OwnedFd, &OsStr) -> io::Result<()>,
    ) -> io::Result<(Option<OwnedFd>, &'p OsStr)> {
        let no_path = || io::Error::new(io::ErrorKind::InvalidInput, "it is no path below the folder");
        let mut above = None;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else { return Err(no_path()) };
            if parts.peek().is_none() {
                return Ok((above, name));
            }
            let at = above.as_ref().unwrap_or(&self.0);
            before(at, name)?;
            above = Some(rustix::fs::openat(at, name, THROUGH, Mode::empty())?);
        }
        Err(no_path())
    }
}

fn make_folder(at: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Read as _, Write as _},
        os::unix::fs::symlink,
    };

    use super::*;

    #[test]
    fn nothing_is_read_moved_or_made_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (root, other) = (dir.path().join("root"), dir.path().join("other"));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::write(root.join("a/b/file"), "f").unwrap();
        for (target, name) in [
            ("../secret", "file-link"),
            ("a", "inside"),
            ("..", "up"),
            ("a/b/file", "to-file"),
            ("chain2", "chain"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        symlink(dir.path().join("secret"), root.join("chain2")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let (root, into) = (Folder::open(&root).unwrap(), Folder::open(&other).unwrap());
        for (path, is_read) in [
            ("a/b/file", true),
            ("file-link", false),
            ("to-file", false),
            ("inside/b/file", false),
            ("up/secret", false),
            ("chain", false),
            ("../secret", false),
            ("a/../../secret", false),
            ("/etc/passwd", false),
            ("", false),
            ("a", false),
            ("pipe", false),
            ("nothing", false),
        ] {
            assert_eq!(root.open_file(Path::new(path)).is_ok(), is_read, "{path}");
        }
        assert!(root.move_into(Path::new("up/secret"), &into).is_err());
        assert!(root.create_file(Path::new("up/made")).is_err());
        root.move_into(Path::new("a/b/file"), &into).unwrap();
        assert_eq!(fs::read_to_string(other.join("a/b/file")).unwrap(), "f");
        // What is in the place of a new file goes, and is not written through.
        root.create_file(Path::new("file-link")).unwrap().write_all(b"new").unwrap();
        let mut text = String::new();
        root.open_file(Path::new("file-link")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(
            (text.as_str(), fs::read_to_string(dir.path().join("secret")).unwrap().as_str()),
            ("new", "s")
        );
    }
}
