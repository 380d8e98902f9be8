//! The removing half of [`super::apply`]: files that are not to be, and folders that are empty then.

use std::collections::BTreeSet;

use gix::bstr::{BStr, BString, ByteSlice};
use rustix::fs::FileType;

use super::{
    Change, Error,
    disk::{self, Kind},
    work::{TRIES, Work},
};
use crate::dir::{Dir, split};

impl Work<'_> {
    pub(super) fn remove_files(&mut self) -> Result<(), Error> {
        for (i, change) in self.changes.iter().enumerate().rev() {
            if self.wanted(change).is_some() {
                continue;
            }
            self.remove_one(i, change)?;
        }
        Ok(())
    }

    fn remove_one(&mut self, i: usize, change: &Change) -> Result<(), Error> {
        let path = change.path.as_bstr();
        let new = self.beside(i, "new");
        for _ in 0..TRIES {
            let Some(folder) = self.folders.of(path)?.folder() else { return Ok(()) };
            let failed = |action| self.folders.error(action, path);
            match disk::kind_at(&folder, split(path).1).map_err(failed("look at"))? {
                None | Some(Kind::Folder) => return Ok(()),
                Some(Kind::Special) => break,
                Some(Kind::File) => {
                    self.steps.before_path("move away", &change.path)?;
                    folder.rename_to_free(split(path).1, new.as_bstr()).map_err(failed("move away"))?;
                    self.discard(i, &folder, new.as_bstr())?;
                }
            }
        }
        Err(Error::Obstructed { path: change.path.clone() })
    }

    /// Removes the folders that have become empty, and empty ones where a file is to be.
    pub(super) fn remove_folders(&mut self) -> Result<(), Error> {
        let (stays, goes): (Vec<&Change>, Vec<&Change>) =
            self.changes.iter().partition(|change| self.wanted(change).is_some());
        let emptied = folders_of(&goes);
        let needed = if emptied.is_empty() { BTreeSet::new() } else { folders_of(&stays) };
        for folder in emptied.into_iter().rev().filter(|folder| !needed.contains(folder)) {
            self.folders.forget();
            if let Some(open) = self.folders.at(folder)?.folder()
                && open.is_empty().map_err(self.folders.error("read folder", folder))?
            {
                self.steps.before_path("remove the empty folder", &folder.to_owned())?;
                self.remove_folder(folder)?;
            }
        }
        let mut missing = None;
        for change in stays {
            let path = change.path.as_bstr();
            let (above, name) = split(path);
            // A folder that is not there is not looked for again for each of its files.
            if missing == Some(above) {
                continue;
            }
            let Some(parent) = self.folders.at(above)?.folder() else {
                missing = Some(above);
                continue;
            };
            let kind = disk::kind_at(&parent, name).map_err(self.folders.error("look at", path))?;
            if kind == Some(Kind::Folder) {
                self.remove_empty_folders(&parent, name, &change.path)?;
            }
        }
        self.folders.forget();
        Ok(())
    }

    /// Removes the folder at a path if it is there and empty; gives whether it is gone now.
    fn remove_folder(&self, path: &BStr) -> Result<bool, Error> {
        let removed = match self.folders.of(path)?.folder() {
            Some(above) => above.remove_folder(split(path).1),
            None => Ok(true),
        };
        self.folders.forget();
        removed.map_err(self.folders.error("remove folder", path))
    }

    /// Removes the folder `name` and all below it, which must be empty folders alone.
    fn remove_empty_folders(&self, above: &Dir, name: &BStr, place: &BString) -> Result<(), Error> {
        let failed = |action| self.folders.error(action, place.as_bstr());
        let obstructed = || Error::Obstructed { path: place.clone() };
        let folder = above.below(name).map_err(failed("open the folder at"))?;
        for (name, kind) in folder.names().map_err(failed("read the folder at"))? {
            if kind != FileType::Directory {
                return Err(obstructed());
            }
            self.remove_empty_folders(&folder, name.as_bstr(), place)?;
        }
        self.steps.before_path("remove the empty folder at", place)?;
        if above.remove_folder(name).map_err(failed("remove the folder at"))? {
            Ok(())
        } else {
            Err(obstructed())
        }
    }
}

/// All folders that the paths of changes are in.
fn folders_of<'c>(changes: &[&'c Change]) -> BTreeSet<&'c BStr> {
    let of_one = |change: &&'c Change| {
        let path: &'c BString = &change.path;
        path.find_iter("/").map(|end| path[..end].as_bstr())
    };
    changes.iter().flat_map(of_one).collect()
}
