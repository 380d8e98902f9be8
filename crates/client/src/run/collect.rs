//! Brings outputs out of a run's folder, and never what lies outside of it.
//!
//! A file is reached by open folders. A link is followed only where it leads to a file of the same folder: where that is
//! is asked first, and the answer is then opened without following any link, so that nothing that is swapped meanwhile
//! leads elsewhere. A hard link is a file as any other: it can't be told from one, no snapshot holds one, and the system
//! lets nobody make one to a file that they may not write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;
use azml_core::quote::quoted_path;
use gix::bstr::BStr;

use super::disk::native;

/// The folder that a script ran in.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    real: PathBuf,
    open: Dir,
}

/// A link that leads out of a run's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// Its path in the folder.
    pub path: PathBuf,
    /// The place that it leads to.
    pub target: PathBuf,
}

impl Outside {
    /// The two as `ls` shows a link.
    pub fn display(&self) -> String {
        format!("{} -> {}", quoted_path(&self.path), quoted_path(&self.target))
    }
}

/// The end of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file of the folder, by its path there without links.
    File(PathBuf),
    /// Nothing, or no file.
    NoFile,
    /// A file or folder outside.
    Outside(PathBuf),
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), real: path.canonicalize()?, open: Dir::open(path)? })
    }

    /// The end of the link at `path`, through all links on the way.
    pub(super) fn target(&self, path: &BStr) -> Target {
        let Ok(target) = self.path.join(native(path)).canonicalize() else { return Target::NoFile };
        match target.strip_prefix(&self.real) {
            Ok(inside) if self.open.open_file_below(inside).is_ok() => Target::File(inside.to_owned()),
            Ok(_) => Target::NoFile,
            Err(_) => Target::Outside(target),
        }
    }

    /// Opens the file at `path`, or the one that a link there leads to if it is in the folder.
    pub(super) fn file(&self, path: &BStr) -> io::Result<File> {
        let failed = match self.open.open_file_below(native(path)) {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        match self.target(path) {
            Target::File(inside) => self.open.open_file_below(&inside),
            _ => Err(failed),
        }
    }

    /// Moves (or copies) the file at `path` to the same path below `into`, which is there; content is copied where a link
    /// leads to it.
    pub(super) fn transfer(&self, path: &BStr, into: &Path, may_move: bool) -> io::Result<()> {
        let (name, into) = (native(path), Dir::open(into)?);
        let is_file = self.open.open_file_below(name).map(drop);
        if may_move && is_file.is_ok() {
            match self.open.move_below(name, &into) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
                moved => return moved,
            }
        }
        let mut from = self.file(path)?;
        let mut to = into.create_file_below(name)?;
        io::copy(&mut from, &mut to)?;
        to.set_permissions(from.metadata()?.permissions())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_followed_within_the_folder_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (work, into) = (dir.path().join("work"), dir.path().join("attachments"));
        fs::create_dir_all(work.join("outputs/deep")).unwrap();
        fs::create_dir_all(dir.path().join("outside")).unwrap();
        fs::create_dir_all(&into).unwrap();
        fs::write(dir.path().join("outside/key"), "private").unwrap();
        fs::write(work.join("best.pt"), "weights").unwrap();
        let outside = dir.path().join("outside").canonicalize().unwrap();
        // Through a chain, a link above, an absolute path, and a folder of the computer's own.
        for (name, target) in [
            ("outputs/inside", PathBuf::from("../best.pt")),
            ("outputs/absolute", work.join("best.pt")),
            ("outputs/chain", "absolute".into()),
            ("outputs/deep/up", "../../best.pt".into()),
            ("outputs/out", "../../outside/key".into()),
            ("outputs/out-chain", "out".into()),
            ("outputs/folder", outside.clone()),
            ("outputs/through", "folder/key".into()),
            ("outputs/dangling", "nowhere".into()),
            ("outputs/loop", "loop".into()),
            ("outputs/inner-folder", "deep".into()),
            ("outputs/etc", "/etc/passwd".into()),
            ("outputs/proc", "/proc/self/environ".into()),
        ] {
            symlink(target, work.join(name)).unwrap();
        }
        let source = Source::open(&work).unwrap();
        for (name, expect) in [
            ("outputs/inside", Target::File("best.pt".into())),
            ("outputs/absolute", Target::File("best.pt".into())),
            ("outputs/chain", Target::File("best.pt".into())),
            ("outputs/deep/up", Target::File("best.pt".into())),
            ("outputs/out", Target::Outside(outside.join("key"))),
            ("outputs/out-chain", Target::Outside(outside.join("key"))),
            ("outputs/folder", Target::Outside(outside.clone())),
            ("outputs/through", Target::Outside(outside.join("key"))),
            ("outputs/dangling", Target::NoFile),
            ("outputs/loop", Target::NoFile),
            ("outputs/inner-folder", Target::NoFile),
            ("outputs/etc", Target::Outside(Path::new("/etc/passwd").canonicalize().unwrap())),
        ] {
            assert_eq!(source.target(name.into()), expect, "{name}");
            let copied = source.transfer(name.into(), &into, true);
            assert_eq!(copied.is_ok(), matches!(expect, Target::File(_)), "{name}");
            let text = fs::read_to_string(into.join(name)).ok();
            assert_eq!(text.as_deref(), copied.is_ok().then_some("weights"), "{name}");
        }
        assert!(source.transfer("outputs/folder/key".into(), &into, true).is_err(), "a parent is a link");
        assert!(source.transfer("outputs/proc".into(), &into, true).is_err());
        assert_eq!(fs::read_to_string(outside.join("key")).unwrap(), "private");
        source.transfer("best.pt".into(), &into, true).unwrap();
        assert!(!work.join("best.pt").exists() && into.join("best.pt").exists());
    }
}
