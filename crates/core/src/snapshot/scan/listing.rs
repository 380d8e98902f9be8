//! One folder's listing: its names, its ignore files, and the names that no tree may hold.

use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use gix::bstr::BStr;
use rustix::fs::FileType;

use crate::{
    ignore::{self, Rules},
    limits::SMALL_FILE,
    small_file,
    snapshot::files,
};

/// The beginning and end of a name in a folder's names, and its type as the listing says it.
pub(super) type Listed = (usize, usize, FileType);

/// Reads a folder's listing: names, each with a zero byte behind it, into `names`.
pub(super) fn list(
    folder: &OwnedFd,
    buffer: &mut Vec<u8>,
    names: &mut Vec<u8>,
    found: &mut Vec<Listed>,
) -> std::io::Result<()> {
    found.clear();
    buffer.clear();
    let mut listing = rustix::fs::RawDir::new(folder, as_uninit(buffer));
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes_with_nul();
        if matches!(name, b".\0" | b"..\0") {
            continue;
        }
        let start = names.len();
        names.extend_from_slice(name);
        found.push((start, names.len() - 1, entry.file_type()));
    }
    Ok(())
}

fn as_uninit(buffer: &mut Vec<u8>) -> &mut [MaybeUninit<u8>] {
    buffer.spare_capacity_mut()
}

/// The rules in this folder: those above, and what its own ignore files add.
pub(super) fn own_rules(
    folder: &OwnedFd,
    names: &[u8],
    found: &[Listed],
    path: &BStr,
    above: &Rules,
) -> std::io::Result<Rules> {
    let read = |wanted: &str| {
        let at = found.binary_search_by(|(start, end, _)| names[*start..*end].cmp(wanted.as_bytes()));
        let Ok(at) = at else { return Ok(None) };
        let (start, end, _) = found[at];
        read_regular(folder.as_fd(), &names[start..end])
    };
    Ok(extended(above, path, read(".gitignore")?.as_deref(), read(ignore::FILE)?.as_deref()))
}

/// The rules above with what a folder's own ignore files say.
pub(super) fn extended(
    above: &Rules,
    path: &[u8],
    gitignore: Option<&[u8]>,
    amlignore: Option<&[u8]>,
) -> Rules {
    if gitignore.is_none() && amlignore.is_none() {
        return above.clone();
    }
    above.with(path.len(), gitignore, amlignore)
}

/// Reads an ignore file of a folder.
pub(super) fn read_rules(
    root: BorrowedFd<'_>,
    folder: &[u8],
    name: &str,
) -> std::io::Result<Option<Vec<u8>>> {
    let path = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
    read_regular(root, &[&path, name.as_bytes()].concat())
}

/// Reads an ignore file, if it is a file that can be read. One that is too large is an error: without its rules the snapshot
/// would have what it should not.
fn read_regular(folder: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    let Ok(mut file) = files::open_file(folder, name) else { return Ok(None) };
    match small_file::read_open(&mut file, SMALL_FILE) {
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(error),
        read => Ok(read.ok()),
    }
}

/// Returns whether Git refuses the name in a tree: `.git` in another spelling.
pub(super) fn is_refused_name(name: &BStr) -> bool {
    if !matches!(name.first(), Some(b'.' | b'g' | b'G' | 0xe2 | 0xef)) {
        return false;
    }
    let options = gix::validate::path::component::Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    matches!(
        gix::validate::path::component(name, None, options),
        Err(gix::validate::path::component::Error::DotGitDir)
    )
}

/// Returns whether Git refuses a link of this name: `.gitmodules` in any spelling.
pub(super) fn is_refused_link(name: &BStr) -> bool {
    let mode = Some(gix::validate::path::component::Mode::Symlink);
    let options = gix::validate::path::component::Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    matches!(
        gix::validate::path::component(name, mode, options),
        Err(gix::validate::path::component::Error::SymlinkedGitModules)
    )
}
