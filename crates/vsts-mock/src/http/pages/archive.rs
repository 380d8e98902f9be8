//! A folder of a version as a zip file.

use gix::bstr::BStr;

use super::source::Source;
use super::{Answer, Failure, Outcome, names, raw};
use crate::http::web::stream;
use crate::operations::archive;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let missing = || Failure::absent("There is no such folder in this version.");
    let version = source.version(&["version"])?.ok_or_else(missing)?;
    let path = source.asked_path();
    let top =
        source.entry(version.commit, &path)?.filter(|entry| entry.mode.is_tree()).ok_or_else(missing)?;
    let name =
        path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&source.repo.name).to_owned();
    let (memory, text) = (&source.ctx.app.budget, |path: &BStr| names::text(path).into_owned());
    let zip = archive::of_folder(source.open()?, memory, &source.work, top.id, &name, text)?;
    let version = version.shown().replace('/', "-");
    let name = format!("{name}-{version}.zip");
    Ok(Answer::Other(raw::file(stream::body(zip), None, "application/zip", &name, true)))
}
