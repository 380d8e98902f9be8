//! A received pack that is part of no repository yet.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use gix::{ObjectId, oid};
use gix_pack::index;

use super::objects::{IdSet, Objects, see_new_packs};
use super::unpack::Unpacked;
use super::{Boundary, Closure, Disconnected, Error, Received};
use crate::limits::FREE_PACK_SLOTS;

/// A pack that has been received and found good, in a folder of its own or in memory. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Quarantine {
    pub(super) held: Held,
    /// The repository's folder `objects`.
    pub(super) target: PathBuf,
    pub(super) received: Received,
    pub(super) durable: bool,
    pub(super) closure: Option<Closure>,
    pub(super) boundary: Boundary,
    pub(super) missing: Vec<Disconnected>,
}

/// The place of a received pack.
#[derive(Debug)]
pub(super) enum Held {
    /// In a folder that is an object database of its own, with the repository's as alternate.
    Folder {
        folder: tempfile::TempDir,
        /// The locked file that tells others that the folder is in use.
        _lock: File,
        /// The pack's checksum; `None` if it holds no objects.
        checksum: Option<ObjectId>,
        objects: u32,
        /// Objects of the repository that were added since deltas stand on them.
        bases: IdSet,
    },
    Memory(Box<Unpacked>),
}

/// The objects of a quarantine, and the repository's.
pub(crate) enum Opened<'a> {
    Folder {
        handle: Box<gix::odb::Handle>,
        /// Of the pack; `None` if it holds no objects.
        index: Option<Box<index::File>>,
        /// Objects of the repository among them.
        bases: &'a IdSet,
    },
    Memory(&'a Unpacked),
}

impl Opened<'_> {
    pub(crate) fn objects(&self) -> &dyn Objects {
        match self {
            Self::Folder { handle, .. } => &**handle,
            Self::Memory(unpacked) => *unpacked,
        }
    }

    /// Returns whether an object is among the received ones.
    pub(crate) fn is_received(&self, id: &oid) -> bool {
        match self {
            Self::Folder { index, bases, .. } => {
                index.as_ref().is_some_and(|index| index.lookup(id).is_some()) && !bases.contains(id)
            }
            Self::Memory(unpacked) => unpacked.is_new(id),
        }
    }
}

/// Makes the lock file of a quarantine. It is locked before it has its name, so that nobody finds it unlocked.
pub(super) fn lock(folder: &Path) -> Result<File, Error> {
    let make = || {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file().lock()?;
        Ok(file.persist(folder.join(QUARANTINE_LOCK))?)
    };
    make().map_err(Error::disk("lock", folder))
}

pub(super) fn pack_name(checksum: ObjectId) -> String {
    format!("pack-{checksum}")
}

/// A pack that has become part of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The pack file; `None` if there is none: the pack held no objects, or they are loose now.
    pub path: Option<PathBuf>,
    /// Its objects, bases added to complete a thin pack included.
    pub objects: u32,
}

/// A file in a quarantine that is locked for as long as the quarantine is in use.
pub(crate) const QUARANTINE_LOCK: &str = "lock";

impl Quarantine {
    /// Returns the counts of what was received.
    pub fn received(&self) -> Received {
        self.received
    }

    /// The pack's checksum; `None` if it holds no objects, or has been taken apart.
    pub fn checksum(&self) -> Option<ObjectId> {
        match &self.held {
            Held::Folder { checksum, .. } => *checksum,
            Held::Memory(_) => None,
        }
    }

    /// Returns the closure that the pack is, if it is one.
    pub(crate) fn closure(&self) -> Option<&Closure> {
        self.closure.as_ref()
    }

    /// The objects that the pack points to and does not hold.
    pub(crate) fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// Missing objects that received ones point to, where they are [gathered](Connectivity::Gathered).
    pub(crate) fn missing(&self) -> &[Disconnected] {
        &self.missing
    }

    /// Opens the received objects and the repository's.
    pub(crate) fn open(&self) -> Result<Opened<'_>, Error> {
        Ok(match &self.held {
            Held::Folder { folder, checksum, bases, .. } => Opened::Folder {
                bases,
                handle: Box::new(open(folder.path())?),
                index: match checksum {
                    Some(checksum) => {
                        let pack = folder.path().join("pack").join(pack_name(*checksum));
                        Some(Box::new(open_index(&pack.with_extension("idx"))?))
                    }
                    None => None,
                },
            },
            Held::Memory(unpacked) => Opened::Memory(unpacked),
        })
    }

    /// Moves what was received into the repository.
    ///
    /// # Errors
    /// If the disk fails; then nothing is left but objects that nothing points to.
    pub fn accept(self) -> Result<Stored, Error> {
        match &self.held {
            Held::Memory(unpacked) => {
                unpacked.store(&self.target)?;
                Ok(Stored { path: None, objects: self.received.total })
            }
            Held::Folder { checksum: None, .. } => Ok(Stored { path: None, objects: 0 }),
            Held::Folder { folder, checksum: Some(checksum), objects, .. } => {
                let name = pack_name(*checksum);
                let path =
                    move_in(&folder.path().join("pack"), &name, &self.target.join("pack"), self.durable)?;
                Ok(Stored { path: Some(path), objects: *objects })
            }
        }
    }
}

/// Moves a pack and its index from one folder to the other; returns where the pack is then.
fn move_in(source: &Path, name: &str, target: &Path, durable: bool) -> Result<PathBuf, Error> {
    fs::create_dir_all(target).map_err(Error::disk("create", target))?;
    // The index last: a pack without one isn't looked at.
    for extension in ["pack", "idx"] {
        let from = source.join(name).with_extension(extension);
        let to = target.join(name).with_extension(extension);
        if durable {
            File::open(&from).and_then(|file| file.sync_all()).map_err(Error::disk("write", &from))?;
        }
        if to.exists() {
            // The name is a checksum: it's the same.
            continue;
        }
        let mut permissions = fs::metadata(&from).map_err(Error::disk("read", &from))?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&from, permissions).map_err(Error::disk("change", &from))?;
        fs::rename(&from, &to).map_err(Error::disk("create", &to))?;
    }
    if durable {
        File::open(target).and_then(|folder| folder.sync_all()).map_err(Error::disk("write", target))?;
    }
    Ok(target.join(name).with_extension("pack"))
}

fn open_index(path: &Path) -> Result<index::File, Error> {
    index::File::at(path, gix::hash::Kind::Sha1)
        .map_err(|source| Error::Store { path: path.to_owned(), source: source.into() })
}

fn open(objects: &Path) -> Result<gix::odb::Handle, Error> {
    let options = gix::odb::store::init::Options {
        slots: gix::odb::store::init::Slots::AsNeededByDiskState {
            multiplier: 2.0,
            minimum: FREE_PACK_SLOTS,
        },
        ..gix::odb::store::init::Options::default()
    };
    let mut handle = gix::odb::at_opts(objects, gix::hash::Kind::Sha1, None, options)
        .map_err(Error::disk("open", objects))?;
    // What came meanwhile is known now. It isn't looked for again for each object that is missing.
    see_new_packs(&handle);
    handle.refresh_never();
    Ok(handle.with_pack_cache(|| Box::new(gix_pack::cache::lru::StaticLinkedList::<64>::default())))
}
