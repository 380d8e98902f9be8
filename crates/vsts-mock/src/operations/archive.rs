//! Zip files of folders.

use git_wire::Reader;
use gix::ObjectId;
use gix::bstr::BStr;

use super::refused::Refused;
use super::tree_walk;
use super::work::Work;
use super::zip::Zip;
use crate::budget::Budget;

/// A zip file of all files below a tree, each below `top` and under the name that `text` makes of its path.
pub(crate) fn of_folder(
    repository: Reader,
    memory: &Budget,
    work: &Work,
    tree: ObjectId,
    top: &str,
    text: impl Fn(&BStr) -> String,
) -> Result<Zip, Refused> {
    let mut files = Vec::new();
    tree_walk::below(&repository, work, tree, |path, mode, id| {
        if mode.is_blob_or_symlink() {
            let path = format!("{top}/{}", text(path));
            work.list(path.len())?;
            files.push((path, id.to_owned()));
        }
        Ok(())
    })?;
    Ok(Zip::new(repository, memory, work, files)?)
}
