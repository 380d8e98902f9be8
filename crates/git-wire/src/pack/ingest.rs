//! Taking in a received pack: quarantine, index, check, and only then the repository.

use std::fs::{self, File};
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

use gix::objs::Kind;
use gix::{ObjectId, oid};
use gix_pack::data;

use super::check::{Checker, New};
use super::complete::{self, Appended};
use super::entries::{Entries, write_index};
use super::objects::{IdSet, see_new_packs};
use super::quarantine::{self, Held, pack_name};
use super::resolve::{Resolved, Resolver};
use super::scan::Scan;
use super::unpack::{self, Attempt};
use super::{Boundary, Closure, Connectivity, Error, IngestOptions, Quarantine, Received};

/// The temporary name of the pack in quarantine, and of one with shorter chains.
const INCOMING: &str = "incoming.pack";
const SHORTENED: &str = "shortened.pack";

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
        let read = match unpack::read(stream, &repo.objects, options)? {
            Attempt::Other(read) => read,
            Attempt::Unpacked(unpacked) => {
                let received = unpacked.received;
                progress(received);
                let checked = options.is_checked().then(|| unpacked.check(options)).transpose()?;
                // What stands alone is all of some history, and stays the pack that it is.
                if checked.as_ref().is_none_or(|checked| checked.roots.is_none()) {
                    let (boundary, missing) =
                        checked.map(|checked| (checked.boundary, checked.missing)).unwrap_or_default();
                    return Ok(Quarantine {
                        held: Held::Memory(unpacked),
                        target: objects,
                        received,
                        durable: options.durable,
                        closure: None,
                        boundary,
                        missing,
                    });
                }
                unpacked.bytes
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
    let lock = quarantine::lock(folder.path())?;
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
    let (mut entries, mut checksum, received) = Scan::begin(stream, &incoming, options, progress)?.read()?;
    if received.total == 0 {
        return Ok(Quarantine {
            held: Held::Folder { folder, _lock: lock, checksum: None, objects: 0, bases: IdSet::default() },
            target: objects,
            received,
            durable: options.durable,
            closure: None,
            boundary: Boundary::default(),
            missing: Vec::new(),
        });
    }
    // Packs that came while this one was sent are looked for once, and not again for each object that is missing.
    let mut repository = repo.objects.clone();
    see_new_packs(&repository);
    repository.refresh_never();

    let Resolution { checker, mut undeltified, bases } =
        resolve(&incoming, &mut entries, &repository, options)?;
    let mut path = incoming;
    if !undeltified.is_empty() {
        let shortened = pack_folder.join(SHORTENED);
        checksum = complete::shorten(&path, &shortened, &mut entries, &mut undeltified, options)?;
        fs::remove_file(&path).map_err(Error::disk("remove", &path))?;
        path = shortened;
    } else if !bases.is_empty() {
        checksum = complete::sum_up(&path, &entries, options)?;
    }
    let by_id = entries.sorted();
    let name = pack_folder.join(pack_name(checksum));
    let index = name.with_extension("idx");
    File::create_new(&index)
        .and_then(|file| write_index(&entries, &by_id, &checksum, file))
        .map_err(Error::disk("write", &index))?;
    fs::rename(&path, name.with_extension("pack")).map_err(Error::disk("rename", &path))?;
    let total = u32::try_from(entries.all.len()).unwrap_or(u32::MAX);
    let mut quarantine = Quarantine {
        held: Held::Folder { folder, _lock: lock, checksum: Some(checksum), objects: total, bases },
        target: objects,
        received,
        durable: options.durable,
        closure: None,
        boundary: Boundary::default(),
        missing: Vec::new(),
    };
    if options.is_checked() {
        let Held::Folder { bases, .. } = &quarantine.held else { return Ok(quarantine) };
        let new = Table { entries: &entries, by_id: &by_id, bases };
        let ids: Vec<ObjectId> =
            entries.all[..received.total as usize].iter().map(|entry| entry.id).collect();
        let checked = checker.finish(quarantine.open()?.objects(), &ids, &new)?;
        let is_closed =
            bases.is_empty() && options.shallow.is_empty() && options.connectivity != Connectivity::Unchecked;
        quarantine.boundary = checked.boundary;
        quarantine.missing = checked.missing;
        quarantine.closure =
            checked.roots.filter(|_| is_closed).map(|roots| Closure::new(checksum, total, roots));
    }
    Ok(quarantine)
}

/// The result of resolving the deltas of a pack.
struct Resolution<'o> {
    checker: Checker<'o>,
    /// Objects to store undeltified.
    undeltified: Vec<super::resolve::Undeltified>,
    /// Objects of the repository that were appended.
    bases: IdSet,
}

/// Finds out which objects the deltas of the pack at `path` are, and appends the bases that it leaves out.
fn resolve<'o>(
    path: &Path,
    entries: &mut Entries,
    repository: &gix::odb::Handle,
    options: &'o IngestOptions,
) -> Result<Resolution<'o>, Error> {
    let pack = data::File::at(path, gix::hash::Kind::Sha1)
        .map_err(|source| Error::Store { path: path.to_owned(), source: source.into() })?;
    let folder = path.parent().unwrap_or(path);
    let resolver = Resolver::new(&pack, entries, options, folder);
    let mut all = resolver.all()?;
    let mut appended: Option<Appended<'_>> = None;
    for (id, _) in resolver.missing() {
        // What stands on the bases before it may have been this one.
        if !options.thin || !resolver.is_waited_for(&id) {
            continue;
        }
        let Some(base) = complete::read_base(repository, &id)? else { continue };
        let appended = match &mut appended {
            Some(appended) => appended,
            none => none.insert(Appended::new(path, entries.end)?),
        };
        appended.add(id, base.kind, &base.bytes)?;
        all.add(resolver.outside(id, base.kind, base.bytes)?)?;
    }
    if let Some((id, at)) = resolver.missing().first() {
        let offset = entries.all[*at as usize].offset;
        return Err(Error::Invalid(format!(
            "the delta at offset {offset} has the base {id}, which is neither in the pack nor in the repository"
        )));
    }
    let Resolved { found, undeltified, checker } = all;
    for (at, id, kind) in found {
        let entry = &mut entries.all[at as usize];
        (entry.id, entry.kind) = (id, Some(kind));
    }
    let mut bases = IdSet::default();
    if let Some(appended) = appended {
        bases.extend(appended.entries.iter().map(|entry| entry.id));
        appended.finish(entries)?;
    }
    Ok(Resolution { checker, undeltified, bases })
}

/// The objects of a pack, by id.
struct Table<'e> {
    entries: &'e Entries,
    by_id: &'e [u32],
    bases: &'e IdSet,
}

impl New for Table<'_> {
    fn kind(&self, id: &oid) -> Option<Kind> {
        let entry = |at: &u32| &self.entries.all[*at as usize];
        let place = self.by_id.binary_search_by(|at| entry(at).id.as_ref().cmp(id)).ok()?;
        (!self.bases.contains(id)).then(|| entry(&self.by_id[place]).kind)?
    }
}
