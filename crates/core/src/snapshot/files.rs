//! The few system calls that a snapshot makes, below the project folder's own descriptor.
//!
//! Paths are bytes relative to the project folder. A path longer than the system takes in one call is walked in steps.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::{
    dir::{approach, open_below as open_at},
    stat_index::{Kind, Stat},
};

/// Opens the project folder.
pub(super) fn open_root(root: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a folder below `root`; an empty path is `root` itself. A link is not followed.
pub(super) fn open_folder(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    open_at(root, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW)
}

/// Opens a file below `root` for reading. A link is not followed, and a FIFO does not block.
pub(super) fn open_file(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(open_at(root, path, flags)?.into())
}

/// Reads the target of a link below `root`.
pub(super) fn read_link(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<Vec<u8>> {
    let link = open_at(root, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
    Ok(rustix::fs::readlinkat(link, c"", Vec::new())?.into_bytes())
}

/// The kind and stat data of a file of an open folder; `None` for what is neither file, link nor folder.
pub(super) fn stat_at(
    folder: BorrowedFd<'_>,
    name: impl rustix::path::Arg,
) -> io::Result<(Option<Kind>, Stat)> {
    Ok(read_stat(&rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// The kind and stat data of a file or link below `root`.
pub(super) fn stat_path(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<(Option<Kind>, Stat)> {
    let (folder, rest) = approach(root, path)?;
    let at = folder.as_ref().map_or(root, AsFd::as_fd);
    Ok(read_stat(&rustix::fs::statat(at, rest, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// The kind and stat data of an open file.
pub(super) fn stat_file(file: &File) -> io::Result<(Option<Kind>, Stat)> {
    Ok(read_stat(&rustix::fs::fstat(file)?))
}

/// The stat data of what is open.
pub(super) fn stat_handle(handle: BorrowedFd<'_>) -> io::Result<Stat> {
    Ok(read_stat(&rustix::fs::fstat(handle)?).1)
}

/// A folder below `root` to look at files through, without listing it. A link is not followed.
pub(super) fn pass_through(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    open_at(root, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW)
}

/// Returns whether a folder on this file system gets another time whenever a name in it comes, goes or becomes
/// another file's: true of the usual local ones, not known of others.
pub(super) fn tells_changed_folders(root: BorrowedFd<'_>) -> bool {
    // ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS, bcachefs: linux/magic.h and the file systems' own.
    const TOLD: [u64; 8] =
        [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1, 0xf2f5_2010, 0xca45_1a4e];
    rustix::fs::fstatfs(root).is_ok_and(|fs| u64::try_from(fs.f_type).is_ok_and(|kind| TOLD.contains(&kind)))
}

// The widths differ between systems; on this one some of the conversions do nothing.
#[allow(
    clippy::allow_attributes,
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    reason = "differs by system"
)]
fn read_stat(stat: &rustix::fs::Stat) -> (Option<Kind>, Stat) {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_mode & 0o100 != 0 => Some(Kind::Executable),
        FileType::RegularFile => Some(Kind::File),
        FileType::Symlink => Some(Kind::Link),
        FileType::Directory => Some(Kind::Folder),
        _ => None,
    };
    let stat = Stat {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime_s: i64::from(stat.st_mtime),
        mtime_ns: stat.st_mtime_nsec as u32,
        ctime_s: i64::from(stat.st_ctime),
        ctime_ns: stat.st_ctime_nsec as u32,
        ino: stat.st_ino,
        dev: stat.st_dev as u64,
    };
    (kind, stat)
}
