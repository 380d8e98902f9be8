//! Reads small files that anybody may have put there (settings, ignore files, a project's own), and replaces azml's own.
//!
//! Any of them can be a FIFO, a device or without end. None makes azml wait, and none is read beyond its bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustix::fs::{FileType, Mode, OFlags, major, minor};

use crate::limits::SMALL_FILE;

/// The reason why what is at a path is not read as a small file.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum NotSmall {
    /// It is no file.
    #[error("it is {0}, not a file")]
    NoFile(&'static str),
    /// It is larger than any such file is.
    #[error("it has {size} bytes, and at most {most} are read of such a file")]
    TooLarge {
        /// The size.
        size: u64,
        /// The bound.
        most: u64,
    },
}

impl NotSmall {
    /// Returns the reason that an error has, if it is one of these.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<NotSmall> for io::Error {
    fn from(why: NotSmall) -> Self {
        let kind = match why {
            NotSmall::NoFile(_) => io::ErrorKind::InvalidInput,
            NotSmall::TooLarge { .. } => io::ErrorKind::FileTooLarge,
        };
        Self::new(kind, why)
    }
}

/// Reads the file at a path, whose links are followed.
///
/// Takes the place of [`std::fs::read`] wherever a file should be small.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, SMALL_FILE)
}

/// [`read`] for text.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// [`read`] with another bound in bytes.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_open(&mut open_at_most(path, most)?, most)
}

/// Opens the file at a path, whose links are followed, to read it piece by piece: it may be of any size.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_at_most(path, u64::MAX)?;
    // Another one may be there since it was looked at.
    check(&rustix::fs::fstat(&file)?, u64::MAX)?;
    Ok(file)
}

/// Fails if another program would wait for ever at what is at a path, or read more than so many bytes of it. Nothing is opened;
/// what is missing or can't be reached is left to that program.
pub fn probe(path: &Path, most: u64) -> io::Result<()> {
    match rustix::fs::stat(path).map(|stat| check(&stat, most)) {
        Ok(Err(why)) if why != NotSmall::NoFile(FOLDER) => Err(why.into()),
        _ => Ok(()),
    }
}

fn open_at_most(path: &Path, most: u64) -> io::Result<File> {
    // Before it is opened: to open a device may do something, and to open a socket fails without a reason.
    check(&rustix::fs::stat(path)?, most)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Reads a file that was opened without waiting.
pub fn read_open(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let size = check(&rustix::fs::fstat(&*file)?, most)?;
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // Files below /proc say that they are empty, and another may grow meanwhile.
    file.take(most + 1).read_to_end(&mut content)?;
    match content.len() as u64 {
        size if size > most => Err(NotSmall::TooLarge { size, most }.into()),
        _ => Ok(content),
    }
}

const FOLDER: &str = "a folder";
/// The number of `/dev/null` on Linux, major and minor.
const NULL_DEVICE: (u32, u32) = (1, 3);

fn check(stat: &rustix::fs::Stat, most: u64) -> Result<u64, NotSmall> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let size = u64::try_from(stat.st_size).unwrap_or_default();
            return if size > most { Err(NotSmall::TooLarge { size, most }) } else { Ok(size) };
        }
        // It reads as an empty file, and is named where there is to be none: `GIT_CONFIG_GLOBAL=/dev/null`.
        FileType::CharacterDevice if (major(stat.st_rdev), minor(stat.st_rdev)) == NULL_DEVICE => {
            return Ok(0);
        }
        FileType::Directory => FOLDER,
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    };
    Err(NotSmall::NoFile(kind))
}

/// Replaces the file at `path`, or makes it: a reader finds the old content or the new, never a part. The file is its owner's
/// alone; with `flush` its content is on the disk before it has the name.
pub fn replace(path: &Path, content: &[u8], flush: bool) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, content)?;
    if flush {
        file.as_file().sync_all()?;
    }
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_no_small_file_is_named_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&at(name)).unwrap(), b"text");
        }
        for (path, why) in [
            (at("folder"), "it is a folder, not a file"),
            (at("fifo"), "it is a FIFO, not a file"),
            (at("socket"), "it is a socket, not a file"),
            ("/dev/zero".into(), "it is a device, not a file"),
            (at("huge"), "it has 1099511627776 bytes, and at most 4194304 are read of such a file"),
        ] {
            assert_eq!(read(&path).unwrap_err().to_string(), why, "{}", path.display());
        }
        assert_eq!(read(&at("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");

        assert_eq!(open(&at("fifo")).unwrap_err().to_string(), "it is a FIFO, not a file");
        assert_eq!(open(&at("huge")).unwrap().metadata().unwrap().len(), 1 << 40);
        for passed in [at("file"), at("folder"), at("gone"), at("file/below"), "/dev/null".into()] {
            probe(&passed, SMALL_FILE).unwrap();
        }
        for refused in [at("fifo"), at("socket"), at("huge"), "/dev/zero".into()] {
            probe(&refused, SMALL_FILE).unwrap_err();
        }
    }
}
