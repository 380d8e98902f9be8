//! The recycled checkout: the next run reuses the last run's folder, and writes only what differs.
//!
//! When the folder is made, before the script runs, its manifest records the state of every file and folder. A file is
//! reused only if the next snapshot wants it as it is and nothing touched it since; all else in the folder is removed. A
//! change that the file system's clock can't tell apart counts as one. No link is followed on the way.

mod manifest;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use azml_core::checkout;
use azml_core::checkout::listing::{self, Listing};
use azml_core::dir::{Dir, Opened, split};
use azml_core::large::Tree;
use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice as _};

use self::manifest::State;
pub(super) use self::manifest::{Folder, Manifest, join, open_top};
pub(super) use self::scan::{Difference, Scan, scan};
use super::disk::remove_all;

const WORK: &str = "work";
const INDEX: &str = "index";
/// With more folders that have to be read to know what is in them, it pays to write a new manifest.
const UNSURE: usize = 16;

/// Writes the manifest of a fresh run folder to the file `index`; links were made in the folders `linked_into`, and links of
/// the snapshot adjusted to the project folder `links_of`, if that is not empty.
pub(super) fn write_manifest(
    work: &Path,
    tree: ObjectId,
    links_of: BString,
    mut top: Folder,
    is_linked_into: &dyn Fn(&BStr) -> bool,
    index: &Path,
) -> io::Result<Manifest> {
    let open = open_top(work)?;
    top.look(&open, BStr::new(b""), is_linked_into)?;
    let mode = State::open(&open)?.mode;
    Manifest { tree, links_of, mode, top }.write(index)?;
    // Read back: with what the clock can vouch for.
    Manifest::read(index)
}

/// The folders and files that a snapshot's tree has.
pub(super) fn folders_of(repo: &gix::Repository, tree: impl Into<Tree>) -> Result<Folder, checkout::Error> {
    Ok(Folder::of(&listing::list(repo, tree)?))
}

/// Returns the manifest of a run folder whose index can't be read: the files of its snapshot, none of which is known to be
/// untouched.
pub(super) fn made_of(repo: &gix::Repository, tree: Tree, work: &Path) -> Result<Manifest, checkout::Error> {
    let mode = open_top(work).and_then(|open| State::open(&open)).map_or(0o755, |state| state.mode);
    Ok(Manifest { tree: tree.id, links_of: BString::default(), mode, top: folders_of(repo, tree)? })
}

/// Puts a run's folder and its index aside for the next run. An older one that was put aside is moved into the folder
/// `removable`, from which a later submit removes it.
///
/// Of runs that end at the same time one wins; the folders of the others are left where they are.
pub(super) fn release(work: &Path, index: &Path, recycled: &Path, removable: &Path) -> io::Result<()> {
    let staged = work.with_extension("parked");
    fs::create_dir(&staged)?;
    fs::rename(work, staged.join(WORK))?;
    // Without an index it is nothing that the next run could use.
    let is_usable = fs::rename(index, staged.join(INDEX)).is_ok();
    fs::create_dir_all(removable)?;
    let run = work.parent().and_then(Path::file_name).unwrap_or_default();
    if !is_usable {
        return fs::rename(staged, removable.join(run));
    }
    match fs::rename(recycled, removable.join(run)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(staged, recycled)
}

/// The part of the last run's folder that is reused.
pub(super) enum Reused {
    /// All of it, untouched: what was noted then is so now, and kept in the new index.
    AsItWas(Manifest),
    /// Some of it; the rest was made.
    Remade(Folder),
}

/// Takes the folder that was put aside, if there is one, and makes it the snapshot `tree` at `work`, for the project
/// folder `root`.
///
/// `None`: there is nothing at `work`, and the folder has to be made from scratch.
pub(super) fn reuse(
    repo: &gix::Repository,
    tree: impl Into<Tree>,
    root: &Path,
    recycled: &Path,
    work: &Path,
    index: &Path,
) -> Option<Reused> {
    let taken = work.with_extension("spare");
    // Who renames it has it: runs that start at the same time make theirs from scratch.
    fs::rename(recycled, &taken).ok()?;
    let done = reuse_from(repo, tree.into(), root, &taken, work, index);
    if let Err(error) = &done {
        tracing::debug!(%error, "the last run's folder can't be used");
        let broken = work.with_extension("broken");
        if fs::rename(work, &broken).is_ok() {
            drop(remove_all(&broken));
        }
    }
    drop(remove_all(&taken));
    done.ok()
}

fn reuse_from(
    repo: &gix::Repository,
    tree: Tree,
    root: &Path,
    taken: &Path,
    work: &Path,
    index: &Path,
) -> io::Result<Reused> {
    let mut manifest = Manifest::read(&taken.join(INDEX))?;
    fs::rename(taken.join(WORK), work)?;
    let list = || listing::list(repo, tree).map_err(io::Error::other);
    let has_its_links = manifest.links_of.is_empty() || manifest.links_of == root.as_os_str().as_bytes();
    let mut wanted = if manifest.tree == tree.id && has_its_links { None } else { Some(list()?) };
    let kept = keep(work, &mut manifest, wanted.as_ref())?;
    if wanted.is_none() && !kept.has_lost && kept.unsure <= UNSURE {
        fs::rename(taken.join(INDEX), index)?;
        return Ok(Reused::AsItWas(manifest));
    }
    let mut missing = match wanted.take() {
        Some(wanted) => wanted,
        None => list()?,
    };
    let whole = Folder::of(&missing);
    manifest.top.files(BStr::new(b""), &mut |path, _| {
        missing.remove(path);
    });
    checkout::add(repo, &missing, work).map_err(io::Error::other)?;
    Ok(Reused::Remade(whole))
}

/// The result of [`keep`].
struct Kept {
    /// True if a file or folder that was made is not there any more.
    has_lost: bool,
    /// The number of folders whose state does not tell what is in them.
    unsure: usize,
}

/// Removes from `work` what was not made there, was touched, or is not in `wanted`, if that is given; takes what it removed out
/// of `made` as well.
fn keep(work: &Path, made: &mut Manifest, wanted: Option<&Listing>) -> io::Result<Kept> {
    let open = Dir::open(work)?;
    let found = scan(work, made, wanted)?;
    remove(open, found, made)
}

fn remove(work: Dir, found: Scan, made: &mut Manifest) -> io::Result<Kept> {
    let mut folders = Opened::below(Arc::new(work));
    let mut lost = BTreeSet::new();
    for (path, difference) in found.differences {
        let (above, name) = split(path.as_bstr());
        match difference {
            Difference::New => folders.at(above)?.remove_all(name)?,
            Difference::Mode => folders.at(path.as_bstr())?.set_mode(made.mode)?,
            Difference::Touched { .. } | Difference::Unwanted | Difference::Closed => {
                folders.at(above)?.remove_all(name)?;
                lost.insert(path);
            }
            Difference::Gone => drop(lost.insert(path)),
        }
    }
    if !lost.is_empty() {
        made.top.drop_paths(BStr::new(b""), &lost);
    }
    Ok(Kept { has_lost: !lost.is_empty(), unsure: found.unsure })
}
