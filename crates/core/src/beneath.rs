//! Files at paths below an open folder: opened, made and moved without following a link on the way.
//!
//! Paths are relative and have plain names alone: one with `..` is refused.

use std::{
    fs::File,
    io,
    os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
    path::{Component, Path},
};

use gix::bstr::{BStr, BString, ByteSlice as _};
use rustix::fs::{AtFlags, CWD, linkat};

use crate::dir::{Dir, split};

impl Dir {
    /// Opens the file at `path` for reading. Anything else there is an error, a link as well; a named pipe does not block.
    pub fn open_file_below(&self, path: &Path) -> io::Result<File> {
        let (folder, name) = split(plain(path)?);
        let file = self.below(folder)?.open_file(name)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(refused("it is no file")) }
    }

    /// Makes a new file at `path`, with the folders that it needs; a file or link that is there goes.
    pub fn create_file_below(&self, path: &Path) -> io::Result<File> {
        let (folder, name) = split(plain(path)?);
        let folder = self.make_below(folder)?;
        folder.remove_file(name)?;
        folder.new_file(name, 0o666)
    }

    /// Makes the file `from` one at `path` too, by a hard link, with the folders that this needs; a file or link that is there
    /// is replaced in one step.
    pub fn link_file_below(&self, from: &Path, path: &Path) -> io::Result<()> {
        let (folder, name) = split(plain(path)?);
        let folder = self.make_below(folder)?;
        let beside = BString::from(format!(".azml-{}.link", std::process::id()));
        folder.remove_file(beside.as_bstr())?;
        linkat(CWD, from, folder.as_fd(), beside.as_slice(), AtFlags::empty())?;
        folder.rename(beside.as_bstr(), name)?;
        // Two names of one file stay both.
        folder.remove_file(beside.as_bstr())
    }

    /// Moves what is at `path` to the same path below `into`, where the folders that it needs are made.
    pub fn move_below(&self, path: &Path, into: &Self) -> io::Result<()> {
        let (folder, name) = split(plain(path)?);
        let (from, to) = (self.below(folder)?, into.make_below(folder)?);
        Ok(rustix::fs::renameat(from.as_fd(), name.as_bytes(), to.as_fd(), name.as_bytes())?)
    }
}

/// The bytes of a path that has plain names alone, and one at least.
fn plain(path: &Path) -> io::Result<&BStr> {
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let bytes = path.as_os_str().as_bytes();
    if is_plain && !bytes.is_empty() && !bytes.ends_with(b"/") {
        return Ok(bytes.as_bstr());
    }
    Err(refused("it is no path below the folder"))
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
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
            CWD,
            root.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let (root, into) = (Dir::open(&root).unwrap(), Dir::open(&other).unwrap());
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
            assert_eq!(root.open_file_below(Path::new(path)).is_ok(), is_read, "{path}");
        }
        assert!(root.move_below(Path::new("up/secret"), &into).is_err());
        assert!(root.create_file_below(Path::new("up/made")).is_err());
        root.move_below(Path::new("a/b/file"), &into).unwrap();
        assert_eq!(fs::read_to_string(other.join("a/b/file")).unwrap(), "f");
        // What is in the place of a new file goes, and is not written through.
        root.create_file_below(Path::new("file-link")).unwrap().write_all(b"new").unwrap();
        let mut text = String::new();
        root.open_file_below(Path::new("file-link")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(
            (text.as_str(), fs::read_to_string(dir.path().join("secret")).unwrap().as_str()),
            ("new", "s")
        );
    }
}
