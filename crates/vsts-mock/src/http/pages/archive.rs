//! A folder of a version as a zip file.

use gix::bstr::ByteSlice as _;

use super::super::tree_walk;
use super::source::Source;
use super::{Answer, Failure, Outcome, names, raw};
use crate::http::rest::Archive;

/// How many bytes of files an archive may hold.
const MOST_BYTES: u64 = 512 << 20;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let missing = || Failure::absent("There is no such folder in this version.");
    let version = source.version(&["version"])?.ok_or_else(missing)?;
    let path = source.asked_path();
    let top =
        source.entry(version.commit, &path)?.filter(|entry| entry.mode.is_tree()).ok_or_else(missing)?;
    let name =
        path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&source.repo.name).to_owned();
    let mut files = Vec::new();
    tree_walk::below(&source.repository, source.work(), top.id, |path, mode, id| {
        source.work().list(path.len())?;
        if mode.is_blob_or_symlink() {
            files.push((path.to_owned(), id.to_owned()));
        }
        Ok(())
    })?;
    let (mut archive, mut bytes) = (Archive::default(), 0);
    for (path, id) in files {
        source.work().check()?;
        bytes += source.repository.find_header(id)?.size();
        if bytes > MOST_BYTES {
            return Err(Failure::Bad("That is too much for a zip file: clone the repository.".to_owned()));
        }
        let path = format!("{name}/{}", names::text(path.as_bstr()));
        archive.add(&path, &source.repository.find_object(id)?.data)?;
    }
    let version = version.shown().replace('/', "-");
    let response = raw::file(archive.finish()?, "application/zip", &format!("{name}-{version}.zip"), true);
    Ok(Answer::Other(response))
}
