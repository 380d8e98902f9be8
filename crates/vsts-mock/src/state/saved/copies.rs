//! Copies of a repository's folder and of large files that share the files which nothing ever writes into.
//!
//! Git replaces objects, packs and refs by renaming a new file over the old one, and so does all that git-wire writes. Such
//! files get a second name (a hard link) where the file system has links; on others they are copied, which file systems with
//! shared blocks do without copying bytes.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::super::private;

/// The folders of a repository in which files are only ever replaced.
const REPLACED: [&str; 3] = ["objects", "refs", "git-wire"];

/// The files that were copied or linked, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Copied {
    fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Copies the folder of a repository.
    pub(super) fn repository(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        private::make_folder(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let is_replaced = REPLACED.iter().any(|name| entry.file_name() == OsStr::new(name));
            self.entry(&entry, to, is_replaced)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, folder: &Path, is_replaced: bool) -> io::Result<()> {
        let (from, to, kind) = (entry.path(), folder.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            private::make_folder(&to)?;
            for entry in fs::read_dir(from)? {
                self.entry(&entry?, &to, is_replaced)?;
            }
            return Ok(());
        }
        // A repository that the server has made has no links; one that somebody has put there leads out of it.
        if kind.is_file() {
            self.count(entry.metadata()?.len());
            if is_replaced { link(&from, &to) } else { fs::copy(&from, &to).map(drop) }?;
        }
        Ok(())
    }

    /// Gives a file of that many bytes, which nothing writes into, a second name. One that is there already stays.
    pub(super) fn file(&mut self, from: &Path, to: &Path, bytes: u64) -> io::Result<()> {
        if let Some(folder) = to.parent() {
            private::make_folder(folder)?;
        }
        self.count(bytes);
        match link(from, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    }
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error)
            if error.kind() != io::ErrorKind::AlreadyExists && error.kind() != io::ErrorKind::NotFound =>
        {
            fs::copy(from, to).map(drop)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_is_only_replaced_is_shared_and_the_rest_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b/c"));
        fs::create_dir_all(from.join("objects/pack")).unwrap();
        fs::create_dir_all(from.join("logs/refs")).unwrap();
        for name in ["HEAD", "objects/pack/pack-1.pack", "logs/refs/master"] {
            fs::write(from.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", from.join("refs")).unwrap();
        let mut copied = Copied::default();
        copied.repository(&from, &to).unwrap();
        assert_eq!(copied, Copied { files: 3, bytes: 4 + 24 + 16 });
        let is_shared = |name: &str| {
            let inode = |root: &Path| fs::metadata(root.join(name)).unwrap().ino();
            inode(&from) == inode(&to)
        };
        assert!(is_shared("objects/pack/pack-1.pack"));
        assert!(!is_shared("HEAD") && !is_shared("logs/refs/master") && !to.join("refs").exists());
        let again = &to.join("objects/pack/pack-1.pack");
        copied.file(&from.join("HEAD"), again, 4).unwrap();
        assert_eq!(fs::read_to_string(again).unwrap(), "objects/pack/pack-1.pack", "it was there");
    }
}
