//! Taking in a received pack: quarantine, index, check, and only then the repository.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::{ObjectId, oid};
use gix_pack::{data, index};

use super::objects::Objects;
use super::scan::Scan;
use super::small::{self, Attempt, Small};
use super::{Border, Closure, Disconnected, Error, check};

/// How a received pack is treated.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Bytes the pack may have.
    pub max_bytes: u64,
    /// Objects it may have.
    pub max_objects: u32,
    /// Bytes one object may have, inflated.
    pub max_object_bytes: usize,
    /// Whether commits, trees and tags are checked by Git's fsck rules.
    pub fsck: bool,
    /// What has to be there of what the received objects point to.
    pub connectivity: Connectivity,
    /// Commits whose parents may be missing: the receiver's shallow boundary.
    pub shallow: HashSet<ObjectId>,
    /// Whether deltas may have bases that aren't in the pack: then those that are in the repository are added to it.
    pub thin: bool,
    /// Whether the pack is written through to the disk before it is accepted.
    pub durable: bool,
    /// A pack of fewer objects than that is taken apart into loose objects, as Git's `transfer.unpackLimit` says. They
    /// aren't written through to the disk, as Git's aren't. A pack that stands alone stays one.
    pub unpack_below: u32,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            max_objects: u32::MAX,
            max_object_bytes: usize::MAX,
            fsck: true,
            connectivity: Connectivity::Everything,
            shallow: HashSet::new(),
            thin: true,
            durable: true,
            unpack_below: 0,
        }
    }
}

impl IngestOptions {
    fn is_checked(&self) -> bool {
        self.fsck || self.connectivity != Connectivity::Unchecked
    }
}

/// What has to be there of what received objects point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Everything.
    Everything,
    /// Nothing, but what isn't is gathered: who takes a push refuses the refs that reach it, and no others.
    Gathered,
    /// Nothing: a partial clone.
    Unchecked,
}

/// What has been received so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Objects.
    pub objects: u32,
    /// Objects that the pack says it has.
    pub total: u32,
    /// Bytes.
    pub bytes: u64,
}

/// A pack that has been received and found good, in a folder of its own or in memory. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Quarantine {
    held: Held,
    /// The repository's folder `objects`.
    target: PathBuf,
    received: Received,
    durable: bool,
    closure: Option<Closure>,
    border: Border,
    missing: Vec<Disconnected>,
}

/// Where a received pack is.
#[derive(Debug)]
enum Held {
    /// In a folder that is an object database of its own, with the repository's as alternate.
    Folder {
        folder: tempfile::TempDir,
        /// The locked file that tells others that the folder is in use.
        _lock: File,
        /// The pack's checksum; `None` if it holds no objects.
        checksum: Option<ObjectId>,
        objects: u32,
    },
    Memory(Box<Small>),
}

/// The objects of a quarantine, and the repository's.
pub(crate) enum Opened<'a> {
    Folder {
        handle: Box<gix::odb::Handle>,
        /// Of the pack; `None` if it holds no objects.
        index: Option<Box<index::File>>,
    },
    Memory(&'a Small),
}

impl Opened<'_> {
    pub(crate) fn objects(&self) -> &dyn Objects {
        match self {
            Self::Folder { handle, .. } => &**handle,
            Self::Memory(small) => *small,
        }
    }

    /// Returns whether an object is among the received ones.
    pub(crate) fn is_received(&self, id: &oid) -> bool {
        match self {
            Self::Folder { index, .. } => index.as_ref().is_some_and(|index| index.lookup(id).is_some()),
            Self::Memory(small) => small.is_new(id),
        }
    }
}

/// Makes the lock file of a quarantine. It is locked before it has its name, so that nobody finds it unlocked.
fn lock(folder: &Path) -> Result<File, Error> {
    let make = || {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file().lock()?;
        Ok(file.persist(folder.join(QUARANTINE_LOCK))?)
    };
    make().map_err(Error::disk("lock", folder))
}

fn pack_name(checksum: ObjectId) -> String {
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

/// The temporary names of the pack in quarantine.
const INCOMING: &str = "incoming.pack";
/// A file in a quarantine that is locked for as long as the quarantine is in use.
pub(crate) const QUARANTINE_LOCK: &str = "lock";

impl Quarantine {
    /// What was received.
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

    /// What the pack is the closure of, if it is one.
    pub(crate) fn closure(&self) -> Option<&Closure> {
        self.closure.as_ref()
    }

    /// The objects that the pack points to and does not hold.
    pub(crate) fn border(&self) -> &Border {
        &self.border
    }

    /// Missing objects that received ones point to, where they are [gathered](Connectivity::Gathered).
    pub(crate) fn missing(&self) -> &[Disconnected] {
        &self.missing
    }

    /// Opens the received objects and the repository's.
    pub(crate) fn open(&self) -> Result<Opened<'_>, Error> {
        Ok(match &self.held {
            Held::Folder { folder, checksum, .. } => Opened::Folder {
                handle: Box::new(open(folder.path())?),
                index: match checksum {
                    Some(checksum) => {
                        let pack = folder.path().join("pack").join(pack_name(*checksum));
                        Some(Box::new(open_index(&pack.with_extension("idx"))?))
                    }
                    None => None,
                },
            },
            Held::Memory(small) => Opened::Memory(small),
        })
    }

    /// Moves what was received into the repository.
    ///
    /// # Errors
    /// If the disk fails; then nothing is left but objects that nothing points to.
    pub fn accept(self) -> Result<Stored, Error> {
        match &self.held {
            Held::Memory(small) => {
                small.store(&self.target)?;
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
        slots: gix::odb::store::init::Slots::Given(8_192),
        ..gix::odb::store::init::Options::default()
    };
    let handle = gix::odb::at_opts(objects, gix::hash::Kind::Sha1, None, options)
        .map_err(Error::disk("open", objects))?;
    Ok(handle.with_pack_cache(|| Box::new(gix_pack::cache::lru::StaticLinkedList::<64>::default())))
}

/// Receives a pack for `repo` from `stream`, reading not a byte beyond it. Nothing in the repository changes before
/// [`Quarantine::accept()`], and nothing stays behind if this fails.
///
/// # Errors
/// If the stream breaks, the pack is malformed, over a limit, or incomplete, or holds objects that no repository
/// should.
pub fn ingest(
    repo: &gix::Repository,
    stream: &mut dyn BufRead,
    options: &IngestOptions,
    progress: &mut dyn FnMut(Received),
) -> Result<Quarantine, Error> {
    let mut repo = repo.clone();
    repo.objects.ignore_replacements = true;
    let objects = fs::canonicalize(repo.objects.store_ref().path())
        .map_err(Error::disk("find", repo.objects.store_ref().path()))?;
    if options.unpack_below > 0 {
        let read = match small::read(stream, &repo.objects, options)? {
            Attempt::Other(read) => read,
            Attempt::Small(small) => {
                let received = small.received;
                progress(received);
                let checked = if options.is_checked() {
                    let is_new = |id: &oid| small.is_new(id);
                    Some(check::all(&*small, &small.ids, &is_new, options)?)
                } else {
                    None
                };
                // What stands alone is all of some history, and stays the pack that it is.
                if checked.as_ref().is_none_or(|checked| checked.roots.is_none()) {
                    let (border, missing) =
                        checked.map(|checked| (checked.border, checked.missing)).unwrap_or_default();
                    return Ok(Quarantine {
                        held: Held::Memory(small),
                        target: objects,
                        received,
                        durable: options.durable,
                        closure: None,
                        border,
                        missing,
                    });
                }
                small.bytes
            }
        };
        return ingest_pack(&repo, objects, &mut io::Cursor::new(read).chain(stream), options, progress);
    }
    ingest_pack(&repo, objects, stream, options, progress)
}

/// Receives a pack into a folder.
fn ingest_pack(
    repo: &gix::Repository,
    objects: PathBuf,
    stream: &mut dyn BufRead,
    options: &IngestOptions,
    progress: &mut dyn FnMut(Received),
) -> Result<Quarantine, Error> {
    // Stock git knows the name, and clears away what a killed process leaves.
    let folder = tempfile::Builder::new()
        .prefix("tmp_objdir-incoming-")
        .tempdir_in(&objects)
        .map_err(Error::disk("create a folder in", &objects))?;
    let lock = lock(folder.path())?;
    let pack_folder = folder.path().join("pack");
    let info = folder.path().join("info");
    for path in [&pack_folder, &info] {
        fs::create_dir(path).map_err(Error::disk("create", path))?;
    }
    let alternates = info.join("alternates");
    let mut line = gix::path::into_bstr(&objects)
        .map_err(|error| Error::disk("spell", &objects)(io::Error::other(error)))?
        .into_owned();
    line.push(b'\n');
    fs::write(&alternates, &line).map_err(Error::disk("write", &alternates))?;

    let incoming = pack_folder.join(INCOMING);
    let mut received = Received::default();
    let mut keep = |now: Received| {
        received = now;
        progress(now);
    };
    let mut failure = None;
    let scan = Scan::begin(stream, &incoming, &repo.objects, options, &mut keep, &mut failure)?;
    if scan.total() == 0 {
        let received = scan.finish_empty()?;
        return Ok(Quarantine {
            held: Held::Folder { folder, _lock: lock, checksum: None, objects: 0 },
            target: objects,
            received,
            durable: options.durable,
            closure: None,
            border: Border::default(),
            missing: Vec::new(),
        });
    }
    let outcome = write_index(scan, &incoming, options);
    if let Some(failure) = failure {
        return Err(failure);
    }
    let outcome = outcome?;
    let name = pack_name(outcome.data_hash);
    for extension in ["pack", "idx"] {
        let from = incoming.with_extension(extension);
        let to = pack_folder.join(&name).with_extension(extension);
        fs::rename(&from, &to).map_err(Error::disk("rename", &from))?;
    }
    let index = pack_folder.join(&name).with_extension("idx");
    let mut quarantine = Quarantine {
        held: Held::Folder {
            folder,
            _lock: lock,
            checksum: Some(outcome.data_hash),
            objects: outcome.num_objects,
        },
        target: objects,
        received,
        durable: options.durable,
        closure: None,
        border: Border::default(),
        missing: Vec::new(),
    };
    if options.is_checked() {
        let index = open_index(&index)?;
        // In the pack's order, so that bases are met before and soon after their deltas.
        let mut entries: Vec<(u64, ObjectId)> = (0..index.num_objects())
            .map(|at| (index.pack_offset_at_index(at), index.oid_at_index(at).to_owned()))
            .collect();
        entries.sort_unstable();
        let ids: Vec<ObjectId> = entries.into_iter().map(|(_, id)| id).collect();
        let checked =
            check::all(quarantine.open()?.objects(), &ids, &|id| index.lookup(id).is_some(), options)?;
        quarantine.border = checked.border;
        quarantine.missing = checked.missing;
        quarantine.closure = checked
            .roots
            .filter(|_| options.shallow.is_empty() && options.connectivity != Connectivity::Unchecked)
            .map(|roots| Closure::new(outcome.data_hash, outcome.num_objects, roots));
    }
    Ok(quarantine)
}

fn write_index(
    mut scan: Scan<'_>,
    incoming: &Path,
    options: &IngestOptions,
) -> Result<index::write::Outcome, Error> {
    let path = incoming.with_extension("idx");
    let mut out = BufWriter::new(File::create_new(&path).map_err(Error::disk("create", &path))?);
    let outcome = index::write_data_iter_to_stream(
        index::Version::default(),
        || {
            let pack = data::File::at(incoming, gix::hash::Kind::Sha1).map_err(io::Error::other)?;
            Ok((slice, pack))
        },
        &mut scan,
        None,
        &mut gix::progress::Discard,
        &mut out,
        &AtomicBool::new(false),
        gix::hash::Kind::Sha1,
        Some(options.max_object_bytes),
        data::Version::V2,
    )
    .map_err(Error::Index)?;
    out.flush().map_err(Error::disk("write", &path))?;
    Ok(outcome)
}

fn slice(range: data::EntryRange, pack: &data::File) -> Option<&[u8]> {
    pack.entry_slice(range)
}
