//! A folder of a version as a zip file.

use super::source::Source;
use super::{Answer, Failure, Outcome, names, raw};
use crate::http::web::stream;
use crate::operations::tree_walk;
use crate::operations::zip::Zip;

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
        if mode.is_blob_or_symlink() {
            let path = format!("{name}/{}", names::text(path));
            source.work().list(path.len())?;
            files.push((path, id.to_owned()));
        }
        Ok(())
    })?;
    let zip = Zip::new(source.reopened()?, &source.visit.app.budget, source.work(), files)?;
    let version = version.shown().replace('/', "-");
    let name = format!("{name}-{version}.zip");
    Ok(Answer::Other(raw::file(stream::body(zip), None, "application/zip", &name, true)))
}
