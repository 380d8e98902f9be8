//! The removing half of [`super::apply`]: files that are not to be, and folders that are empty then.

use std::{collections::BTreeSet, fs, path::Path};

use gix::bstr::{BString, ByteSlice};

use super::{
    Change, Error,
    apply::{TRIES, Work},
    disk::{self, Found, Kind},
};
use crate::checkout::path::below;

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
        let place = below(self.root, change.path.as_ref());
        let new = self.beside(i, "new");
        for _ in 0..TRIES {
            match disk::look(self.root, change.path.as_ref())? {
                Found::Nothing | Found::NotReachable | Found::Folder => return Ok(()),
                Found::Special => break,
                Found::File(_) => {
                    self.steps.before_path("move away", &change.path)?;
                    disk::rename_to_free(&place, &new)?;
                    self.discard(i, &new)?;
                }
            }
        }
        Err(Error::Obstructed { path: change.path.clone() })
    }

    /// Removes the folders that have become empty, and empty ones where a file is to be.
    pub(super) fn remove_folders(&mut self) -> Result<(), Error> {
        let mut needed = BTreeSet::new();
        let mut emptied = BTreeSet::new();
        for change in self.changes {
            let parents = change.path.find_iter("/").map(|end| change.path[..end].as_bstr());
            if self.wanted(change).is_some() {
                needed.extend(parents);
            } else {
                emptied.extend(parents);
            }
        }
        for folder in emptied.iter().rev().filter(|folder| !needed.contains(*folder)) {
            if self.parents_are_folders(folder)? {
                let path = below(self.root, folder);
                if disk::lstat(&path)?.is_some_and(|metadata| metadata.is_dir())
                    && disk::is_empty_folder(&path)?
                {
                    self.steps.before_path("remove the empty folder", &(*folder).to_owned())?;
                    disk::remove_empty_folder(&path)?;
                }
            }
        }
        for change in self.changes.iter().filter(|change| self.wanted(change).is_some()) {
            let place = below(self.root, change.path.as_ref());
            if disk::kind_at(&place)? == Some(Kind::Folder)
                && self.parents_are_folders(change.path.as_ref())?
            {
                self.remove_empty_folders(&below(self.root, change.path.as_ref()), &change.path)?;
            }
        }
        Ok(())
    }

    /// Removes the folder at `path` and all below it, which must be empty folders alone.
    fn remove_empty_folders(&self, path: &Path, place: &BString) -> Result<(), Error> {
        for entry in fs::read_dir(path).map_err(Error::io("read folder", path))? {
            let entry = entry.map_err(Error::io("read folder", path))?;
            if !entry.file_type().map_err(Error::io("look at", &entry.path()))?.is_dir() {
                return Err(Error::Obstructed { path: place.clone() });
            }
            self.remove_empty_folders(&entry.path(), place)?;
        }
        self.steps.before_path("remove the empty folder at", place)?;
        if disk::remove_empty_folder(path)? { Ok(()) } else { Err(Error::Obstructed { path: place.clone() }) }
    }
}
