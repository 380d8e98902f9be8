//! Packs and loose objects: is each what its name says?
//!
//! A damaged pack is moved away, and whatever can still be read from it is stored again; a pack whose index alone is
//! damaged is indexed again. A damaged loose object is moved away.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use gix::progress::Discard;
use gix::{
    ObjectId,
    objs::{Kind, Write as _},
};
use gix_pack::Bundle;

use super::{Error, Outcome, Report, damaged::set_aside, places::chain};
use crate::{history::HistoryRepo, io_error::IoError};

/// Checks them all.
pub(super) fn check(history: &HistoryRepo, mend: bool, report: &mut Report) -> Result<(), Error> {
    let objects = history.path().join("objects");
    for pack in packs(&objects.join("pack"))? {
        report.packs += 1;
        match verify(&pack) {
            Ok(count) => report.objects += count,
            Err(trouble) => {
                let name = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let outcome = if mend { rescue(history, &pack, report)? } else { Outcome::Found };
                report.add(name, trouble, outcome);
            }
        }
    }
    for (id, file) in loose(&objects)? {
        report.objects += 1;
        if let Err(trouble) = verify_loose(history, &objects, &id) {
            let outcome = if mend {
                let place = set_aside(&history.own_folder(), &file)?;
                report.objects -= 1;
                Outcome::Mended(format!("moved to {}", place.display()))
            } else {
                Outcome::Found
            };
            report.add(format!("object {id}"), trouble, outcome);
        }
    }
    Ok(())
}

/// The packs of a folder, also those that have lost their index.
fn packs(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(IoError::of("list", folder))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .collect();
    found.sort();
    Ok(found)
}

/// Returns the number of objects in a pack, if all of them are what the index says.
fn verify(pack: &Path) -> Result<u64, String> {
    let bundle = Bundle::at(pack, gix::hash::Kind::Sha1).map_err(|error| chain(&error))?;
    let options = gix_pack::index::verify::integrity::Options::default();
    bundle.verify_integrity(&mut Discard, &AtomicBool::new(false), options).map_err(|error| chain(&error))?;
    Ok(u64::from(bundle.index.num_objects()))
}

/// Brings back what a damaged pack still has.
fn rescue(history: &HistoryRepo, pack: &Path, report: &mut Report) -> Result<Outcome, Error> {
    let own = history.own_folder();
    let index = pack.with_extension("idx");
    // A pack that is whole by itself needs a new index alone.
    if let Some(count) = index_again(history, pack)? {
        report.objects += count;
        return Ok(Outcome::Mended("indexed again".to_owned()));
    }
    let place = set_aside(&own, pack)?;
    let aside = if index.exists() { Some(set_aside(&own, &index)?) } else { None };
    // The names of the two stay alike unless one of them met an older one of its name.
    let bundle = aside
        .filter(|aside| aside.file_stem() == place.file_stem())
        .and_then(|_| Bundle::at(&place, gix::hash::Kind::Sha1).ok());
    let Some(bundle) = bundle else {
        return Ok(Outcome::Mended(format!("moved to {}; nothing in it can be read", place.display())));
    };
    let (mut saved, mut lost) = (0u64, 0u64);
    let mut buffer = Vec::new();
    for number in 0..bundle.index.num_objects() {
        let id = bundle.index.oid_at_index(number).to_owned();
        if history.git().has_object(id) {
            continue;
        }
        match read(&bundle, number, &id, &mut buffer) {
            Some(kind) => {
                history.git().objects.write_buf(kind, &buffer).map_err(|error| {
                    IoError::of("write an object into", history.path())(std::io::Error::other(error))
                })?;
                saved += 1;
            }
            None => lost += 1,
        }
    }
    report.objects += saved;
    Ok(Outcome::Mended(format!(
        "moved to {}; {saved} of its objects are stored again, {lost} can't be read",
        place.display()
    )))
}

/// An object of a damaged pack, if it is whole.
fn read(bundle: &Bundle, number: u32, id: &ObjectId, buffer: &mut Vec<u8>) -> Option<Kind> {
    let mut inflate = gix_zlib::Inflate::default();
    let found = bundle.get_object_by_index(number, buffer, &mut inflate, &mut gix_pack::cache::Never).ok()?;
    let kind = found.0.kind;
    let content = found.0.data.to_vec();
    let is_whole =
        gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, &content).is_ok_and(|hash| hash == *id);
    *buffer = content;
    is_whole.then_some(kind)
}

/// Makes a new index for a pack that is whole; how many objects it has.
fn index_again(history: &HistoryRepo, pack: &Path) -> Result<Option<u64>, Error> {
    let scratch = history.workspace()?;
    let file = File::open(pack).map_err(IoError::of("open", pack))?;
    let options = gix_pack::bundle::write::Options::default();
    let written = Bundle::write_to_directory(
        &mut BufReader::new(file),
        Some(scratch.path()),
        &mut Discard,
        &AtomicBool::new(false),
        None::<gix::odb::Handle>,
        gix::hash::Kind::Sha1,
        options,
    );
    let Some(new) = written.ok().and_then(|outcome| outcome.index_path) else { return Ok(None) };
    let Ok(count) = verify(&new.with_extension("pack")) else { return Ok(None) };
    let index = pack.with_extension("idx");
    if index.exists() {
        set_aside(&history.own_folder(), &index)?;
    }
    std::fs::rename(&new, &index).map_err(IoError::of("write", &index))?;
    Ok(Some(count))
}

/// The loose objects, by the names of their files.
fn loose(objects: &Path) -> Result<Vec<(ObjectId, PathBuf)>, Error> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(objects).map_err(IoError::of("list", objects))?.flatten() {
        let name = folder.file_name();
        let Some(first) = name.to_str().filter(|name| name.len() == 2) else { continue };
        let path = folder.path();
        for file in std::fs::read_dir(&path).map_err(IoError::of("list", &path))?.flatten() {
            let rest = file.file_name();
            let id =
                rest.to_str().and_then(|rest| ObjectId::from_hex(format!("{first}{rest}").as_bytes()).ok());
            found.extend(id.map(|id| (id, file.path())));
        }
    }
    found.sort();
    Ok(found)
}

fn verify_loose(history: &HistoryRepo, objects: &Path, id: &ObjectId) -> Result<(), String> {
    let store = gix::odb::loose::Store::at(objects, gix::hash::Kind::Sha1);
    let mut buffer = Vec::new();
    let found = store.try_find(id, &mut buffer).map_err(|error| chain(&error))?;
    let Some(object) = found else { return Err("it is gone".to_owned()) };
    let hash = gix::objs::compute_hash(history.git().object_hash(), object.kind, object.data)
        .map_err(|error| chain(&error))?;
    if hash == *id { Ok(()) } else { Err(format!("its content is that of {hash}")) }
}
