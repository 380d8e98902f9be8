//! Finding deltas: libgit2's packer, which compares each object with its likes under the same name and of about the
//! same size.

use std::io::Write;
use std::path::Path;

use gix::ObjectId;
use gix::objs::{Kind, TreeRefIter};

use crate::Interrupt;
use crate::pack;
use crate::pack::objects::{IdMap, IdSet, Objects};

/// Streams a pack of `ids`, found in the folder `objects`, with deltas among them.
///
/// `names` says what they are called, as far as known.
pub(super) fn write(
    objects: &Path,
    ids: &[ObjectId],
    names: &IdMap<String>,
    threads: u32,
    interrupt: &Interrupt,
    out: &mut dyn Write,
) -> Result<(), git2::Error> {
    let database = git2::Odb::new()?;
    database.add_disk_alternate(
        objects.to_str().ok_or_else(|| git2::Error::from_str("the path of the repository is not UTF-8"))?,
    )?;
    let repository = git2::Repository::from_odb(database)?;
    let mut builder = repository.packbuilder()?;
    builder.set_threads(threads);
    builder.set_progress_callback(|_, _, _| !interrupt.is_set())?;
    for id in ids {
        builder.insert_object(git2::Oid::from_bytes(id.as_slice())?, names.get(id).map(String::as_str))?;
    }
    let mut outcome = Ok(());
    let done = builder.foreach(|chunk| {
        outcome = out.write_all(chunk);
        outcome.is_ok()
    });
    match outcome {
        Ok(()) => done,
        Err(error) => Err(git2::Error::from_str(&error.to_string())),
    }
}

/// What the objects among `ids` are called in the trees among them.
pub(super) fn names(
    objects: &dyn Objects,
    ids: &[ObjectId],
    interrupt: &Interrupt,
) -> Result<IdMap<String>, pack::Error> {
    let all: IdSet = ids.iter().copied().collect();
    let mut names = IdMap::default();
    let mut buffer = Vec::new();
    for id in ids {
        if interrupt.is_set() {
            return Err(pack::Error::Interrupted);
        }
        if !matches!(objects.header(id)?, Some((Kind::Tree, _))) {
            continue;
        }
        objects.expect(id, Kind::Tree, &mut buffer)?;
        for entry in TreeRefIter::from_bytes(&buffer, id.kind()) {
            let entry = entry.map_err(|_| pack::Error::Malformed { id: *id, expected: "tree" })?;
            if all.contains(entry.oid) {
                // libgit2 takes names without NUL; those have none in trees.
                names.entry(entry.oid.to_owned()).or_insert_with(|| entry.filename.to_string());
            }
        }
    }
    Ok(names)
}
