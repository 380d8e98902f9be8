//! Moving, copying and removing what a script left, whatever its permissions are; links are never followed.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;
use gix::bstr::{BStr, ByteSlice as _};
use rustix::fs::{OFlags, SeekFrom as Sparse};
use rustix::io::Errno;

/// The permission bits that the owner needs to list a folder and to change what is in it.
const OWNER_ALL: u32 = 0o700;

/// The flags that open no link, and do not wait at a named pipe.
pub(super) const NO_LINK: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits().cast_signed();

/// A path as Git writes it, bytes with `/`, as the system takes it.
pub(super) fn native(path: &BStr) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// Removes whatever is at a path, if anything is.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let remove = || if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            if found.is_dir() {
                open_folders(path)?;
            }
            remove()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Gives the owner all rights to the folder and to those below it.
fn open_folders(path: &Path) -> io::Result<()> {
    open_folder(path)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// Gives the owner all rights to one folder; gives what its permissions were, if that changed them.
pub(super) fn open_folder(path: &Path) -> io::Result<Option<Permissions>> {
    let before = fs::symlink_metadata(path)?.permissions();
    if before.mode() & OWNER_ALL == OWNER_ALL {
        return Ok(None);
    }
    fs::set_permissions(path, Permissions::from_mode(before.mode() & 0o7777 | OWNER_ALL))?;
    Ok(Some(before))
}

/// Moves what is at `from` to `to`, whose folder is made. A folder is merged with one that is there; a file replaces a file.
///
/// Each step is a whole one: if the process is killed between two, calling this again ends what was begun. `step` is
/// called before each.
pub(super) fn move_to(from: &Path, to: &Path, step: &dyn Fn()) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    move_item(from, to, step)
}

fn move_item(from: &Path, to: &Path, step: &dyn Fn()) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    let there = fs::symlink_metadata(to).ok();
    if there.as_ref().is_some_and(|there| there.is_dir() != found.is_dir()) {
        step();
        fs::rename(to, free_name(to))?;
    }
    let is_merged = found.is_dir() && there.is_some_and(|there| there.is_dir());
    if !is_merged {
        step();
        match rename(from, to, found.is_dir()) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            moved => return moved,
        }
    }
    if found.is_dir() {
        let before = open_folder(from)?;
        if !is_merged {
            step();
            fs::create_dir(to)?;
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            move_item(&entry.path(), &to.join(entry.file_name()), step)?;
        }
        fs::set_permissions(to, before.unwrap_or_else(|| found.permissions()))?;
        step();
        return fs::remove_dir(from);
    }
    // The part has the same name when this is called again.
    let folder = Dir::open(to.parent().unwrap_or(Path::new(".")))?;
    let name = to.file_name().unwrap_or_default().as_bytes();
    let part = [name, b".azml-part"].concat();
    let part = part.as_bstr();
    folder.remove_all(part)?;
    step();
    copy(from, &folder, part)?;
    folder.rename(part, name.as_bstr())?;
    step();
    fs::remove_file(from)
}

/// Renames; where permissions of the script's own folders forbid that, these are changed.
fn rename(from: &Path, to: &Path, is_folder: bool) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            if let Some(folder) = from.parent() {
                open_folder(folder)?;
            }
            // A folder's entry for the one above it changes when it is moved.
            let before = if is_folder { open_folder(from)? } else { None };
            fs::rename(from, to)?;
            before.map_or(Ok(()), |before| fs::set_permissions(to, before))
        }
        renamed => renamed,
    }
}

/// A name like `path` that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    loop {
        name.push("~");
        if fs::symlink_metadata(&name).is_err() {
            return name.into();
        }
    }
}

/// Copies a file or link into an open folder under a name that nothing has, with its permissions and its time; holes of a file stay holes, and
/// where the file system can share the content, it is shared.
pub(super) fn copy(from: &Path, folder: &Dir, name: &BStr) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        return folder.new_link(fs::read_link(from)?.as_os_str().as_bytes().into(), name);
    }
    let source = open_to_read(from, &found)?;
    let mut into = folder.new_file(name, 0o600)?;
    if rustix::fs::ioctl_ficlone(&into, &source).is_err() {
        copy_data(&source, &mut into)?;
    }
    into.set_permissions(found.permissions())?;
    into.set_modified(found.modified()?)
}

/// Opens a file whose owner may have been taken the right to read it.
fn open_to_read(path: &Path, found: &fs::Metadata) -> io::Result<File> {
    let open = || File::options().read(true).custom_flags(NO_LINK).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let before = found.permissions();
            fs::set_permissions(path, Permissions::from_mode(before.mode() & 0o7777 | 0o400))?;
            let opened = open();
            fs::set_permissions(path, before)?;
            opened
        }
        opened => opened,
    }
}

fn copy_data(mut source: &File, into: &mut File) -> io::Result<()> {
    let length = source.metadata()?.len();
    let mut at = 0;
    while at < length {
        let data = match rustix::fs::seek(source, Sparse::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole up to the end.
            Err(Errno::NXIO) => break,
            // This file system does not tell.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(source, Sparse::Hole(data)).unwrap_or(length);
        source.seek(SeekFrom::Start(data))?;
        into.seek(SeekFrom::Start(data))?;
        let copied = io::copy(&mut io::Read::take(source, end - data), into)?;
        if copied == 0 {
            break;
        }
        at = data + copied;
    }
    into.set_len(length)
}

/// Copies the files and folders of a folder into another; links are left out, and so is a folder that is not there.
pub fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (from, to, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            copy_all(&from, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_copy_keeps_holes_permissions_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let file = File::create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 32 << 20).unwrap();
        drop(file);
        fs::set_permissions(&from, Permissions::from_mode(0o400)).unwrap();
        copy(&from, &Dir::open(dir.path()).unwrap(), "to".into()).unwrap();
        let (one, other) = (fs::metadata(&from).unwrap(), fs::metadata(&to).unwrap());
        assert_eq!((one.len(), one.mode(), one.mtime()), (other.len(), other.mode(), other.mtime()));
        assert!(other.blocks() < 10_000, "{} blocks", other.blocks());
        assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap());
    }

    #[test]
    fn a_move_merges_folders_makes_room_and_can_be_called_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("from/a/closed")).unwrap();
        fs::write(at("from/a/closed/x"), "x").unwrap();
        fs::write(at("from/a/y"), "y").unwrap();
        std::os::unix::fs::symlink("nowhere", at("from/a/link")).unwrap();
        fs::set_permissions(at("from/a/closed"), Permissions::from_mode(0o500)).unwrap();
        fs::create_dir_all(at("to/a/y")).unwrap();
        fs::write(at("to/a/y/older"), "older").unwrap();
        fs::write(at("to/a/earlier"), "earlier").unwrap();
        move_to(&at("from/a"), &at("to/a"), &|| {}).unwrap();
        assert!(!at("from/a").exists());
        for (path, content) in
            [("to/a/closed/x", "x"), ("to/a/y", "y"), ("to/a/y~/older", "older"), ("to/a/earlier", "earlier")]
        {
            assert_eq!(fs::read_to_string(at(path)).unwrap(), content, "{path}");
        }
        assert_eq!(fs::read_link(at("to/a/link")).unwrap(), Path::new("nowhere"));
        assert_eq!(fs::metadata(at("to/a/closed")).unwrap().mode() & 0o777, 0o500);
        remove_all(dir.path()).unwrap();
        assert!(!dir.path().exists());
    }
}
