//! The `shallow` file: commits that are here without their parents.

use std::io::Write as _;

use gix::ObjectId;

use super::Error;
use crate::pack::IdSet;

/// The shallow boundary as it is on the disk now.
pub(super) fn read(repository: &gix::Repository) -> Result<Vec<ObjectId>, Error> {
    let path = path(repository)?;
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::repository("reading the `shallow` file", repository, source)),
    };
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(ObjectId::from_hex)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::repository("reading the `shallow` file", repository, source))
}

/// Adds to and takes from the boundary, under the lock that Git takes for it.
pub(super) fn update(
    repository: &gix::Repository,
    added: &[ObjectId],
    removed: &[ObjectId],
) -> Result<(), Error> {
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
        Error::repository("writing the `shallow` file", repository, source)
    };
    let path = path(repository)?;
    let wait = gix::lock::acquire::Fail::AfterDurationWithBackoff(std::time::Duration::from_secs(1));
    let mut lock = gix::lock::File::acquire_to_update_resource(&path, wait, None, 0)
        .map_err(|error| failed(error.into()))?;
    let mut boundary = read(repository)?;
    boundary.extend_from_slice(added);
    let removed: IdSet = removed.iter().copied().collect();
    boundary.retain(|id| !removed.contains(id));
    boundary.sort();
    boundary.dedup();
    if boundary.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error.into())),
            _ => Ok(()),
        };
    }
    for id in boundary {
        writeln!(lock, "{id}").map_err(|error| failed(error.into()))?;
    }
    lock.commit().map_err(|error| failed(error.to_string().into()))?;
    Ok(())
}

fn path(repository: &gix::Repository) -> Result<std::path::PathBuf, Error> {
    repository
        .shallow_file()
        .map_err(|source| Error::repository("finding the `shallow` file", repository, source))
}
