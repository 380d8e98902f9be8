//! Doing what a journal says, forwards or back, from whatever state a kill left.
//!
//! Each change looks at what is there and does what is left to do, so applying twice is applying
//! once. New content is written beside its place (`.azml-<token>-<i>.part`), renamed to `.new` when it
//! is whole, and put in its place in one step that also takes what was there: displaced content is
//! looked at before it goes, and what neither side of the journal knows is added to the backup. Names
//! are made of the journal alone, so that a recovery finds what a kill left. What can be written at once, without touching
//! what is there, is (`prepare.rs`).

use std::{io, path::PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};

use super::{
    Change, Error,
    backup::LateBackup,
    disk::{self, Expected, Folders, Found, Parent},
    flush,
    journal::Journal,
    prepare::{self, Staged},
    steps::Counter,
    work::{Direction, TRIES, Work},
};
use crate::{
    checkout::{self, listing::Entry},
    dir::{Dir, Exchanged, split},
    history::HistoryRepo,
    io_error::IoError,
};

/// In which state a journal is applied.
#[derive(Debug, Default)]
pub(super) struct ApplyMode {
    /// Nothing of it was done before.
    pub(super) fresh: bool,
    /// A path to flush with the folder.
    pub(super) also_flush: Option<PathBuf>,
}

/// Applies `journal`; gives the paths whose content was added to the backup on the way.
pub(super) fn apply(
    history: &HistoryRepo,
    journal: &Journal,
    direction: Direction,
    begun: ApplyMode,
    steps: &Counter<'_>,
) -> Result<Vec<BString>, Error> {
    let ApplyMode { fresh, also_flush } = begun;
    let late = LateBackup {
        history,
        number: journal.number,
        restored: journal.target,
        by: &journal.by,
        saved: Vec::new(),
    };
    let mut work = Work {
        folders: Folders::open(history.root())?,
        repo: history.git(),
        token: journal.token(),
        changes: &journal.changes,
        direction,
        late,
        steps,
    };
    if !fresh {
        work.sweep()?;
    }
    work.remove_files()?;
    work.remove_folders()?;
    let ready = if fresh { prepare::prepare(&work) } else { Vec::new() };
    work.place_files(&ready)?;
    steps.before("flush the folder")?;
    let mut written = Vec::with_capacity(journal.changes.len());
    work.folders.forget();
    for change in &journal.changes {
        let path = change.path.as_bstr();
        written.push(match work.folders.of(path)? {
            Parent::Folder(_) => work.folders.shown(path),
            // Where the folder is gone, that is so in the next one above it.
            Parent::Missing | Parent::NotAFolder => work.folders.shown(work.nearest_above(path)?),
        });
    }
    written.extend(also_flush);
    flush::flush(history.root(), written)?;
    Ok(work.late.saved)
}

impl Work<'_> {
    /// Removes what an earlier attempt left beside its places; displaced content is saved first.
    fn sweep(&mut self) -> Result<(), Error> {
        for (i, change) in self.changes.iter().enumerate() {
            let path = change.path.as_bstr();
            let Some(folder) = self.folders.of(path)?.folder() else { continue };
            let failed = |action| self.folders.error(action, path);
            let part = self.beside(i, "part");
            if folder.stat(part.as_bstr()).map_err(failed("look beside"))?.is_some() {
                self.steps.before_path("remove an unfinished file of", &change.path)?;
                folder.remove_file(part.as_bstr()).map_err(failed("remove an unfinished file of"))?;
            }
            let new = self.beside(i, "new");
            if folder.stat(new.as_bstr()).map_err(failed("look beside"))?.is_some() {
                self.discard(i, &folder, new.as_bstr())?;
            }
        }
        Ok(())
    }

    /// Removes the file `name`, which was displaced from the `i`th place; saves what nobody knows.
    pub(super) fn discard(&mut self, i: usize, folder: &Dir, name: &BStr) -> Result<(), Error> {
        let change = &self.changes[i];
        let path = change.path.as_bstr();
        match disk::look_at(folder, name, &Expected::of(self.repo, change)?)
            .map_err(self.folders.error("read what was at", path))?
        {
            Found::File(entry) => {
                if Some(entry) != change.before
                    && Some(entry) != change.after
                    && !prepare::is_unfinished(self.repo, (folder, name), change)
                {
                    self.steps.before_path("save what was edited at", &change.path)?;
                    self.save(change, (folder, name), entry)?;
                }
                self.steps.before_path("remove what was at", &change.path)?;
                folder.remove_file(name).map_err(self.folders.error("remove what was at", path))
            }
            Found::Nothing | Found::NotReachable => Ok(()),
            Found::Folder | Found::Special => Err(Error::Obstructed { path: change.path.clone() }),
        }
    }

    /// Adds to the backup what is at the place of a change.
    fn save(&mut self, change: &Change, (folder, name): (&Dir, &BStr), entry: Entry) -> Result<(), Error> {
        let path = change.path.as_bstr();
        let stored = disk::store(self.late.history, folder, name, entry.kind);
        self.late.save(path, stored.map_err(self.folders.error("read what was at", path))?)
    }

    fn place_files(&mut self, ready: &[Staged]) -> Result<(), Error> {
        for (i, change) in self.changes.iter().enumerate() {
            let Some(wanted) = self.wanted(change) else { continue };
            match ready.get(i) {
                Some(Staged::InPlace) => {}
                Some(Staged::Beside) => self.put_in_place(i, change, wanted)?,
                Some(Staged::Not) | None => self.place_file(i, change, wanted)?,
            }
        }
        Ok(())
    }

    /// Puts what is ready beside its place there: where a file was a moment ago.
    fn put_in_place(&mut self, i: usize, change: &Change, wanted: Entry) -> Result<(), Error> {
        let (path, new) = (change.path.as_bstr(), self.beside(i, "new"));
        if let Some(folder) = self.folders.of(path)?.folder() {
            let exchanged = folder.exchange(new.as_bstr(), split(path).1);
            match exchanged.map_err(self.folders.error("replace", path))? {
                Exchanged::Done => return self.discard(i, &folder, new.as_bstr()),
                Exchanged::Gone | Exchanged::Unsupported => {}
            }
            let failed = self.folders.error("remove what was made beside", path);
            folder.remove_file(new.as_bstr()).map_err(failed)?;
        }
        self.place_file(i, change, wanted)
    }

    fn place_file(&mut self, i: usize, change: &Change, wanted: Entry) -> Result<(), Error> {
        let obstructed = || Error::Obstructed { path: change.path.clone() };
        let path = change.path.as_bstr();
        let name = split(path).1;
        let new = self.beside(i, "new");
        let new = new.as_bstr();
        let expected = Expected::of(self.repo, change)?;
        for _ in 0..TRIES {
            let (folder, found) = match self.folders.of(path)? {
                Parent::NotAFolder => return Err(obstructed()),
                Parent::Missing => {
                    self.make_parents(change)?;
                    continue;
                }
                Parent::Folder(folder) => {
                    let found =
                        disk::look_at(&folder, name, &expected).map_err(self.folders.error("read", path))?;
                    (folder, found)
                }
            };
            match found {
                Found::File(entry) if entry == wanted => return Ok(()),
                Found::Folder | Found::NotReachable | Found::Special => return Err(obstructed()),
                Found::Nothing => {
                    if !self.write_beside(i, change, &folder, wanted)? {
                        continue;
                    }
                    self.steps.before_path("move into the free place", &change.path)?;
                    let failed = |action| self.folders.error(action, path);
                    if folder.rename_to_free(new, name).map_err(failed("move a file to"))? {
                        return Ok(());
                    }
                    folder.remove_file(new).map_err(failed("remove what was made beside"))?;
                }
                Found::File(entry) => {
                    if !self.write_beside(i, change, &folder, wanted)? {
                        continue;
                    }
                    self.steps.before_path("put in the place of", &change.path)?;
                    match folder.exchange(new, name).map_err(self.folders.error("replace", path))? {
                        Exchanged::Done => return self.discard(i, &folder, new),
                        Exchanged::Gone => {
                            let failed = self.folders.error("remove what was made beside", path);
                            folder.remove_file(new).map_err(failed)?;
                        }
                        Exchanged::Unsupported => {
                            if Some(entry) != change.before
                                && Some(entry) != change.after
                                && !prepare::is_unfinished(self.repo, (&folder, name), change)
                            {
                                self.save(change, (&folder, name), entry)?;
                            }
                            return folder.rename(new, name).map_err(self.folders.error("replace", path));
                        }
                    }
                }
            }
        }
        Err(obstructed())
    }

    /// Writes the content for a place beside it; when the name `.new` is there, it is whole. Gives false if the folder is
    /// gone.
    fn write_beside(&self, i: usize, change: &Change, folder: &Dir, wanted: Entry) -> Result<bool, Error> {
        let path = change.path.as_bstr();
        let (part, new) = (self.beside(i, "part"), self.beside(i, "new"));
        self.steps.before_path("write the content for", &change.path)?;
        match checkout::write_new(self.repo, (folder, part.as_bstr()), wanted, &|| self.folders.shown(path)) {
            Err(checkout::Error::Io(IoError { source, .. })) if source.kind() == io::ErrorKind::NotFound => {
                self.folders.forget();
                return Ok(false);
            }
            written => drop(written?),
        }
        self.steps.before_path("name as whole the content for", &change.path)?;
        let failed = self.folders.error("name as whole the content for", path);
        folder.rename(part.as_bstr(), new.as_bstr()).map_err(failed)?;
        Ok(true)
    }

    fn make_parents(&self, change: &Change) -> Result<(), Error> {
        for end in change.path.find_iter("/") {
            let path = change.path[..end].as_bstr();
            match self.folders.at(path)? {
                Parent::Folder(_) => {}
                Parent::NotAFolder => return Err(Error::Obstructed { path: change.path.clone() }),
                Parent::Missing => {
                    let Some(above) = self.folders.of(path)?.folder() else {
                        return Err(Error::Obstructed { path: change.path.clone() });
                    };
                    self.steps.before_path("make a folder for", &change.path)?;
                    above.make(split(path).1).map_err(self.folders.error("make folder", path))?;
                }
            }
        }
        Ok(())
    }

    /// The nearest folder above a path that is there.
    fn nearest_above<'p>(&self, path: &'p BStr) -> Result<&'p BStr, Error> {
        let mut folder = split(path).0;
        while !folder.is_empty() && self.folders.at(folder)?.folder().is_none() {
            folder = split(folder).0;
        }
        Ok(folder)
    }
}
