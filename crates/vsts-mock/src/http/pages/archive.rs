//! A folder of a version as a zip file.

use gix::bstr::ByteSlice as _;

use super::source::Source;
use super::{Answer, Failure, Outcome, names, raw};
use crate::http::rest::Archive;

/// How many files an archive may hold, and how many bytes of them.
const MOST_FILES: usize = 50_000;
const MOST_BYTES: u64 = 512 << 20;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let missing = || Failure::absent("There is no such folder in this version.");
    let version = source.version(&["version"])?.ok_or_else(missing)?;
    let path = source.asked_path();
    let top =
        source.entry(version.commit, &path)?.filter(|entry| entry.mode.is_tree()).ok_or_else(missing)?;
    let name =
        path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&source.repo.name).to_owned();
    let mut archive = Archive::default();
    let mut left = vec![(name.clone(), top.id)];
    let (mut files, mut bytes) = (0, 0);
    while let Some((folder, tree)) = left.pop() {
        for entry in source.entries(tree)? {
            let path = format!("{folder}/{}", names::text(entry.name.as_bstr()));
            if entry.mode.is_tree() {
                left.push((path, entry.id));
            } else if entry.mode.is_blob_or_symlink() {
                files += 1;
                bytes += source.repository.find_header(entry.id)?.size();
                if files > MOST_FILES || bytes > MOST_BYTES {
                    return Err(Failure::Bad(
                        "That is too much for a zip file: clone the repository.".to_owned(),
                    ));
                }
                archive.add(&path, &source.repository.find_object(entry.id)?.data)?;
            }
        }
    }
    let version = version.shown().replace('/', "-");
    let response = raw::file(archive.finish()?, "application/zip", &format!("{name}-{version}.zip"), true);
    Ok(Answer::Other(response))
}
